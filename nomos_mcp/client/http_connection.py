"""What the calls of a client share: the connection to one host, and the reads that are running.

Connections, locks and calls that wait for each other cannot be shared between two event loops. Without the check here a
second loop gets a bare `RuntimeError` from the HTTP library, or waits for ever.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from copy import copy
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import anyio
from anyio.lowlevel import current_token
from pydantic import SecretStr

from nomos_mcp.client.errors import InvalidRequestError, LocalRateLimitError, NomosError
from nomos_mcp.client.http_messages import AsgiApp, Request, Response
from nomos_mcp.client.rate_limiter import RateLimiter, Timing

if TYPE_CHECKING:
    from nomos_mcp.client.transport import Transport

T = TypeVar("T")


class RequestObserver(Protocol):
    """Is told of the requests of a client, those for tokens included. Must neither raise nor wait."""

    def waited(self, seconds: float, *, granted: bool) -> None:
        """A request waited for the rate limiter. Not `granted`: no slot was free in time, or the caller went away."""

    def answered(self, method: str, status_code: int | None, seconds: float) -> None:
        """A request was answered after so many seconds; without a `status_code` there was no answer."""


class HttpConnection:
    """Sends the requests of one client, those for tokens included. The first one opens the connections.

    Attributes:
        observer: Is told of each request; None to tell nobody.
    """

    def __init__(self, base_url: str, app: AsgiApp | None, limiter: RateLimiter, timing: Timing) -> None:
        self.host = urlsplit(base_url).hostname or ""
        self.limiter = limiter
        self.timing = timing
        self.observer: RequestObserver | None = None
        self._base_url = base_url
        self._app = app
        self._guard = Lock()  # two threads may each make their first call at once
        self._loop: object = None
        self._calls = 0

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Hold the connection in the running event loop during a call; `InvalidRequestError` if another one has it."""
        with self._guard:
            if self._loop is None:
                self.limiter.renew_locks()
                self._loop = current_token()
            if self._is_elsewhere:
                raise _elsewhere()
            self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def turn(self, deadline: float, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for a slot of the rate limiter, until the deadline on the clock, and hold it; see `RateLimiter.slot`."""
        slot = self.limiter.slot(deadline - self.timing.monotonic(), urgent=urgent)
        return slot if self.observer is None else self._observed(slot, self.observer)

    async def send(self, request: Request, auth: SecretStr | tuple[str, SecretStr] | None = None) -> Response:
        """Send a request; see `Transport.send`."""
        began, status_code = self.timing.monotonic(), None
        try:
            response = await self._transport.send(request, auth, self.limiter.may_leave)
            status_code = response.status_code
        except NomosError as error:
            status_code = getattr(error, "status_code", None)
            raise
        finally:
            if self.observer is not None:
                self.observer.answered(request.method, status_code, self.timing.monotonic() - began)
        return response

    async def aclose(self) -> None:
        """Close the connections and let go of the event loop, unless calls still run in it."""
        if self._is_elsewhere:
            if self._app is None:
                raise _elsewhere()
            return  # an application that answers in process has no connections
        await self.limiter.aclose()
        if "_transport" in self.__dict__:
            await self._transport.aclose()
        if not self._calls:
            self._loop = None

    @cached_property
    def _transport(self) -> "Transport":
        from nomos_mcp.client.transport import Transport  # noqa: PLC0415  loads httpx, which a start can do without

        return Transport(self._base_url, self._app, self.timing.wall)

    @asynccontextmanager
    async def _observed(
        self, slot: AbstractAsyncContextManager[None], observer: RequestObserver
    ) -> AsyncGenerator[None]:
        began, granted = self.timing.monotonic(), False
        try:
            async with slot:
                granted = True
                observer.waited(self.timing.monotonic() - began, granted=True)
                yield
        finally:
            if not granted:
                observer.waited(self.timing.monotonic() - began, granted=False)

    @property
    def _is_elsewhere(self) -> bool:
        return self._loop is not None and self._loop != current_token()


def _elsewhere() -> InvalidRequestError:
    return InvalidRequestError(
        "This client is used in another event loop, and connections cannot be shared between two. Make a client for "
        "each event loop, or close this one with aclose() in the loop that used it. Nothing was sent."
    )


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.results: list[T] = []  # one, or none if it failed or was abandoned
        self.error: NomosError | None = None


class SingleFlight(Generic[T]):
    """Equal reads at the same time are one read.

    The first caller reads; the others wait for its result, or get its failure. If the first one is cancelled or runs
    out of time, one of the others reads instead. A read that begins after a write never joins one from before it.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def run(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Read, or wait for a running read with an equal key. Callers that may not share a result differ in keys."""
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise copy(flight.error)  # a traceback of its own
            if flight.results:
                return flight.results[0]
        flight = self._flights[key] = _Flight()
        try:
            result = await read()
            flight.results.append(result)
        except LocalRateLimitError:
            raise  # this caller had too little time; those who wait may have more
        except NomosError as error:
            flight.error = error
            raise
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()
        return result

    def forget(self) -> None:
        """Let nobody join the reads that are running, as they may not show what is written now."""
        self._flights.clear()
