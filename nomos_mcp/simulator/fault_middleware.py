"""Carries out the faults that strike one request: before the routes see it, and on the answer's way back."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Never

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.faults import Fault

RESET_EXTENSION: Final = "nomos_mcp.simulator.reset"
"""Key in `scope["extensions"]` of a function that resets the connection; the simulator's own server offers it."""


async def lose(scope: Scope, receive: Receive) -> None:
    """Reset the connection of a request.

    Over the simulator's own server the peer sees a TCP reset. In process there is no connection: the application raises
    what `httpx` raises for a reset, which its `ASGITransport` hands on unchanged. Under another ASGI server that is an
    unhandled error, which most answer with a 500.

    Args:
        scope: Of the request.
        receive: Of the request; read until the server has noticed, so that it does not answer in our place.

    Raises:
        httpx.ReadError: There is no connection to reset.
    """
    reset = scope.get("extensions", {}).get(RESET_EXTENSION)
    if reset is None:
        _raise_as_httpx_would()
    reset()
    while (await receive())["type"] != "http.disconnect":
        pass


def _raise_as_httpx_would() -> Never:
    import httpx  # noqa: PLC0415  the one caller that has httpx loaded already is the one that comes here

    raise httpx.ReadError("Connection reset by the simulator, on demand")


UNDOCUMENTED: str = "undocumented_by_now"
"""What a field holds where a fault with a new enum value names none."""


def spoiled(fault: Fault, body: bytes) -> bytes:
    """Do to a body what a fault does.

    Args:
        fault: Of any kind; the kinds that leave bodies alone change nothing.
        body: What the API would have answered.

    Returns:
        The new body; the old one where it is no JSON object, or has no such field.
    """
    match fault.kind:
        case "truncated_body":
            return body[: len(body) // 2]
        case "wrong_type_body":
            if fault.field is None:
                return b'["not", "an", "object"]'
            return _rewritten(body, fault.field, lambda value: 42 if isinstance(value, str) else "not what it was")
        case "new_enum_value":
            word = fault.value if fault.value is not None else UNDOCUMENTED
            return _rewritten(body, fault.field or "status", lambda _: word)
        case _:
            return body


def _rewritten(body: bytes, field: str, change: Callable[[object], object]) -> bytes:
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if not isinstance(content, dict):
        return body
    items = content.get("items")
    # A list's own fields can be meant too (`items`, `next_page`); where the list has none of that name, its items are.
    subjects = [content] if field in content or not isinstance(items, list) else items
    for subject in subjects:
        if field in subject:
            subject[field] = change(subject[field])
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class FaultMiddleware:
    """ASGI middleware around the routes, for one request.

    Args:
        app: The routes.
        faults: What strikes it.
        failing: Makes the answer of an error status.
        sleep: Waits, for a delay.
    """

    def __init__(self, app: ASGIApp, faults: Sequence[Fault], failing: Callable[[int], ASGIApp], sleep: Sleep) -> None:
        self._app = app
        self._faults = faults
        self._failing = failing
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or lose it."""
        if await self._went_wrong(scope, receive, send, after_commit=False):
            return
        held_back: list[Message] = []

        async def keep(message: Message) -> None:
            held_back.append(dict(message))

        await self._app(scope, receive, keep)
        if await self._went_wrong(scope, receive, send, after_commit=True):
            return
        for message in self._spoiled(held_back):
            await send(message)

    async def _went_wrong(self, scope: Scope, receive: Receive, send: Send, *, after_commit: bool) -> bool:
        """Tell whether the request ends here."""
        for fault in self._faults:
            if fault.after_commit != after_commit:
                continue
            if fault.kind == "delay" and fault.seconds is not None:
                await self._sleep(fault.seconds)
            elif fault.kind == "reset":
                if not after_commit:  # whoever is still sending gets an error of another kind than a reset
                    await Request(scope, receive).body()
                await lose(scope, receive)
                return True
            elif fault.kind == "status" and fault.status is not None:
                await self._failing(fault.status)(scope, receive, send)
                return True
        return False

    def _spoiled(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Rewrite a success; an error's body stays what it is."""
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        changed = body
        for fault in self._faults if start["status"] < 400 else ():  # noqa: PLR2004  where HTTP's errors begin
            changed = spoiled(fault, changed)
        if changed == body:
            return messages
        MutableHeaders(scope=start)["content-length"] = str(len(changed))
        return [start, {"type": "http.response.body", "body": changed}]
