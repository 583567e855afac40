"""The rate limiter: at most so many requests in any one second, for all calls of a client, in the order of asking.

A request can reach upstream at any moment between being sent and being answered. So its slot is taken before it is sent
and given back a second after its response. No second that upstream can measure then holds more than the limit, whatever
the network does to the requests on their way. The price is that at most so many requests run at once.

Upstream's own count takes precedence: where `ratelimit-*` says that less is left, or a 429 that nothing is, all calls
wait. It is not documented whether upstream counts token requests; this limiter does. They skip the queue, as the calls
in it need the token. So does the retry after a 401, as its call has waited already.
"""

import random
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import Final, Self

import anyio

from nomos_mcp.client.errors import LocalRateLimitError

REQUESTS_PER_SECOND: Final = 10
"""The rate limit per client that the vendor's older quickstart states."""
RATE_WINDOW: Final = 1.0
MAX_RATE_LIMIT_WAIT: Final = 30.0
"""How long a call waits for the rate limiter at most."""
MAX_HOLD: Final = 60.0
"""The longest time for which one response can stop all calls of a client, whatever it asks for. The rate limit that the
vendor states is one per second, so a longer wait is more likely a mistake."""
MAX_RETRY_AFTER: Final = 3600.0
"""A longer wait that upstream asks for is cut to this."""

_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)(?![\d.])")


@dataclass(frozen=True, slots=True)
class Timing:
    """Everything that depends on the moment.

    Attributes:
        monotonic: Seconds that only go forward.
        sleep: Waits so many seconds.
        jitter: A random number of seconds from 0 up to its argument.
        wall: The date, aware; only for a `Retry-After` that is a date, in a response that carries no `Date` of its own.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[float], float] = lambda upper: random.uniform(0, upper)  # noqa: S311  spreads load, hides nothing
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)


REAL_TIME: Final = Timing()


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What the headers of a response say about the rate limit; None where they say nothing that can be read.

    Source: the vendor's documentation; `Retry-After` may be a date (RFC 9110), `ratelimit-limit` may carry more after
    its number (the IETF draft).

    Attributes:
        limit: Requests in a window.
        remaining: How many of them are left.
        reset: Seconds until the window ends, at most an hour.
        retry_after: Seconds to wait before a retry, at most an hour.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None

    @classmethod
    def parse(cls, headers: Mapping[str, str], now: datetime) -> Self:
        """Read the headers.

        Args:
            headers: By lower-case name.
            now: The date, for a `Retry-After` that is one. The response's own `Date` takes precedence: two readings of
                one clock differ by the right amount however wrong that clock, or ours, is.
        """
        limit, remaining = _number(headers.get("ratelimit-limit")), _number(headers.get("ratelimit-remaining"))
        retry_after = _number(headers.get("retry-after"))
        if retry_after is None and (until := http_date(headers.get("retry-after"))) is not None:
            retry_after = max(0.0, (until - (http_date(headers.get("date")) or now)).total_seconds())
        return cls(
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            reset=_capped(_number(headers.get("ratelimit-reset"))),
            retry_after=_capped(retry_after),
        )


def http_date(text: str | None) -> datetime | None:
    """Parse a date as HTTP writes it; None if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER)


def _number(text: str | None) -> float | None:
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class RateSlots:
    """How many requests may run at once, how many do, and how many wait."""

    held: int
    running: int
    waiting: int


class RateLimiter:
    """Lets at most `per_second` requests through in any one second. Upstream's headers can only lower that.

    Args:
        per_second: Rounded down; below one it is one request in a window that is longer than a second.
        timing: Clock and sleep.

    Attributes:
        last_headers: What the last response said about the rate limit; None before the first.
    """

    def __init__(self, per_second: float, timing: Timing) -> None:
        self.last_headers: RateLimitHeaders | None = None
        self._per_second = per_second
        self._allow(per_second)
        self._timing = timing
        self.renew_locks()
        self._running = 0
        self._finished: deque[float] = deque()  # when the requests of the last second ended
        self._waiting = 0
        self._urgent = 0
        self._left = inf  # how many upstream still accepts before `_until`
        self._until = -inf

    def renew_locks(self) -> None:
        """Make the locks for the event loop that runs now; asyncio and trio have different ones."""
        self._queue = anyio.Lock(fast_acquire=True)  # both are handed over in the order of asking
        self._urgent_queue = anyio.Lock(fast_acquire=True)

    async def aclose(self) -> None:
        """Give up what is shared with other processes; here it is nothing."""

    @asynccontextmanager
    async def slot(self, max_wait: float, *, urgent: bool = False) -> AsyncGenerator[None]:
        """Hold a slot while one request runs. An urgent request skips the queue.

        Raises:
            LocalRateLimitError: No slot is free within `max_wait` seconds; raised at once where that can be foreseen.
        """
        await self._acquire(min(max_wait, MAX_RATE_LIMIT_WAIT), urgent=urgent)
        try:
            yield
        finally:
            self._running -= 1
            self._finished.append(self._timing.monotonic())

    def may_leave(self) -> bool:
        """Whether a request that holds a slot may still be sent, now that all of it is ready to go."""
        return True

    @property
    def slots(self) -> RateSlots:
        """What is going on now."""
        return RateSlots(self._capacity, self._running, self._waiting + self._urgent)

    def observe(self, headers: RateLimitHeaders, *, refused: bool) -> None:
        """Take account of what a response says; `refused` if it is a 429."""
        self.last_headers = headers
        now = self._timing.monotonic()
        if headers.limit:
            self._upstream_allows(headers.limit)
        if refused:
            wait = headers.retry_after if headers.retry_after is not None else headers.reset
            self._hold(now + min(RATE_WINDOW if wait is None else wait, MAX_HOLD))
        elif headers.remaining is not None and headers.reset is not None:
            left = max(0, headers.remaining - self._running)  # upstream may not have counted the running ones yet
            until = now + min(headers.reset, MAX_HOLD)
            if left == 0:
                self._hold(until)
            elif now >= self._until:
                self._left, self._until = left, until
            else:
                self._left = min(self._left, left)  # responses may overtake each other; the window stays as it began

    def _allow(self, per_second: float) -> None:
        self._capacity = max(1, int(per_second))
        self._window = max(RATE_WINDOW, 1 / per_second)

    def _upstream_allows(self, per_second: int) -> None:
        self._allow(min(self._per_second, per_second))

    def _hold(self, until: float) -> None:
        self._left, self._until = 0, max(self._until, until)

    async def _acquire(self, max_wait: float, *, urgent: bool) -> None:
        foreseen = self._delay(self._urgent if urgent else self._urgent + self._waiting)
        if foreseen > max(max_wait, 0):  # with a free slot, being late is not the rate limit's doing
            raise LocalRateLimitError(foreseen)
        self._urgent += urgent
        self._waiting += not urgent
        try:
            with anyio.move_on_after(max_wait if max_wait > 0 else None) as waiting:
                async with self._urgent_queue if urgent else self._queue:
                    while (delay := self._next_delay(0 if urgent else self._urgent)) > 0:
                        await self._pause(delay)
                    self._running += 1
                    self._left -= 1
        finally:
            self._urgent -= urgent
            self._waiting -= not urgent
        if waiting.cancelled_caught:
            raise LocalRateLimitError(self._delay(self._urgent + self._waiting))

    def _next_delay(self, ahead: int) -> float:
        """Return the seconds for which the first of the queue has to wait, with so many urgent ones `ahead`."""
        return self._delay(ahead)

    async def _pause(self, delay: float) -> None:
        await self._timing.sleep(delay)

    def _busy(self) -> int:
        """Return how many slots are taken: by requests that run, or ended in the last window."""
        oldest = self._timing.monotonic() - self._window
        while self._finished and self._finished[0] <= oldest:
            self._finished.popleft()
        return self._running + len(self._finished)

    def _delay(self, ahead: int, slots: int = 0) -> float:
        """Return the seconds until a request with so many `ahead` of it may go, if those that run end now."""
        now, slots = self._timing.monotonic(), slots or self._capacity
        rounds, place = divmod(ahead, slots)
        before = self._busy() - slots + place  # below 0 a slot is free
        ended = self._finished[before] if 0 <= before < len(self._finished) else now
        free = now if before < 0 else ended + self._window
        free += rounds * self._window
        if now < self._until and self._left <= ahead:
            free = max(free, self._until)
        return free - now
