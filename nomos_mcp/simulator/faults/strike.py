"""Carries out the faults that strike one request: before the routes see it, and on the answer's way back."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.faults.bodies import spoiled
from nomos_mcp.simulator.faults.connection import lose
from nomos_mcp.simulator.faults.fault import Fault

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class Struck:
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
