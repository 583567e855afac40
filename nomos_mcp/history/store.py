"""`History`: the observed states of the orders, and what became of them, in a database."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self, TypeVar

from pydantic import SecretStr
from sqlalchemy import Row, Select, Table, delete, exists, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.history.changes import CLOCK_SKEW, STATE, Change, Kind, OrderLook, changes_between
from nomos_mcp.history.database import Database
from nomos_mcp.history.events import WebhookEvents
from nomos_mcp.history.runs import Runs
from nomos_mcp.history.tables import Moment, changes, events, observations, runs
from nomos_mcp.lifecycle import is_final

LAG: Final = timedelta(minutes=15)
"""How long a look that shows an earlier state again is taken for a read that lags behind (our choice)."""

_AT_ONCE: Final = 500  # orders in one statement
_EXPORTED_AT_ONCE: Final = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read on in the feed: behind the change with this `Change.latest` and number."""

    latest: datetime
    number: int


class History:
    """What was seen of the orders.

    Every method raises `HistoryError` if the database does not answer.

    Args:
        url: `NOMOS_MCP_DATABASE`, or `database.IN_MEMORY`. Nothing is opened before the first call.
        now: Returns the current time, aware.

    Attributes:
        events: What webhooks told, for the whole organisation; a view of one customer does not limit it.
    """

    def __init__(self, url: SecretStr | str, now: Callable[[], datetime]) -> None:
        self.database = Database(url)
        self.now = now
        self.runs = Runs(self.database, now)
        self.events = WebhookEvents(self.database, now)
        self.customer_id = ""

    def for_customer(self, customer_id: str) -> Self:
        """Return a view of this history that shows one customer's (`cus_…`) orders only, whatever it is asked for."""
        view = copy(self)
        view.customer_id = customer_id
        return view

    async def aclose(self) -> None:
        await self.database.aclose()

    async def record(self, looks: Iterable[OrderLook]) -> list[Change]:
        """Record the looks that show something that the last one at the same order did not.

        Looks may come late and in any order: one that began before the last recorded one says nothing new. One that
        shows an earlier state again within `LAG` of a newer one is not believed yet: a later look will tell.

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
        if kind:
            query = query.where(changes.c.of_status if kind == "status" else changes.c.kind == kind)
        if behind:
            place = tuple_(changes.c.latest, changes.c.number)
            query = query.where(place < tuple_(literal(behind.latest, Moment), literal(behind.number)))
        async with self.database.reading() as connection:
            rows = await connection.execute(
                query.order_by(changes.c.latest.desc(), changes.c.number.desc()).limit(limit)
            )
            return [_change(row) for row in rows]

    async def changes_after(self, number: int, limit: int) -> list[Change]:
        """Return the changes that were recorded after the one with this number, oldest record first."""
        query = self._scoped(select(changes), changes).where(changes.c.number > number)
        async with self.database.reading() as connection:
            rows = await connection.execute(query.order_by(changes.c.number).limit(limit))
            return [_change(row) for row in rows]

    async def last_number(self) -> int:
        """Return the number of the change that was recorded last; 0 if there is none."""
        async with self.database.reading() as connection:
            query = select(changes.c.number).order_by(changes.c.number.desc()).limit(1)
            return (await connection.execute(query)).scalar() or 0

    async def looks(self, order_id: str) -> list[OrderLook]:
        """Return every recorded state of an order, oldest first."""
        query = self._scoped(select(observations), observations).where(observations.c.order_id == order_id)
        async with self.database.reading() as connection:
            return [_look(row) for row in await connection.execute(query.order_by(observations.c.number))]

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
                yield _look(row)
            if len(rows) < _EXPORTED_AT_ONCE:
                return
            number = rows[-1].number

    async def prune(self, before: datetime) -> int:
        """Delete what was recorded before a moment, but for the last state of each order; return how many states."""
        async with self.database.writing() as connection:
            gone = await connection.execute(
                delete(observations).where(observations.c.seen_at < before, ~observations.c.is_latest)
            )
            await connection.execute(delete(changes).where(changes.c.seen_at < before))
            await connection.execute(delete(events).where(events.c.received_at < before, events.c.due_at.is_(None)))
            await connection.execute(delete(runs).where(runs.c.started_at < before, runs.c.finished_at.is_not(None)))
            return gone.rowcount


async def record(connection: AsyncConnection, looks: Iterable[OrderLook], now: datetime) -> list[Change]:
    """As `History.record`, in a writing transaction that is open already."""
    by_order: dict[str, OrderLook] = {}
    for look in sorted(looks, key=lambda look: look.seen_at):
        by_order[look.order_id] = look
    run_starts = await _complete_runs(connection)
    new: list[OrderLook] = []
    told: list[Change] = []
    replaced: list[int] = []
    for ids in _batches(list(by_order), _AT_ONCE):
        latest = await _latest(connection, ids)
        for order_id in ids:
            look, row = by_order[order_id], latest.get(order_id)
            if row is None:
                told += changes_between(None, look, not_before=None, watched_since=min(run_starts, default=None))
            else:
                before = _look(row)
                if before.state == look.state or look.seen_at < before.seen_at <= now + CLOCK_SKEW:
                    continue
                if look.seen_at - before.seen_at <= LAG and await _was_so(connection, look):
                    await _doubt(connection, row.number, look.seen_at)
                    continue
                told += changes_between(before, look, not_before=_last_seen(row, look, run_starts))
                replaced.append(row.number)
            new.append(look)
    return await _insert(connection, new, told, replaced)


async def _insert(
    connection: AsyncConnection, looks: Sequence[OrderLook], told: Sequence[Change], replaced: Sequence[int]
) -> list[Change]:
    for numbers in _batches(replaced, _AT_ONCE):
        await connection.execute(update(observations).where(observations.c.number.in_(numbers)).values(is_latest=False))
    if looks:
        rows = [{**_values(look), "is_final": is_final(look.order_state), "is_latest": True} for look in looks]
        await connection.execute(insert(observations), rows)
    if not told:
        return []
    rows = [{**_values(change), "earliest": change.earliest, "latest": change.latest} for change in told]
    for row in rows:
        del row["number"]
    numbered = insert(changes).returning(changes.c.number, sort_by_parameter_order=True)
    numbers = (await connection.execute(numbered, rows)).scalars()
    return [replace(change, number=number) for change, number in zip(told, numbers, strict=True)]


async def _latest(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(observations).where(observations.c.order_id.in_(ids), observations.c.is_latest)
    return {row.order_id: row for row in await connection.execute(query)}


async def _was_so(connection: AsyncConnection, look: OrderLook) -> bool:
    """Whether an earlier look showed the same."""
    same = [observations.c[name].is_not_distinct_from(getattr(look, name)) for name in ("api_version", *STATE)]
    query = select(exists().where(observations.c.order_id == look.order_id, *same))
    return bool((await connection.execute(query)).scalar())


async def _doubt(connection: AsyncConnection, number: int, seen_at: datetime) -> None:
    """Remember that an order may have gone back: from then on, no run proves that it still was in the later state."""
    query = update(observations).where(observations.c.number == number, observations.c.doubted_at.is_(None))
    await connection.execute(query.values(doubted_at=seen_at))


async def _complete_runs(connection: AsyncConnection) -> list[datetime]:
    """Return when the first and the last three runs began that looked at everything that can change."""
    complete = select(runs.c.started_at).where(runs.c.finished_at.is_not(None), runs.c.not_covered == "")
    first = (await connection.execute(complete.order_by(runs.c.started_at).limit(1))).scalars()
    last = (await connection.execute(complete.order_by(runs.c.started_at.desc()).limit(3))).scalars()
    return [*first, *last]


def _last_seen(row: Row[Any], look: OrderLook, run_starts: Iterable[datetime]) -> datetime:
    """Return when the state before was last seen: what does not change leaves no row, but every run looks at it."""
    seen_at: datetime = row.seen_at
    if row.is_final:  # no run looks at it any more
        return seen_at
    until = min(look.seen_at, row.doubted_at or look.seen_at)
    return max([seen_at, *(start for start in run_starts if start < until)])


def _values(record_: OrderLook | Change) -> dict[str, Any]:
    return {each.name: getattr(record_, each.name) for each in fields(record_)}


def _look(row: Row[Any]) -> OrderLook:
    return OrderLook(**{each.name: getattr(row, each.name) for each in fields(OrderLook)})


def _change(row: Row[Any]) -> Change:
    return Change(**{each.name: getattr(row, each.name) for each in fields(Change)})


def _batches(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
