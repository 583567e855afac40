"""`SharedRateLimiter`: one rate limit over all processes and machines with the same credentials and PostgreSQL.

A process leases some of the ten slots for a moment, and uses them as `RateLimiter` does: a slot is taken before a
request is sent, and comes back a second after its response. What makes that one limit for all:

- A lease is measured from before it was asked for. In its last second, and a margin, nothing is sent, so when it ends
  all that was sent under it is older than a second. A process that was killed, or stopped, holds up nobody for longer.
- A slot changes hands only when it is idle: a holder is never granted fewer than it says are busy, and while it asks it
  takes no more than it said.
- An answer that gets lost, or comes late, grants nothing.

It asks when a request needs a slot that it has no lease for, when it may have a larger share, and to keep slots that
are busy for long. An idle process asks nothing.

While the database is away each process uses its part of ten requests a second, after a pause in which all leases end.
Once it is back, a process that was away keeps to that part until the others must have noticed too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import replace
from math import inf
from typing import Final

import anyio

from nomos_mcp.client.rate_limiter import RATE_WINDOW, REAL_TIME, REQUESTS_PER_SECOND, RateLimiter, RateSlots, Timing
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.replicas.rate_leases import LEASE, Grant

_MARGIN: Final = 0.15  # for two clocks that do not run at quite the same speed, and the way to the network
_LATE: Final = 0.1  # of that, seconds that may pass until a request that has its slot leaves
_UNUSED: Final = RATE_WINDOW + _MARGIN  # seconds at the end of a lease in which nothing is sent
_RENEWED: Final = 0.45  # seconds before the end of a lease at which it is renewed if its slots are still busy
_AGAIN: Final = 0.15  # seconds until a holder asks again that has less than its share, or got more to do
_LEFT_OUT: Final = 0.5  # ... whose share is none
_SLOWEST: Final = 2.0  # seconds for an answer that leases are made longer for; past that, the process stood still
_PROBED: Final = 0.7  # seconds between questions to a database that is away
_CAUTION: Final = 5.0
"""Seconds from the return of the database until all that were without it have noticed: an attempt to connect may have
to be given up first, and the next one has to wait a moment."""
_FORGOTTEN: Final = 60.0  # seconds for which an idle process goes on asking whether the database is back
_NONE_YET: Final = 0
_LOST: Final = -1
_LONGEST_PAUSE: Final = 1.0  # a waiting request is woken by what it waits for; this is for what was not foreseen

Exchange = Callable[[int, int, int, float, float], Awaitable[Grant]]
"""`RateLeases.exchange`."""


def _since_boot() -> float:
    """Return seconds that count while the machine is suspended too, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


SINCE_BOOT: Final = replace(REAL_TIME, monotonic=_since_boot)


class SharedRateLimiter(RateLimiter):
    """A `RateLimiter` whose slots are leased. For asyncio; under trio it is as if the database were away.

    Args:
        exchange: Leases slots.
        processes: How many processes share the limit. Used while the database is away.
        timing: Clock and sleep.
        close: Called by `aclose`.
    """

    def __init__(
        self,
        exchange: Exchange,
        processes: int,
        timing: Timing = SINCE_BOOT,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(REQUESTS_PER_SECOND, timing)
        self._exchange = exchange
        self._processes = processes
        self._close = close
        self._total = REQUESTS_PER_SECOND
        self._grant = Grant(0, 0, None, 0.0, inf, _NONE_YET)
        self._slots = 0  # how many of the granted ones may be taken
        self._wanted = 0  # by the last exchange
        self._asked = -inf  # when the last exchange that succeeded began
        self._lease = LEASE  # how long the next one is to last: longer while answers take long
        self._usable_until = self._renew_at = -inf
        self._failing_since: float | None = None
        self._asked_again = -inf  # when a failed exchange is to be repeated
        self._cautious_until = -inf
        self._used = -inf
        self._hold_is_untold = False

    @property
    def is_divided(self) -> bool:
        """Whether the database is away, so that this process uses its part of the limit only."""
        return self._failing_since is not None and self._timing.monotonic() >= self._failing_since + self._lease

    @property
    def slots(self) -> RateSlots:
        """What is going on now; of slots, those that are leased."""
        is_leased = self._timing.monotonic() < self._usable_until + _UNUSED
        held = self._capacity if self.is_divided else self._grant.slots if is_leased else 0
        return replace(super().slots, held=held)

    def may_leave(self) -> bool:
        """Whether the lease still lasts long enough: a busy machine may have held the process up since."""
        return self.is_divided or self._timing.monotonic() < self._usable_until + _LATE

    def renew_locks(self) -> None:
        super().renew_locks()
        self._task: asyncio.Task[None] | None = None
        self._wake = anyio.Event()
        self._changed = anyio.Event()

    async def aclose(self) -> None:
        """Stop asking; the lease ends by itself."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._close is not None:
            await self._close()

    async def _acquire(self, max_wait: float, *, urgent: bool) -> None:
        self._start()
        await super()._acquire(max_wait, urgent=urgent)

    def _start(self) -> None:
        self._wake.set()
        if self._task is None or self._task.done():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # trio, for which the driver is not made
                self._failing_since = -inf
                return
            # In a context of its own: it outlives the call that happens to start it.
            self._task = loop.create_task(self._keep_leased(), context=Context())

    def _upstream_allows(self, per_second: int) -> None:
        self._total = min(REQUESTS_PER_SECOND, per_second)

    def _hold(self, until: float) -> None:
        super()._hold(until)
        self._hold_is_untold = True
        self._wake.set()

    def _next_delay(self, ahead: int) -> float:
        now = self._timing.monotonic()
        if self.is_divided:
            self._allow(self._total / self._processes)
            return self._delay(ahead)
        if self._slots and now < self._usable_until:
            return self._delay(ahead, self._slots)
        return min(_LONGEST_PAUSE, inf if self._failing_since is None else self._failing_since + self._lease - now)

    async def _pause(self, delay: float) -> None:
        changed = self._changed
        self._wake.set()
        with anyio.move_on_after(delay):
            await changed.wait()

    async def _keep_leased(self) -> None:
        """Ask for slots whenever that is due, until the process is idle."""
        while (due := self._next_exchange()) < inf:
            delay = due - self._timing.monotonic()
            if delay <= 0:
                await self._ask()
            else:
                self._wake = anyio.Event()
                with anyio.move_on_after(delay):
                    await self._wake.wait()
        self._task = None
        self._failing_since = None
        self._allow(self._total)

    def _next_exchange(self) -> float:
        """Return when to ask; infinity if there is nothing to ask for."""
        now, busy, waiting = self._timing.monotonic(), self._busy(), self._waiting + self._urgent
        if busy or waiting:
            self._used = now
        if self._failing_since is not None:
            return self._asked_again if now < self._used + _FORGOTTEN else inf
        if not (busy or waiting):
            return inf
        if self._hold_is_untold:
            return now
        due = self._renew_at if busy else inf
        if self._grant.slots > self._grant.share:  # somebody waits for what becomes idle here
            due = min(due, max(self._asked + 2 * _AGAIN, now + self._delay(0, self._grant.slots)))
        return min(due, self._next_exchange_to_send(now)) if waiting else due

    def _next_exchange_to_send(self, now: float) -> float:
        if now < self._until and self._left <= 0:
            return self._until
        wanted, share = self._wants(), self._grant.share
        again = self._asked + (_AGAIN if share else _LEFT_OUT)
        if self._slots < min(wanted, share) or (self._wanted < wanted and self._wanted <= share):
            return again
        is_usable = self._slots and now < self._usable_until
        due = self._usable_until if is_usable else max(again, now + self._delay(0, self._slots or 1))
        if share < wanted and self._grant.lapses_in is not None:
            due = min(due, max(again, self._asked + self._grant.lapses_in))
        return due

    def _most(self) -> int:
        """Return how many slots this process may have at most."""
        if self._timing.monotonic() < self._cautious_until:
            return max(1, self._total // self._processes)
        return self._total

    def _wants(self) -> int:
        busy = self._busy()
        return max(busy, min(self._most(), busy + self._waiting + self._urgent))

    async def _ask(self) -> None:
        asked, busy, wanted = self._timing.monotonic(), self._busy(), self._wants()
        hold = max(0.0, self._until - asked) if self._hold_is_untold else 0.0
        self._hold_is_untold = False
        self._slots = min(self._slots, busy)  # what is idle is not ours any more, perhaps, until the answer is here
        try:
            grant = await self._exchange(self._total, busy, wanted, self._lease, hold)
        except DatabaseError:
            now = self._timing.monotonic()
            self._hold_is_untold = hold > 0
            # At once a second time: a connection may have been cut while it was idle.
            self._asked_again = now if self._failing_since is None else now + _PROBED
            self._failing_since = now if self._failing_since is None else self._failing_since
            self._grant = replace(self._grant, server_process=_LOST)
        else:
            self._take(grant, asked, wanted)
        self._changed.set()
        self._changed = anyio.Event()

    def _take(self, grant: Grant, asked: float, wanted: int) -> None:
        now = self._timing.monotonic()
        if self.is_divided or self._grant.server_process not in {_NONE_YET, grant.server_process}:
            self._cautious_until = now + _CAUTION
        elif grant.server_age < _CAUTION:
            self._cautious_until = max(self._cautious_until, now + _CAUTION - grant.server_age)
        self._grant, self._asked, self._wanted, self._failing_since = grant, asked, wanted, None
        took = now - asked
        needed = max(LEASE, _UNUSED + 2 * min(took, _SLOWEST))
        used = min(self._lease, needed)  # those who see that the database is away wait for no longer one
        self._usable_until, self._renew_at = asked + used - _UNUSED, asked + used - _RENEWED - took
        self._lease = needed
        self._slots = min(grant.slots, grant.share, self._most())
        is_cautious = now < self._cautious_until
        self._allow(min(1.0, self._total / self._processes) if is_cautious else self._total)
        # What a request has to expect.
        self._capacity = max(1, grant.share) if grant.share < wanted else self._most()
        if grant.held_for:
            super()._hold(now + grant.held_for)
