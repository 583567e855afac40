"""`History`: the observed states of the orders, and what became of them, in a database."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from pydantic import SecretStr
from sqlalchemy import Column, ColumnElement, Select, Table, delete, exists, func, literal, select, tuple_

from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import Moment, changes, events, observations, runs
from nomos_mcp.history.changes import Change, Kind, OrderLook
from nomos_mcp.history.events import WebhookEvents
from nomos_mcp.history.recording import change_of, look_of, record
from nomos_mcp.history.runs import Runs
from nomos_mcp.history.statistics import Durations, Statistics

_EXPORTED_AT_ONCE: Final = 1000
_PRUNED_AT_ONCE: Final = 5000  # rows in one transaction: nobody waits long for a turn to write


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read on in the feed: behind the change with this `Change.latest` and number."""

    latest: datetime
    number: int


class History:
    """What was seen of the orders.

    Every method raises `DatabaseError` if the database does not answer.

    Args:
        url: `NOMOS_MCP_DATABASE`, `database.IN_MEMORY`, or a database. Nothing is opened before the first call.
        now: Returns the current time, aware.

    Attributes:
        events: What webhooks told, for the whole organisation; a view of one customer does not limit it.
    """

    def __init__(self, url: Database | SecretStr | str, now: Callable[[], datetime]) -> None:
        self.database = url if isinstance(url, Database) else Database(url)
        self.now = now
        self.runs = Runs(self.database, now)
        self.events = WebhookEvents(self.database, now)
        self._durations = Durations(self.database, now)
        self.customer_id = ""

    def for_customer(self, customer_id: str) -> Self:
        """Return a view of this history that shows one customer's (`cus_…`) orders only, whatever it is asked for."""
        if not customer_id:
            raise ValueError("a view without a customer would show everybody's orders")
        view = copy(self)
        view.customer_id = customer_id
        return view

    async def aclose(self) -> None:
        await self._durations.aclose()
        await self.database.aclose()

    async def record(self, looks: Iterable[OrderLook]) -> list[Change]:
        """Record the looks that show something that the last one at the same order did not.

        Looks may come late and in any order: one that began before the last recorded one says nothing new. One that
        shows an earlier state within `LAG` of a newer one is not believed yet: a later look will tell.

        Returns:
            What changed, as it was recorded, oldest first.
        """
        async with self.database.writing() as connection:
            return await record(connection, looks, self.now())

    async def changes(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        customer_id: str = "",
        order_id: str = "",
        subscription_id: str = "",
        kind: Kind | None = None,
        behind: Place | None = None,
        limit: int,
    ) -> list[Change]:
        """Return changes that happened, or may have happened, between two moments, newest first.

        Args:
            since: The first moment.
            until: The last moment.
            customer_id: Only this customer's (`cus_…`).
            order_id: Only this order's (`prdo_…`).
            subscription_id: Only this subscription's (`sub_…`).
            kind: Only these; `status` stands for every change of status, of whatever kind.
            behind: Read on behind this place.
            limit: At most so many.
        """
        query = self._scoped(select(changes), changes)
        if since:
            query = query.where(changes.c.latest >= since)
        if until:
            query = query.where(changes.c.earliest <= until)
        if customer_id:
            query = query.where(changes.c.customer_id == customer_id)
        if order_id:
            query = query.where(changes.c.order_id == order_id)
        if subscription_id:
            query = query.where(changes.c.subscription_id == subscription_id)
        if kind:
            query = query.where(changes.c.of_status if kind == "status" else changes.c.kind == kind)
        if behind:
            place = tuple_(changes.c.latest, changes.c.number)
            query = query.where(place < tuple_(literal(behind.latest, Moment), literal(behind.number)))
        async with self.database.reading() as connection:
            rows = await connection.execute(
                query.order_by(changes.c.latest.desc(), changes.c.number.desc()).limit(limit)
            )
            return [change_of(row) for row in rows]

    async def changes_after(self, number: int, limit: int) -> list[Change]:
        """Return the changes that were recorded after the one with this number, oldest record first."""
        query = self._scoped(select(changes), changes).where(changes.c.number > number)
        async with self.database.reading() as connection:
            rows = await connection.execute(query.order_by(changes.c.number).limit(limit))
            return [change_of(row) for row in rows]

    async def last_number(self) -> int:
        """Return the number of the change that was recorded last; 0 if there is none."""
        async with self.database.reading() as connection:
            query = select(changes.c.number).order_by(changes.c.number.desc()).limit(1)
            return (await connection.execute(query)).scalar() or 0

    async def looks(self, order_id: str) -> list[OrderLook]:
        """Return every recorded state of an order, oldest first."""
        query = self._scoped(select(observations), observations).where(observations.c.order_id == order_id)
        async with self.database.reading() as connection:
            return [look_of(row) for row in await connection.execute(query.order_by(observations.c.number))]

    async def durations(self, wait: float) -> Statistics | None:
        """Return how long steps and blocks took; None if that is not computed after `wait` seconds.

        Always None in a customer's view: the statistics are about everybody's orders.
        """
        return None if self.customer_id else await self._durations.get(wait)

    async def doubted(
        self, since: datetime, until: datetime, *, customer_id: str = "", order_id: str = "", subscription_id: str = ""
    ) -> int:
        """Return how many orders a look in this time showed otherwise than recorded, without being believed yet."""
        column = observations.c
        asked = {
            column.customer_id: customer_id,
            column.order_id: order_id,
            column.subscription_id: subscription_id,
        }
        query = self._scoped(select(func.count()).select_from(observations), observations).where(
            column.is_latest, column.doubted_at >= since, column.seen_at <= until
        )
        query = query.where(*(name == value for name, value in asked.items() if value))
        async with self.database.reading() as connection:
            found: int = (await connection.execute(query)).scalar_one()
        return found

    async def latest_looks(self, order_ids: Sequence[str]) -> dict[str, OrderLook]:
        """Return the last recorded state of each of these orders that has one. For a page of orders, not for all."""
        query = self._scoped(select(observations), observations)
        query = query.where(observations.c.order_id.in_(order_ids), observations.c.is_latest)
        async with self.database.reading() as connection:
            return {row.order_id: look_of(row) for row in await connection.execute(query)}

    def _scoped(self, query: Select[Any], table: Table) -> Select[Any]:
        return query.where(table.c.customer_id == self.customer_id) if self.customer_id else query

    async def exported(self) -> AsyncIterator[OrderLook]:
        """Iterate over every recorded state, in the order in which they were recorded."""
        number = 0
        while True:
            query = self._scoped(select(observations), observations).where(observations.c.number > number)
            async with self.database.reading() as connection:
                rows = list(await connection.execute(query.order_by(observations.c.number).limit(_EXPORTED_AT_ONCE)))
            for row in rows:
                yield look_of(row)
            if len(rows) < _EXPORTED_AT_ONCE:
                return
            number = rows[-1].number

    async def prune(self, before: datetime) -> int:
        """Delete what ended before a moment: states that were replaced by then, changes, runs. Return how many states.

        The state of each order at that moment stays, and so what the next look will show is told as if nothing had been
        deleted. Runs go first: what is deleted is not counted as covered.
        """
        later = observations.alias()
        replaced = exists().where(
            later.c.order_id == observations.c.order_id,
            later.c.number > observations.c.number,
            later.c.seen_at < before,
        )
        settled = events.c.due_at.is_(None)
        await self._delete(runs, runs.c.number, runs.c.started_at < before, runs.c.finished_at.is_not(None))
        await self._delete(changes, changes.c.number, changes.c.seen_at < before)
        await self._delete(events, events.c.event_id, events.c.received_at < before, settled)
        return await self._delete(observations, observations.c.number, ~observations.c.is_latest, replaced)

    async def _delete(self, table: Table, key: Column[Any], *which: ColumnElement[bool]) -> int:
        deleted = 0
        while True:
            some = select(key).where(*which).limit(_PRUNED_AT_ONCE)
            async with self.database.writing() as connection:
                found = (await connection.execute(delete(table).where(key.in_(some)))).rowcount
            deleted += found
            if found < _PRUNED_AT_ONCE:
                return deleted
