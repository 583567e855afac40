"""Carries out the faults of one request: before the routes see it, and on the answer."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.faults import Fault

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""

RESET_EXTENSION: Final = "nomos_mcp.simulator.reset"
"""Key in `scope["extensions"]` of a function that resets the connection; the simulator's own server offers it."""


@dataclass(frozen=True, slots=True)
class FaultMiddleware:
    """ASGI middleware around the routes, for one request; `error_answer` makes the answer of a status."""

    app: ASGIApp
    faults: Sequence[Fault]
    error_answer: Callable[[int], ASGIApp]
    sleep: Sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._ends(scope, receive, send, after_commit=False):
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(dict(message))

        await self.app(scope, receive, keep)
        if await self._ends(scope, receive, send, after_commit=True):
            return
        for message in self._spoiled(messages):
            await send(message)

    async def _ends(self, scope: Scope, receive: Receive, send: Send, *, after_commit: bool) -> bool:
        """Carry out delays, resets and error answers; tell whether one of them ended the request."""
        for fault in self.faults:
            if fault.after_commit != after_commit:
                continue
            if fault.kind == "delay" and fault.seconds is not None:
                await self.sleep(fault.seconds)
            elif fault.kind == "reset":
                if not after_commit:  # a client that is still sending would get another error than a reset
                    await Request(scope, receive).body()
                await _reset(scope, receive)
                return True
            elif fault.kind == "status" and fault.status is not None:
                await self.error_answer(fault.status)(scope, receive, send)
                return True
        return False

    def _spoiled(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Change the body of a success; an error's body stays as it is."""
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        changed = body
        for fault in self.faults if start["status"] < 400 else ():  # noqa: PLR2004  where HTTP's errors begin
            changed = _spoiled_body(fault, changed)
        if changed == body:
            return messages
        MutableHeaders(scope=start)["content-length"] = str(len(changed))
        return [start, {"type": "http.response.body", "body": changed}]


async def _reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection.

    Over the simulator's own server the peer sees a TCP reset. In process there is no connection: the application raises
    what `httpx` raises for a reset, and its `ASGITransport` passes that on unchanged. Under another ASGI server that is
    an unhandled error, which most answer with a 500.
    """
    reset = scope.get("extensions", {}).get(RESET_EXTENSION)
    if reset is None:
        import httpx  # noqa: PLC0415  the caller that gets here has httpx loaded already

        raise httpx.ReadError("Connection reset by the simulator, on demand")
    reset()
    while (await receive())["type"] != "http.disconnect":  # otherwise the server would answer in our place
        pass


def _spoiled_body(fault: Fault, body: bytes) -> bytes:
    """Apply a fault to a body; one that is no JSON object, or lacks the field, stays as it is."""
    if fault.kind == "truncated_body":
        return body[: len(body) // 2]
    if fault.kind == "wrong_type_body" and fault.field is None:
        return b'["not", "an", "object"]'
    if fault.kind not in {"wrong_type_body", "new_enum_value"}:
        return body
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if not isinstance(content, dict):
        return body
    field = fault.field or "status"
    items = content.get("items")
    # The field may be a list's own (`items`, `next_page`); if the list has none of that name, its items are changed.
    for subject in [content] if field in content or not isinstance(items, list) else items:
        if field not in subject:
            continue
        if fault.kind == "new_enum_value":
            subject[field] = "undocumented_by_now" if fault.value is None else fault.value
        else:
            subject[field] = 42 if isinstance(subject[field], str) else "not what it was"
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
