"""Faults between the client and the simulator, told beforehand: a schedule says what happens to which request."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from nomos_mcp.simulator import Simulator

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]

BEFORE_COMMIT = ("reset_before", "timeout_before", "500_before", "503_before", "429_before", "401_before")
AFTER_COMMIT = ("reset_after", "timeout_after", "500_after", "truncated", "html", "wrong_version", "wrong_type")
LATE = "slow"  # the caller gives up waiting, and the order is made when the next one arrives
REFUSED = "403_before"
POST_FAULTS = (*BEFORE_COMMIT, *AFTER_COMMIT, LATE, REFUSED)
READ_FAULTS = ("reset_before", "timeout_before", "500_before", "429_before", "html")


@dataclass
class Faulty:
    """An ASGI application in front of the simulator.

    Attributes:
        simulator: What is asked in the end.
        posts: Faults of the orders, in turn; `""` and what comes after the end: none.
        reads: Faults of the reads that follow the first order, in turn.
        on_post: Called when an order arrives.
        read_failed: Whether a read after the first order met a fault.
    """

    simulator: Simulator
    posts: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    on_post: Callable[[], None] | None = None
    read_failed: bool = False
    posted: int = 0
    late: list[tuple[Scope, list[Message]]] = field(default_factory=list, init=False)

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["path"] == "/oauth/token":
            await self.simulator(scope, receive, send)
            return
        if scope["method"] == "POST":
            self.posted += 1
            if self.on_post:
                self.on_post()
            await self._made_late()
            fault = self.posts.pop(0) if self.posts else ""
        else:
            fault = self.reads.pop(0) if self.reads and self.posted else ""
            self.read_failed = self.read_failed or bool(fault)
        await self._served(fault, scope, receive, send)

    async def _made_late(self) -> None:
        late, self.late = self.late, []
        for scope, messages in late:
            await self.simulator(scope, _replay(messages), _nobody_waits)

    async def _served(
        self,
        fault: str,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if fault == LATE:
            self.late.append((scope, [await receive()]))
            while self.late[-1][1][-1].get("more_body"):
                self.late[-1][1].append(await receive())
            raise httpx.ReadTimeout("too slow")
        if fault.endswith("_before"):
            await _failed(fault, send)
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.simulator(scope, receive, keep)
        if fault.endswith("_after"):
            await _failed(fault, send)
            return
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        headers = dict(start["headers"])
        if fault == "truncated":
            body = body[: len(body) // 2]
        if fault == "html":
            headers[b"content-type"], body = b"text/html", b"<html></html>"
        if fault == "wrong_type":
            body = b"[]"
        if fault == "wrong_version":
            headers[b"x-api-version"] = b"2025-12-01.chucky"
        headers.pop(b"content-length", None)
        await send({**start, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})


def _replay(messages: list[Message]) -> Callable[[], Awaitable[Message]]:
    async def receive() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop(0)

    return receive


async def _nobody_waits(_: Message) -> None:
    pass


async def _failed(fault: str, send: Callable[[Message], Awaitable[None]]) -> None:
    kind = fault.partition("_")[0]
    if kind == "reset":
        raise httpx.ReadError("connection reset")
    if kind == "timeout":
        raise httpx.ReadTimeout("too slow")
    await send({"type": "http.response.start", "status": int(kind), "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<html></html>"})
