"""How many requests are served at once, in total and for each caller. A request above the limit waits for a while."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.service.authorization import caller_in, error_response, header_values
from nomos_mcp.service.http_limits import (
    MAX_ANONYMOUS_DELAY,
    MAX_ANONYMOUS_WAITING,
    MAX_REQUESTS,
    MAX_REQUESTS_PER_CALLER,
    MAX_STREAMS,
    MAX_STREAMS_PER_CALLER,
    MAX_WAIT,
    MAX_WAITING,
    REQUESTS_PER_SECOND,
)

_LISTEN: Final = b"subscriptions/listen"  # the one method whose answer has no end
_RETRY_AFTER: Final = {"retry-after": "1"}

_Caller = tuple[str, str, str] | None


@dataclass
class _Pool:
    total: int
    per_caller: int
    served: int = 0
    semaphores: dict[_Caller, anyio.Semaphore] = field(default_factory=dict)

    def limit(self, caller: _Caller) -> int:
        return self.total if caller is None else self.per_caller

    def semaphore(self, caller: _Caller) -> anyio.Semaphore:
        if (semaphore := self.semaphores.get(caller)) is None:
            semaphore = self.semaphores[caller] = anyio.Semaphore(self.limit(caller))
        return semaphore

    def release(self, caller: _Caller) -> None:
        semaphore = self.semaphores[caller]
        semaphore.release()
        if caller is not None and semaphore.value == self.per_caller:
            del self.semaphores[caller]


class ConcurrencyLimit:
    """Limits the requests that are served at once.

    A request counts from the first byte of its body until the last byte of its answer has been sent. Streams have a
    limit of their own, so that a caller who listens can still call.

    A request of a caller with a token counts for a minimum time even if it is answered sooner: otherwise a caller who
    repeats an invalid request as fast as it can would keep the process busy. A request above the limit waits a little,
    which slows down its sender, whereas an error at once would bring it back at once.

    Callers without a token count as one caller, limited only by the total. A server without authentication is bound to
    loopback, so all requests come from one address, and nothing tells callers apart.
    """

    def __init__(self, app: ASGIApp, per_second: float = REQUESTS_PER_SECOND) -> None:
        self._app = app
        self._requests = _Pool(MAX_REQUESTS, MAX_REQUESTS_PER_CALLER)
        self._streams = _Pool(MAX_STREAMS, MAX_STREAMS_PER_CALLER)
        self._minimum_time = MAX_REQUESTS_PER_CALLER / per_second
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = caller_in(scope)
        caller = (known.organisation, known.name, known.customer_id) if known else None
        pool = self._streams if header_values(scope).get(b"mcp-method") == _LISTEN else self._requests
        if not await self._acquired(pool.semaphore(caller)):
            message = f"You have {pool.limit(caller)} requests in progress, which is the limit. Wait for an answer."
            refusal = error_response(429, "too_many_requests", message, _RETRY_AFTER) if caller else _busy()
            await refusal(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        counts_until = loop.time() + self._minimum_time if caller else 0.0
        try:
            if pool.served >= pool.total:
                await _busy()(scope, receive, send)
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

    async def _acquired(self, semaphore: anyio.Semaphore) -> bool:
        try:
            semaphore.acquire_nowait()
        except anyio.WouldBlock:
            if self._waiting >= MAX_WAITING:
                return False
        else:
            return True
        self._waiting += 1
        try:
            with anyio.move_on_after(MAX_WAIT) as waiting:
                await semaphore.acquire()
        finally:
            self._waiting -= 1
        return not waiting.cancelled_caught


def _busy() -> Response:
    message = "This server is busy, and did nothing with the request. Send it again in a second."
    return error_response(503, "busy", message, _RETRY_AFTER)


def _until_sent(send: Send) -> Send:
    """Return a `send` that returns from the last part of an answer only when the client has been sent all of it.

    The server makes a part wait until the client has read the one before it. Nothing follows the last part, so an empty
    part is sent after it.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({**message, "more_body": True})
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return sent


class AnonymousRateLimit:
    """Slows down responses to callers without a valid token, so that a flood of them does not keep the process busy."""

    def __init__(self, app: ASGIApp, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._per_second = per_second
        self._clock = clock
        self._next = float("-inf")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and caller_in(scope) is None:
                await self._wait_turn()
            await send(message)

        await self._app(scope, receive, answer)

    async def _wait_turn(self) -> None:
        """After a pause, a second's worth of turns is free."""
        now = self._clock()
        self._next = min(max(self._next, now - 1) + 1 / self._per_second, now + MAX_ANONYMOUS_DELAY)
        if self._waiting < MAX_ANONYMOUS_WAITING:
            self._waiting += 1
            try:
                await anyio.sleep(max(0.0, self._next - now))
            finally:
                self._waiting -= 1
