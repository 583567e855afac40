"""The runs of watching: which one is under way, what was covered and what was not.

One process walks at a time: it holds a lease, which it renews while it runs. A process that was killed renews nothing,
so another one goes on where it was. One that was only slow, and has lost its lease, notices with its next page: that is
recorded together with the run's progress, or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Row, Update, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import runs
from nomos_mcp.history.changes import CLOCK_SKEW

GAP: Final = timedelta(hours=36)
"""How far two complete runs may be apart for the time between them to be covered: once a day, and half a day late."""

LEASE: Final = timedelta(seconds=20)
"""How long a run may be silent before another process takes it over."""

BEAT: Final = 5.0
"""Seconds between two signs of life of a run."""

RESUMED_WITHIN: Final = timedelta(hours=12)
"""How old a run may be that is taken up again. An older one would look at nothing that happened since."""

RETRY_AFTER: Final = timedelta(minutes=5)
"""How long after its end an unfinished run is taken up again by a process that goes on watching."""

_MOMENT: Final = timedelta(microseconds=1)  # a single moment can be uncovered too

COMPLETE: Final = runs.c.finished_at.is_not(None) & (runs.c.not_covered == "")
"""The runs that looked at everything that can change."""


class WatchError(Exception):
    """A run cannot begin, or go on. Nothing is lost: the text says who goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that this process holds.

    Attributes:
        progress: How far it is, as its walker wrote it; empty at its beginning.
        resumed: Whether another process, or an earlier attempt, began it.
    """

    number: int
    started_at: datetime
    holder: str
    progress: str = ""
    requests: int = 0
    orders_read: int = 0
    changes: int = 0
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that watching did not cover, and why not: the part of a sentence, which names no order."""

    start: datetime
    end: datetime
    why: str


class Runs:
    """The runs in a database. Every method raises `DatabaseError` if it does not answer.

    Args:
        database: Where they are kept.
        now: Returns the current time, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def begin(self, holder: str) -> Run:
        """Begin a run, or take up the last one if it did not end.

        Args:
            holder: Names this process, and no other one ever.

        Raises:
            WatchError: Another process walks.
        """
        async with self._database.writing() as connection:
            now, clock = self._now(), await self._lease_clock(connection)
            row = await self._newest(connection)
            if row is not None and row.finished_at is None:
                if _lives(row, clock):
                    raise WatchError(
                        f"Another process is watching: its run began at {row.started_at:%Y-%m-%d %H:%M:%S} UTC. If it "
                        f"was killed, the next run after {LEASE.seconds} seconds goes on where it stopped."
                    )
                if abs(now - row.started_at) <= RESUMED_WITHIN:
                    mine = update(runs).where(runs.c.number == row.number)
                    await connection.execute(mine.values(holder=holder, heartbeat_at=clock))
                    return Run(
                        number=row.number,
                        started_at=row.started_at,
                        holder=holder,
                        progress=row.cursor or "",
                        requests=row.requests,
                        orders_read=row.orders_read,
                        changes=row.changes,
                        resumed=True,
                    )
                ended = update(runs).where(runs.c.number == row.number)
                await connection.execute(ended.values(finished_at=now, not_covered="all of it: the run did not end"))
            values = {"started_at": now, "holder": holder, "heartbeat_at": clock, "not_covered": ""}
            made = insert(runs).values(**values, requests=0, orders_read=0, changes=0).returning(runs.c.number)
            number: int = (await connection.execute(made)).scalar_one()
            return Run(number=number, started_at=now, holder=holder)

    async def save(
        self, connection: AsyncConnection, run: Run, *, finished_at: datetime | None = None, not_covered: str = ""
    ) -> None:
        """Save a run in a writing transaction that is open already.

        Raises:
            WatchError: Another process has taken the run over. The transaction must be given up.
        """
        values = {
            "heartbeat_at": await self._lease_clock(connection),
            "cursor": run.progress,
            "requests": run.requests,
            "orders_read": run.orders_read,
            "changes": run.changes,
            "finished_at": finished_at,
            "not_covered": not_covered,
        }
        if not (await connection.execute(_own(run).values(**values))).rowcount:
            raise WatchError("Another process has taken this run over, and goes on with it.")

    async def beat(self, run: Run) -> None:
        """Give a sign of life."""
        async with self._database.writing() as connection:
            await connection.execute(_own(run).values(heartbeat_at=await self._lease_clock(connection)))

    async def release(self, run: Run) -> None:
        """Let any process take the run up at once."""
        async with self._database.writing() as connection:
            values = {"holder": "", "heartbeat_at": await self._lease_clock(connection)}
            await connection.execute(_own(run).values(**values))

    async def is_due(self, every: timedelta) -> bool:
        """Whether a process that goes on watching should begin a run, or take one up."""
        async with self._database.reading() as connection:
            now, clock = self._now(), await self._lease_clock(connection)
            row = await self._newest(connection)
        if row is None:
            return True
        if row.finished_at is not None:
            was_ahead = row.started_at > now + CLOCK_SKEW  # the clock, which has been set back
            return bool(was_ahead or now >= row.started_at + every)
        return not _lives(row, clock) and (bool(row.holder) or abs(clock - row.heartbeat_at) >= RETRY_AFTER)

    async def complete_since(self, connection: AsyncConnection, since: datetime) -> Sequence[Row[Any]]:
        """Return the runs that began since then and looked at everything that can change, oldest first."""
        known = (COMPLETE, runs.c.started_at >= since, runs.c.started_at <= self._now() + CLOCK_SKEW)
        return (await connection.execute(select(runs).where(*known).order_by(runs.c.started_at))).all()

    async def gaps(self, since: datetime, until: datetime) -> list[Gap]:
        """Return the parts of a time that watching did not cover, oldest first; none if it covered all of it.

        A complete run has looked at everything that can change. It covers the time up to its start.
        """
        if since > until:
            return []
        since = min(since, until - _MOMENT)
        async with self._database.reading() as connection:
            complete = await self._starts(connection, complete=True, since=since, until=until)
            others = await self._starts(connection, complete=False, since=since, until=until)
        return [
            Gap(max(gap.start, since), min(gap.end, until), gap.why)
            for gap in _between(complete, others, since, until)
            if gap.start < until and gap.end > since
        ]

    async def _starts(
        self, connection: AsyncConnection, *, complete: bool, since: datetime, until: datetime
    ) -> list[datetime]:
        """Return when runs began: in the time, and the next one on either side."""
        wanted = select(runs.c.started_at).where(
            COMPLETE if complete else ~COMPLETE, runs.c.started_at <= self._now() + CLOCK_SKEW
        )
        before = wanted.where(runs.c.started_at < since).order_by(runs.c.started_at.desc()).limit(1)
        during = wanted.where(runs.c.started_at >= since, runs.c.started_at <= until).order_by(runs.c.started_at)
        after = wanted.where(runs.c.started_at > until).order_by(runs.c.started_at).limit(1)
        return [start for query in (before, during, after) for start in await connection.scalars(query)]

    async def _newest(self, connection: AsyncConnection) -> Row[Any] | None:
        return (await connection.execute(select(runs).order_by(runs.c.number.desc()).limit(1))).first()

    async def _lease_clock(self, connection: AsyncConnection) -> datetime:
        """Return the time by which leases run out: one clock for all machines that share the database."""
        if not self._database.is_postgresql:  # on one machine
            return self._now()
        found: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
        return found


def _own(run: Run) -> Update:
    """Only as long as this process holds the run."""
    return update(runs).where(runs.c.number == run.number, runs.c.holder == run.holder, runs.c.finished_at.is_(None))


def _lives(row: Row[Any], clock: datetime) -> bool:
    """Whether a process walks. A sign of life from the future is none: the clock was set back."""
    return bool(row.holder) and abs(clock - row.heartbeat_at) <= LEASE


def _between(
    complete: Sequence[datetime], others: Sequence[datetime], since: datetime, until: datetime
) -> Iterator[Gap]:
    if not complete:
        yield Gap(since, until, _WHY_INCOMPLETE if others else "nothing was watched")
        return
    yield Gap(since, complete[0], "before watching began")
    for earlier, later in pairwise(complete):
        if later - earlier > GAP:
            failed = any(earlier < start < later for start in others)
            yield Gap(earlier, later, _WHY_INCOMPLETE if failed else f"no look for more than {_HOURS} hours")
    yield Gap(complete[-1], until, "after the last complete look at all orders")


_HOURS: Final = GAP // timedelta(hours=1)
_WHY_INCOMPLETE: Final = "the looks at that time did not reach every order"
