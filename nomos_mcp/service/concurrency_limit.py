"""How many requests are served at once, in all and for each caller. One too many waits a while for its turn."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.service.auth.admission import caller_in
from nomos_mcp.service.constants import (
    MAX_REQUESTS,
    MAX_REQUESTS_PER_CALLER,
    MAX_STREAMS,
    MAX_STREAMS_PER_CALLER,
    MAX_WAITING,
    REQUESTS_PER_SECOND,
    WAIT_FOR_TURN,
)
from nomos_mcp.service.refusals import refusal

_LISTEN: Final = "subscriptions/listen"  # the one method whose answer has no end
_AGAIN: Final = {"retry-after": "1"}

_Caller = tuple[str, str] | None


@dataclass
class _Pool:
    in_all: int
    per_caller: int
    served: int = 0
    turns: dict[_Caller, anyio.Semaphore] = field(default_factory=dict)

    def turns_of(self, caller: _Caller) -> anyio.Semaphore:
        return self.turns.setdefault(caller, anyio.Semaphore(self.most(caller)))

    def most(self, caller: _Caller) -> int:
        return self.in_all if caller is None else self.per_caller

    def release(self, caller: _Caller) -> None:
        turns = self.turns[caller]
        turns.release()
        if turns.value == self.most(caller):
            del self.turns[caller]


class ConcurrencyLimit:
    """Lets a bounded number of requests through at once.

    A request counts from the first byte of its body until the last byte of its answer is on its way. Streams count for
    themselves, so that a caller who listens can still call.

    A request of a caller with a token counts for some time even if it is answered sooner: otherwise one caller who
    repeats what is refused, as fast as it can, would keep the process busy. One too many waits, which slows its sender
    down too, where a refusal would bring it back at once.

    Callers without a token are one caller, bounded only by what is served in all. A server without authentication is
    bound to loopback, so that there is one client address, and nothing else to tell them apart by.

    Args:
        app: What is behind, the reading of the body included.
        per_second: How many requests of one caller are served in a second, over time.
    """

    def __init__(self, app: ASGIApp, per_second: float = REQUESTS_PER_SECOND) -> None:
        self._app = app
        self._requests = _Pool(MAX_REQUESTS, MAX_REQUESTS_PER_CALLER)
        self._streams = _Pool(MAX_STREAMS, MAX_STREAMS_PER_CALLER)
        self._counts_for = MAX_REQUESTS_PER_CALLER / per_second
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        caller = _caller(scope)
        pool = self._streams if Headers(scope=scope).get("mcp-method") == _LISTEN else self._requests
        if not await self._is_its_turn(pool.turns_of(caller)):
            message = f"You have {pool.most(caller)} requests under way, as many as you may. Wait for an answer."
            await refusal(429, "too_many_requests", message, _AGAIN)(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        counts_until = loop.time() + self._counts_for if caller else 0.0
        try:
            if pool.served >= pool.in_all:
                message = "This server is busy. Send the request again in a second."
                await refusal(503, "busy", message, _AGAIN)(scope, receive, send)
                return
            pool.served += 1
            try:
                await self._app(scope, receive, _until_sent(send))
            finally:
                pool.served -= 1
        finally:
            if counts_until > loop.time():
                loop.call_at(counts_until, pool.release, caller)
            else:
                pool.release(caller)

    async def _is_its_turn(self, turns: anyio.Semaphore) -> bool:
        try:
            turns.acquire_nowait()
        except anyio.WouldBlock:
            if self._waiting >= MAX_WAITING:
                return False
        else:
            return True
        self._waiting += 1
        try:
            with anyio.move_on_after(WAIT_FOR_TURN) as waiting:
                await turns.acquire()
        finally:
            self._waiting -= 1
        return not waiting.cancelled_caught


def _caller(scope: Scope) -> _Caller:
    caller = caller_in(scope)
    return (caller.name, caller.customer_id) if caller else None


def _until_sent(send: Send) -> Send:
    """Return a `send` that returns from an answer's last part only when the client has been sent all of it.

    A server lets the next part wait while the one before it has not been taken. The last part has no next one, so an
    empty one is sent after it.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({**message, "more_body": True})
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return sent
