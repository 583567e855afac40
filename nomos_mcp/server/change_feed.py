"""The change feed: what became of orders, newest first, over as many calls as it takes.

It is read from the history, or without one from what the API itself dates. The API lists orders by creation, and an old
order may have changed today. So without a history all orders of up to `MAX_PAGES` pages are read before the newest of
their changes are told, and again for each further page of those.
"""

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.history.changes import CLOCK_SKEW, Change, Kind, OrderLook, changes_between
from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import berlin_date, berlin_moment
from nomos_mcp.server.list_cursor import Cursor, FeedCursor, digest, sealed, unsealed
from nomos_mcp.server.pagination import Query, read_list
from nomos_mcp.server.request_context import NomosContext

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.runs import Gap
    from nomos_mcp.history.store import History

FeedKind = Literal["any", "blocked", "unblocked", "activated", "cancelled", "appointment", "status"]

_MAX_NAMED: Final = 5  # gaps
_UPDATED: Final = "updated"
_UPDATED_LATER: Final = "updated after that time, so whether within it is not shown"
_DOUBTED: Final = "that a look showed otherwise than recorded: not certain yet"
_TOO_MANY_NEW: Final = "some orders, perhaps: too many new ones came in meanwhile; begin again without the cursor"
_NOT_DATED: Final[dict[ApiVersion, str]] = {
    CURIE: "Without a history only what Nomos dates: created, installed, activated, cancelled, a block that lasts. Not "
    "placed, checks, scheduling, unblocking.",
    EDISON: "Without a history only what Nomos dates: creation and the last update. Not what was updated: no status, "
    "check, scheduling, blocking, unblocking.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedQuery:
    """What is asked of the feed. Its first moment is in the cursor; `key` seals what else that holds."""

    until: datetime | None
    customer_id: str
    order_id: str
    kind: FeedKind
    limit: int
    key: bytes

    def wants(self, change: Change, since: datetime) -> bool:
        """Whether a change that the order dates is asked for."""
        if change.latest < since or (self.until and change.latest > self.until):
            return False
        return self.kind == "any" or (change.of_status if self.kind == "status" else change.kind == self.kind)


@dataclass(frozen=True, slots=True)
class Entry:
    """A change, and the order as it was seen last. `tie` tells changes of one time apart."""

    change: Change
    look: OrderLook | None
    tie: str

    @property
    def place(self) -> tuple[datetime, str]:
        return self.change.latest, self.tie


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """What one call found.

    Attributes:
        entries: Newest first.
        cursor: Where it began to read.
        more: Whether there are more behind them.
        end: Where the orders begin that were not read; None at the end of the list, and with a history.
        not_covered: What may have changed and is not told.
    """

    entries: list[Entry]
    cursor: FeedCursor
    more: bool = False
    end: Cursor | None = None
    not_covered: list[str] = field(default_factory=list)

    def next(self, handed: int) -> FeedCursor | None:
        """Return where to go on after returning so many of the entries."""
        here = replace(self.cursor, gaps=bool(self.not_covered))
        if handed and (self.more or handed < len(self.entries)):
            last = self.entries[handed - 1]
            return replace(here, told=last.change.latest, tie=last.tie, end=self.end)
        return replace(here, told=None, tie="", start=self.end, end=None) if self.end else None


async def from_history(history: "History", query: FeedQuery, cursor: FeedCursor, now: datetime) -> FeedPage | None:
    """Read the feed from the history; None if that knows nothing of what is asked for.

    Raises:
        DatabaseError: The database does not answer.
    """
    from nomos_mcp.history.store import Place  # noqa: PLC0415  only a server with a database pays for loading it

    # Before the changes: a run that ends meanwhile covers what they lack.
    last = min(query.until or now, now)
    gaps = await history.runs.gaps(cursor.since, last)
    asked = {"customer_id": query.customer_id, **_order_of(query)}
    doubted = await history.doubted(cursor.since, last, **asked)
    kind: Kind | None = None if query.kind == "any" else query.kind
    found = await history.changes(
        since=cursor.since,
        until=query.until,
        **asked,
        kind=kind,
        behind=Place(cursor.told, unsealed(cursor.tie, query.key)) if cursor.told else None,
        limit=query.limit + 1,
    )
    if not found and not cursor.told:
        unwatched = any(gap.start <= cursor.since and gap.end >= last for gap in gaps)
        if unwatched or not await _knows(history, query.order_id):
            return None
    not_covered = _named(gaps)
    if doubted:
        not_covered.append(f"{doubted} order{'s' * (doubted > 1)} {_DOUBTED}")
    told = found[: query.limit]
    looks = await history.latest_looks([change.order_id for change in told])
    return FeedPage(
        entries=[Entry(change, looks.get(change.order_id), sealed(change.number, query.key)) for change in told],
        cursor=cursor,
        more=len(found) > query.limit,
        not_covered=not_covered or (["what not_covered of an earlier page names"] if cursor.gaps else []),
    )


def _order_of(query: FeedQuery) -> dict[str, str]:
    kind = "order_id" if query.order_id.startswith("prdo_") else "subscription_id"
    return {kind: query.order_id}


async def _knows(history: "History", order_id: str) -> bool:
    """Whether anything is recorded of an order or, by its ID, of a subscription's; true if none is asked for."""
    if order_id.startswith("sub_"):
        return bool(await history.changes(subscription_id=order_id, limit=1))
    return not order_id or bool(await history.latest_looks([order_id]))


def _named(gaps: "list[Gap]") -> list[str]:
    words = texts("en")
    told = [
        f"{berlin_moment(gap.start, words, zone=False)} to {berlin_moment(gap.end, words, zone=False)}: {gap.why}"
        for gap in gaps[-_MAX_NAMED:]
    ]
    rest = len(gaps) - len(told)
    return [*told, *([f"and {rest} more before"] if rest else [])]


def from_order(order: MeterOrder, context: NomosContext, query: FeedQuery, cursor: FeedCursor) -> FeedPage:
    """Tell what one order dates."""
    wanted = _DatedChanges(query, cursor, context)
    perhaps = query.customer_id in {"", order.customer} and wanted.take(order)
    return wanted.page(end=None, not_covered=[f"1 {perhaps}"] if perhaps else [])


async def from_orders(
    context: NomosContext, query: FeedQuery, cursor: FeedCursor, report: Callable[[int], Awaitable[None]]
) -> FeedPage:
    """Read the orders, and tell what they date."""
    wanted, version = _DatedChanges(query, cursor, context), context.vocabulary
    filters: dict[str, Any] = {"customer": query.customer_id}
    if version != CURIE:  # which filters no times
        filters["updated_after"] = cursor.since
    ask = partial(context.client.meter_orders.list, **filters)
    ask()  # checks the arguments; sends nothing
    if not _is_dated(query.kind, version):
        return wanted.page(end=None, not_covered=[])
    start, end = cursor.start or Cursor(MAX_PAGE_SIZE), cursor.end
    not_covered: list[str] = []
    # New orders may have come in front of those that were read for the page before.
    for _ in range(2 if cursor.told else 1):
        reading = await read_list(
            ask,
            [Query()],
            start,
            wanted=None,
            since=end.position.created if end else None,
            keep=wanted.take,
            report=report,
        )
        not_covered += [each for each in reading.not_covered if each not in not_covered]
        following = reading.next()
        if following is None or (end and following.position.reaches(end.position)):
            break
        start = following
    else:
        if cursor.told:
            not_covered.append(_TOO_MANY_NEW)
        else:
            end = start
    return wanted.page(end=end, not_covered=not_covered)


def _is_dated(kind: FeedKind, version: ApiVersion) -> bool:
    return kind in {"any", "status"} or (version == CURIE and kind in {"blocked", "activated", "cancelled"})


class _DatedChanges:
    """Collects what orders date."""

    def __init__(self, query: FeedQuery, cursor: FeedCursor, context: NomosContext) -> None:
        self._query, self._cursor, self._context = query, cursor, context
        self._now = context.now()
        self._found: list[Entry] = []

    def take(self, order: MeterOrder) -> bool | str:
        """Take what is asked for; say if the order may have changed in a way that is not shown."""
        query, cursor = self._query, self._cursor
        if cursor.end and not cursor.end.position.covers(order.id, order.created_at):
            return False
        look = OrderLook.of(order, self._context.vocabulary, seen_at=self._now, seen_by="read")
        entries = [
            Entry(change, look, digest(f"{change.order_id} {change.after}", 8))
            for change in _changes_of(look)
            if query.wants(change, cursor.since)
        ]
        told = (cursor.told, cursor.tie) if cursor.told else None
        self._found += [entry for entry in entries if told is None or entry.place < told]
        is_later = query.until and look.updated_at and look.updated_at > query.until
        was_there = not look.created_at or not query.until or look.created_at <= query.until
        return _UPDATED_LATER if query.kind == "any" and is_later and was_there else False

    def page(self, *, end: Cursor | None, not_covered: list[str]) -> FeedPage:
        newest = heapq.nlargest(self._query.limit + 1, self._found, key=lambda entry: entry.place)
        if end and end.position.created:
            day = berlin_date(end.position.created, texts("en"))
            not_covered = [f"orders created before {day}: not read yet, go on with next_cursor", *not_covered]
        return FeedPage(
            entries=newest[: self._query.limit],
            cursor=self._cursor,
            more=len(newest) > self._query.limit,
            end=end,
            not_covered=[_NOT_DATED[self._context.vocabulary], *not_covered],
        )


def _changes_of(look: OrderLook) -> list[Change]:
    changes = changes_between(None, look, not_before=None)
    updated = look.updated_at
    if updated and (look.created_at or updated) <= updated <= look.seen_at + CLOCK_SKEW and updated != look.created_at:
        changes.append(
            Change(
                order_id=look.order_id,
                subscription_id=look.subscription_id,
                customer_id=look.customer_id,
                api_version=look.api_version,
                kind="status",
                after=_UPDATED,
                happened_at=updated,
                seen_at=look.seen_at,
                seen_by=look.seen_by,
            )
        )
    return changes
