"""The table of leases and its function again, in Python and in virtual time, and processes that share it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Any

from nomos_mcp.client import LocalRateLimitError
from nomos_mcp.client.rate_limiter import Timing
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.replicas.rate_leases import Grant
from nomos_mcp.replicas.shared_rate_limiter import SharedRateLimiter


@dataclass
class Row:
    slots: int
    wanted: int
    ends_at: float


@dataclass
class LeaseTable:
    """What `lease_slots` does, for one kind of credentials."""

    rows: dict[str, Row] = field(default_factory=dict)

    def exchange(
        self,
        me: str,
        request: tuple[int, int, int, float, float],
        *,
        now: float,
        age: float = 1e9,
        process: int = 1,
    ) -> Grant:
        total, busy, wants, lasts, hold = request
        self.rows = {holder: row for holder, row in self.rows.items() if row.ends_at > now}
        if hold > 0:
            until = max(now + hold, self.rows[""].ends_at if "" in self.rows else 0)
            self.rows[""] = Row(0, 0, until)
        others = {holder: row for holder, row in self.rows.items() if holder not in {"", me}}
        share = _share(me, {**{holder: row.wanted for holder, row in others.items()}, me: wants}, total, now)
        granted = max(busy, min(share, total - sum(row.slots for row in others.values())))
        self.rows[me] = Row(granted, wants, now + lasts)
        lapses_in = min(row.ends_at for row in others.values()) - now if others else None
        return Grant(granted, share, lapses_in, self.rows[""].ends_at - now if "" in self.rows else 0.0, age, process)


def _share(me: str, wants: dict[str, int], total: int, now: float) -> int:
    """Deal out slots one by one, in an order that moves on."""
    wanting = sorted(holder for holder in wants if wants[holder] > 0)
    if me not in wanting:
        return 0
    turn = floor(now / (2 if len(wanting) > total else 10))
    moved = {(number + turn * total) % len(wanting): holder for number, holder in enumerate(wanting, start=1)}
    in_order, dealt = [moved[place] for place in sorted(moved)], dict.fromkeys(wanting, 0)
    left, spare = total, max(0, total - sum(wants[holder] for holder in wanting)) // (1 + len(wanting))
    while left and any(dealt[holder] < wants[holder] for holder in wanting):
        for holder in in_order:
            if left and dealt[holder] < wants[holder]:
                dealt[holder] += 1
                left -= 1
    return dealt[me] + spare


class World:
    """Processes, the table that they share, and upstream, which notes when requests arrive.

    Attributes:
        is_away: Whether the database is.
        lost: How likely it is that an exchange, or its answer, gets lost.
        slow: How likely it is that an exchange takes long.
        round_trips: How many exchanges there were.
    """

    def __init__(self, seed: int = 0) -> None:
        self.dice = random.Random(seed)  # noqa: S311  delays, not secrets
        self.table = LeaseTable()
        self.is_away = False
        self.started_at = -1e9
        self.lost = self.slow = 0.0
        self.latency = 0.05
        self.round_trips = 0
        self.processes: list[Process] = []

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def arrivals(self) -> list[float]:
        return [moment for process in self.processes for moment in process.arrivals]

    def process(self, of: int = 3) -> "Process":
        process = Process(self, f"{self.dice.getrandbits(32):08x}", of)
        self.processes.append(process)
        return process

    async def aclose(self) -> None:
        for process in self.processes:
            await process.limiter.aclose()


class Process:
    """One of `of` processes that share the limit.

    Attributes:
        arrivals: When its requests reached upstream.
        refused: How many were refused by the limiter.
        waits: For how long its requests waited for a slot.
        skipped: Seconds for which it stood still.
    """

    def __init__(self, world: World, name: str, of: int) -> None:
        self.world, self.name = world, name
        self.arrivals: list[float] = []
        self.waits: list[float] = []
        self.refused = 0
        self._fails = self._fails_next = False
        self.skipped = 0.0
        self.connection = world.dice.getrandbits(30) + 1
        timing = Timing(monotonic=lambda: asyncio.get_running_loop().time() + self.skipped)
        self.limiter = SharedRateLimiter(self._exchange, of, timing)

    async def _exchange(self, *request: Any) -> Grant:
        world, dice = self.world, self.world.dice
        world.round_trips += 1
        may_fail = self._fails_next or dice.random() < world.lost
        self._fails_next = False
        self._fails = world.is_away or (may_fail and not self._fails)  # never twice, unless it is away
        await asyncio.sleep(dice.uniform(0, 0.004) if dice.random() >= world.slow else dice.uniform(0, 0.4))
        if self._fails and dice.random() < 0.5:
            raise self._failure()
        now = world.now
        grant = world.table.exchange(self.name, request, now=now, age=now - world.started_at, process=self.connection)
        await asyncio.sleep(dice.uniform(0, 0.004) if dice.random() >= world.slow else dice.uniform(0, 1))
        if self._fails:
            raise self._failure()
        return grant

    def _failure(self) -> DatabaseError:
        self.connection += 1
        return DatabaseError("It does not answer.")

    def fail_next(self) -> None:
        """Let the next exchange fail, and the one after it succeed."""
        self._fails_next = True

    async def kill(self, calls: Sequence["asyncio.Task[None]"]) -> None:
        """End without giving anything back."""
        for call in calls:
            call.cancel()
        await self.limiter.aclose()
        await asyncio.wait(calls)

    async def request(self, seconds: float | None = None) -> None:
        """Make a request that arrives upstream at any moment while it runs."""
        dice, world = self.world.dice, self.world
        asked = world.now
        try:
            async with self.limiter.slot(30):
                self.waits.append(world.now - asked)
                lasts = dice.expovariate(1 / world.latency) if seconds is None else seconds
                on_its_way = dice.uniform(0, lasts)
                await asyncio.sleep(on_its_way)
                self.arrivals.append(world.now)
                await asyncio.sleep(lasts - on_its_way)
        except LocalRateLimitError:
            self.refused += 1

    async def call_until(self, end: float, pause: float = 0.0) -> None:
        """Make one request after the other."""
        while self.world.now < end:
            await self.request()
            await asyncio.sleep(self.world.dice.uniform(0, 2 * pause))
