"""The durations of a whole history, computed beside the reads that want them and kept for some minutes."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, RowMapping, select

from nomos_mcp.database.database import Database, DatabaseError, require_asyncio
from nomos_mcp.database.tables import changes, observations, runs
from nomos_mcp.history.changes import Change
from nomos_mcp.history.durations import DurationsOf, StepDurations
from nomos_mcp.history.recording import look_of
from nomos_mcp.history.runs import COMPLETE
from nomos_mcp.lifecycle import ApiVersion

KEPT: Final = 600.0
"""Seconds for which statistics are not computed again."""

_AT_ONCE: Final = 100  # orders in one transaction: what it takes to read them holds up everybody else


@dataclass(frozen=True, slots=True)
class Statistics:
    """How long each step and each block took, by API version and step."""

    as_of: datetime
    steps: Mapping[tuple[ApiVersion, str], StepDurations]


class Durations:
    """The statistics of one database. They are about all of its orders, so they are for nobody limited to a customer.

    Args:
        database: Where the history is kept.
        now: Returns the current time, aware.
        clock: Seconds, never set back.
    """

    def __init__(
        self, database: Database, now: Callable[[], datetime], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._now = now
        self._clock = clock
        self._known: Statistics | None = None
        self._until = float("-inf")
        self._begun = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._failure: DatabaseError | None = None

    async def get(self, wait: float) -> Statistics | None:
        """Return the statistics. Old ones are returned while new ones are computed.

        Args:
            wait: Seconds that they may take if there are none yet, from when they were first asked for.

        Returns:
            None if they are not ready after that; they are computed further.

        Raises:
            DatabaseError: They could not be computed.
        """
        require_asyncio()
        if self._clock() >= self._until and (self._task is None or self._task.done()):
            self._failure, self._begun = None, self._clock()
            self._task = asyncio.create_task(self._compute())
        if self._known is None and self._task is not None:
            await asyncio.wait({self._task}, timeout=max(0.0, self._begun + wait - self._clock()))
            if self._failure:
                raise self._failure
        return self._known

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _compute(self) -> None:
        try:
            self._known = await self._read()
            self._until = self._clock() + KEPT
        except DatabaseError as error:
            self._failure = error

    async def _read(self) -> Statistics:
        """Read in short transactions, so that nobody waits for a long one, and count in another thread."""
        as_of, found, last = self._now(), DurationsOf(), ""
        start = runs.c.started_at
        newest = select(start).where(COMPLETE, start <= as_of).order_by(start.desc()).limit(1)
        latest = select(observations).where(observations.c.is_latest).order_by(observations.c.order_id).limit(_AT_ONCE)
        told = select(*(changes.c[each.name] for each in fields(Change))).order_by(
            changes.c.order_id, changes.c.latest, changes.c.number
        )
        while True:
            async with self._database.reading() as connection:
                watched_at = (await connection.execute(newest)).scalar()
                orders = list(await connection.execute(latest.where(observations.c.order_id > last)))
                if not orders:
                    break
                first, last = orders[0].order_id, orders[-1].order_id
                rows = (await connection.execute(told.where(changes.c.order_id.between(first, last)))).mappings().all()
            await asyncio.to_thread(_count, found, orders, rows, watched_at)
        steps = await asyncio.to_thread(lambda: list(found.steps()))
        return Statistics(as_of, {(each.api_version, each.step): each for each in steps})


def _count(
    found: DurationsOf, orders: Sequence[Row[Any]], rows: Sequence[RowMapping], watched_at: datetime | None
) -> None:
    told: defaultdict[str, list[Change]] = defaultdict(list)
    for change in rows:
        told[change["order_id"]].append(Change(**change))
    for row in orders:
        look = look_of(row)
        # Every run looks at every order that can still change.
        last_seen = max(look.seen_at, watched_at or look.seen_at) if row.doubted_at is None else look.seen_at
        found.add(look, told[look.order_id], last_seen)
