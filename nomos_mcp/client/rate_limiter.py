"""The rate budget: so many requests in any one second, shared by all calls of a client, first come first served.

A request can reach upstream at any moment between being sent and being answered. So a place is taken from before the
one until a second after the other: then no second that upstream can cut out holds more than the budget, whatever the
network does to the requests on their way. The price is that at most so many requests are under way at once.

Upstream's own count goes before ours: where `ratelimit-*` says that less is left, or a 429 that nothing is, all calls
wait. Whether token requests count upstream is not documented, so they do here. They go before the queue, as the calls
in it need the token; and so does the repeat after a 401, as its call has had its turn.
"""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf

import anyio

from nomos_mcp.client.constants import BUDGET_MAX_WAIT, MAX_HOLD, RATE_WINDOW
from nomos_mcp.client.errors import RateBudgetError
from nomos_mcp.client.rate_limit_headers import RateHints
from nomos_mcp.client.time_source import Timing


class RateBudget:
    """Lets requests through, at most `per_second` in any one second.

    Args:
        per_second: The most that is ever let through; upstream's headers can only lower it.
        timing: Clock and sleep.
    """

    def __init__(self, per_second: int, timing: Timing) -> None:
        self.per_second = per_second
        self._capacity = per_second
        self._timing = timing
        self.renew_locks()
        self._running = 0
        self._over: deque[float] = deque()  # when the requests of the last second were over
        self._waiting = 0
        self._urgent = 0
        self._left = inf  # how many upstream still takes before `_until`
        self._until = -inf

    def renew_locks(self) -> None:
        """Make the locks for the event loop that runs now; asyncio and trio have different ones."""
        self._turn = anyio.Lock(fast_acquire=True)  # both hand over in the order of asking
        self._urgent_turn = anyio.Lock(fast_acquire=True)

    @asynccontextmanager
    async def place(self, patience: float, *, urgent: bool = False) -> AsyncGenerator[None]:
        """Hold a place while one request is under way.

        Args:
            patience: Seconds that the caller has; never more than the bound of the budget is waited.
            urgent: Go before the queue.

        Raises:
            RateBudgetError: The turn does not come in time; said at once where that can be foreseen.
        """
        await self._enter(min(patience, BUDGET_MAX_WAIT), urgent=urgent)
        try:
            yield
        finally:
            self._running -= 1
            self._over.append(self._timing.monotonic())

    def observe(self, hints: RateHints, *, refused: bool) -> None:
        """Take in what an answer says.

        Args:
            hints: Its headers.
            refused: Whether it is a 429.
        """
        now = self._timing.monotonic()
        if hints.limit:
            self._capacity = min(self.per_second, hints.limit)
        if refused:
            told = hints.retry_after if hints.retry_after is not None else hints.reset
            self._hold(now + min(RATE_WINDOW if told is None else told, MAX_HOLD))
        elif hints.remaining is not None and hints.reset is not None:
            left = max(0, hints.remaining - self._running)  # those under way may not have been counted yet
            until = now + min(hints.reset, MAX_HOLD)
            if left == 0:
                self._hold(until)
            elif now >= self._until:
                self._left, self._until = left, until
            else:
                self._left = min(self._left, left)  # answers may overtake each other; the window stays as it began

    def _hold(self, until: float) -> None:
        self._left, self._until = 0, max(self._until, until)

    async def _enter(self, patience: float, *, urgent: bool) -> None:
        foreseen = self._delay(self._urgent if urgent else self._urgent + self._waiting)
        if foreseen > patience:
            raise RateBudgetError(foreseen)
        self._urgent += urgent
        self._waiting += not urgent
        try:
            with anyio.move_on_after(patience) as waiting:
                async with self._urgent_turn if urgent else self._turn:
                    while (delay := self._delay(0 if urgent else self._urgent)) > 0:
                        await self._timing.sleep(delay)
                    self._running += 1
                    self._left -= 1
        finally:
            self._urgent -= urgent
            self._waiting -= not urgent
        if waiting.cancelled_caught:
            raise RateBudgetError(self._delay(self._urgent + self._waiting))

    def _delay(self, ahead: int) -> float:
        """Return the seconds until a request with so many `ahead` of it may go, if what runs now ends now."""
        now = self._timing.monotonic()
        while self._over and self._over[0] + RATE_WINDOW <= now:
            self._over.popleft()
        rounds, place = divmod(ahead, self._capacity)
        taken = len(self._over) + self._running - self._capacity + place  # places before ours; below 0 one is free
        end = self._over[taken] if 0 <= taken < len(self._over) else now
        free = now if taken < 0 else end + RATE_WINDOW
        free += rounds * RATE_WINDOW
        if now < self._until and self._left <= ahead:
            free = max(free, self._until)
        return free - now
