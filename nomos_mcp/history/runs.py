"""The runs of watching: which one is under way, what was covered and what was not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.history.changes import CLOCK_SKEW
from nomos_mcp.history.database import Database
from nomos_mcp.history.tables import runs

GAP: Final = timedelta(hours=36)
"""How far two complete runs may be apart for the time between them to be covered: once a day, and half a day late."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that watching did not cover, and why not: the part of a sentence, which names no order."""

    start: datetime
    end: datetime
    why: str


class Runs:
    """The runs in a database. Every method raises `HistoryError` if it does not answer.

    Args:
        database: Where they are kept.
        now: Returns the current time, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def gaps(self, since: datetime, until: datetime) -> list[Gap]:
        """Return the parts of a time that watching did not cover, oldest first; none if it covered all of it.

        A complete run has looked at everything that can change. It covers the time up to its start.
        """
        if since >= until:
            return []
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
        covered = runs.c.finished_at.is_not(None) & (runs.c.not_covered == "")
        wanted = select(runs.c.started_at).where(
            covered if complete else ~covered, runs.c.started_at <= self._now() + CLOCK_SKEW
        )
        before = wanted.where(runs.c.started_at < since).order_by(runs.c.started_at.desc()).limit(1)
        during = wanted.where(runs.c.started_at >= since, runs.c.started_at <= until).order_by(runs.c.started_at)
        after = wanted.where(runs.c.started_at > until).order_by(runs.c.started_at).limit(1)
        return [start for query in (before, during, after) for start in await connection.scalars(query)]


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
