"""Compares looks at orders with the last recorded ones, and writes down what differs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.database.postgresql import notice_of_changes
from nomos_mcp.database.tables import changes, observations, runs
from nomos_mcp.history.changes import CLOCK_SKEW, STATE, Change, OrderLook, changes_between
from nomos_mcp.history.lagging_reads import LAG, shows_earlier_state
from nomos_mcp.history.runs import COMPLETE
from nomos_mcp.lifecycle import is_final

_AT_ONCE: Final = 500  # orders in one statement

T = TypeVar("T")
_Run = tuple[datetime, datetime]  # when it began and when it ended


async def record(connection: AsyncConnection, looks: Iterable[OrderLook], now: datetime) -> list[Change]:
    """Record looks as `History.record` does, in a writing transaction that is open already."""
    told: list[Change] = []
    complete_runs = await _complete_runs(connection, now)
    for round_ in _rounds(looks, now):
        for some in _batches(round_, _AT_ONCE):
            told += await _record_of_different_orders(connection, some, complete_runs, now)
    return told


def _rounds(looks: Iterable[OrderLook], now: datetime) -> list[list[OrderLook]]:
    """Sort looks by time, into lists in which each order occurs once. Nothing was seen later than now."""
    rounds: list[list[OrderLook]] = []
    seen: Counter[str] = Counter()
    timely = (look if look.seen_at <= now + CLOCK_SKEW else replace(look, seen_at=now) for look in looks)
    for look in sorted(timely, key=lambda look: look.seen_at):
        if seen[look.order_id] == len(rounds):
            rounds.append([])
        rounds[seen[look.order_id]].append(look)
        seen[look.order_id] += 1
    return rounds


async def _record_of_different_orders(
    connection: AsyncConnection, looks: Sequence[OrderLook], complete_runs: Sequence[_Run], now: datetime
) -> list[Change]:
    latest = await _latest(connection, [look.order_id for look in looks])
    watched_since = min((started for started, _ in complete_runs), default=None)
    new: list[OrderLook] = []
    told: list[Change] = []
    replaced: list[int] = []
    for look in looks:
        row = latest.get(look.order_id)
        if row is None:
            told += changes_between(None, look, not_before=None, watched_since=watched_since)
        elif await _is_news(connection, look, row, now):
            told += changes_between(look_of(row), look, not_before=_last_seen(row, look, complete_runs))
            replaced.append(row.number)
        else:
            continue
        new.append(look)
    return await _insert(connection, new, told, replaced)


async def _is_news(connection: AsyncConnection, look: OrderLook, row: Row[Any], now: datetime) -> bool:
    """Whether a look shows another state than the last recorded one, and a later one."""
    before = look_of(row)
    if before.state == look.state:
        if row.doubted_at and look.seen_at >= row.doubted_at:
            await _doubt(connection, row.number, None)
        return False
    if before.seen_at > now + CLOCK_SKEW:  # a clock was wrong, so the two cannot be compared
        return True
    if look.seen_at < before.seen_at:
        return False
    if look.seen_at - before.seen_at > LAG:
        return True
    if shows_earlier_state(look, before) or await _was_so(connection, look, before):
        if row.doubted_at is None:
            await _doubt(connection, row.number, look.seen_at)
        return False
    return True


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
    if (
        connection.dialect.name == "postgresql"
    ):  # those who listen look into the table then; equal notices are sent once
        await connection.run_sync(_notify)
    return [replace(change, number=number) for change, number in zip(told, numbers, strict=True)]


def _notify(connection: Connection) -> None:
    connection.execute(notice_of_changes(connection.get_execution_options()["nomos_schema"]))


async def _latest(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(observations).where(observations.c.order_id.in_(ids), observations.c.is_latest)
    return {row.order_id: row for row in await connection.execute(query)}


async def _was_so(connection: AsyncConnection, look: OrderLook, before: OrderLook) -> bool:
    """Whether an earlier look showed this status, or all of this if the status is the one of the look before."""
    if look.updated_at and before.updated_at:  # which is later has been seen from these
        return False
    names = ("api_version", "status") if look.status != before.status else ("api_version", *STATE)
    same = [observations.c[name].is_not_distinct_from(getattr(look, name)) for name in names]
    query = select(exists().where(observations.c.order_id == look.order_id, *same))
    return bool((await connection.execute(query)).scalar())


async def _doubt(connection: AsyncConnection, number: int, since: datetime | None) -> None:
    """Remember that an order may have gone back since then: no run proves any more that it was in the later state."""
    query = update(observations).where(observations.c.number == number)
    await connection.execute(query.values(doubted_at=since))


async def _complete_runs(connection: AsyncConnection, now: datetime) -> list[_Run]:
    """Return the first and the last three runs that looked at everything that can change."""
    start = runs.c.started_at
    complete = select(start, runs.c.finished_at).where(COMPLETE, start <= now + CLOCK_SKEW)
    first = await connection.execute(complete.order_by(start).limit(1))
    last = await connection.execute(complete.order_by(start.desc()).limit(3))
    return [(started, finished) for started, finished in [*first, *last]]


def _last_seen(row: Row[Any], look: OrderLook, complete_runs: Iterable[_Run]) -> datetime | None:
    """Return when the state before was last seen: what does not change leaves no row, but every run looks at it.

    No run does that looks at what is final, or that had not ended when a look first seemed to show something else.
    """
    saw = (
        started
        for started, finished in complete_runs
        if not row.is_final and (row.doubted_at is None or finished < row.doubted_at)
    )
    return max((seen for seen in (row.seen_at, *saw) if seen <= look.seen_at), default=None)


def look_of(row: Row[Any]) -> OrderLook:
    """Read a row of `observations`."""
    return OrderLook(**{each.name: getattr(row, each.name) for each in fields(OrderLook)})


def change_of(row: Row[Any]) -> Change:
    """Read a row of `changes`."""
    return Change(**{each.name: getattr(row, each.name) for each in fields(Change)})


def _values(said: OrderLook | Change) -> dict[str, Any]:
    return {each.name: getattr(said, each.name) for each in fields(said)}


def _batches(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
