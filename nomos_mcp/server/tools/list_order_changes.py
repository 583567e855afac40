"""The tool `list_order_changes`."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.history.changes import Change
from nomos_mcp.lifecycle import CURIE, summary_of
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import berlin_date, in_berlin
from nomos_mcp.server.change_feed import Entry, FeedKind, FeedPage, FeedQuery, from_history, from_order, from_orders
from nomos_mcp.server.list_cursor import Cursor, FeedCursor, feed_cursor_of
from nomos_mcp.server.list_request import ListRequest, UpstreamFilter, first_moment, last_moment
from nomos_mcp.server.order_history import MOST, in_berlin_time, not_too_long, reason_of
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import ListResult, ToolDefinition, fitting
from nomos_mcp.server.tools.get_meter_order import find_order

DAYS: Final = 7
"""How far back the feed goes if nobody says."""

_UPDATED_NOTE: Final = "updated: what changed is not shown in this API version."


class OrderChanges(ListResult):
    """One page of what became of orders, newest first.

    Attributes:
        changes: Order, customer, what; when (days in Berlin, this year's without the year), and since when that is
            known if later; whose turn it is now.
    """

    changes: list[str]
    note: str | None = None


async def list_order_changes(
    ctx: Context[NomosContext],
    since: Annotated[str, Field(description="Day (Berlin) or time; default: 7 days.")] = "",
    until: Annotated[str, Field(description="As since.")] = "",
    customer_id: Annotated[str, Field(description="cus_…"), UpstreamFilter("customer")] = "",
    order_id: Annotated[str, Field(description="prdo_… or sub_…")] = "",
    kind: Annotated[FeedKind, Field(description="Only these.")] = "any",
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="At most.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor; rest unchanged.")] = "",
) -> Annotated[CallToolResult, OrderChanges]:
    """List what changed in orders, newest first.

    Whose turn it is now: inferred unless marked. Unless `complete`, say what not_covered names.
    """
    request = ListRequest(list_order_changes, locals())
    context = request.context
    now = context.now()
    first, last = first_moment(since, "since"), last_moment(until, "until")
    _check(first, last, now)
    if order_id:
        checked(order_id, "meter order", "subscription")
    key = context.client.derived_key("cursor")
    query = FeedQuery(until=last, customer_id=customer_id, order_id=order_id, kind=kind, limit=limit, key=key)
    default = first or min(last or now, now) - timedelta(days=DAYS)
    start = feed_cursor_of(cursor, request.binding) if cursor else FeedCursor(since=default)

    async def report(read: int) -> None:
        await ctx.report_progress(read, message=f"{read:,} orders read")

    page, failed = (None, "") if start.start else await _recorded(context, query, start, now)
    from_database = page is not None
    if page is None:
        start = replace(start, start=start.start or Cursor(MAX_PAGE_SIZE))
        if order_id:
            page = from_order((await find_order(context, order_id)).order, context, query, start)
        else:
            page = await from_orders(context, query, start, report)
    lines = [_line(entry, now) for entry in page.entries]
    lines = lines[: fitting(lines)]
    following = page.next(len(lines))
    notes = (
        request.note,
        "" if since else f"Since {berlin_date(start.since, texts('en'))}: {DAYS} days, by default.",
        "Whose turn it is: as last recorded." if from_database else "",
        _UPDATED_NOTE if not from_database and context.vocabulary != CURIE else "",
    )
    return OrderChanges(
        changes=lines,
        note=" ".join(filter(None, notes)) or None,
        **request.said(
            len(lines),
            following.text(request.binding) if following else None,
            [*filter(None, [failed]), *page.not_covered],
        ),
    ).answer()


def _check(since: datetime | None, until: datetime | None, now: datetime) -> None:
    if since and since > now:
        raise InvalidRequestError("since lies in the future: nothing has changed since then.")
    if since and until and since > until:
        raise InvalidRequestError("since is later than until, so nothing can match. Swap them.")


async def _recorded(
    context: NomosContext, query: FeedQuery, cursor: FeedCursor, now: datetime
) -> tuple[FeedPage | None, str]:
    """Read the feed from the history, if there is one that answers and knows something; say why not."""
    history = context.history
    if history is None:
        return None, ""
    failed = f"The history: the database did not answer within {MOST:.0f} seconds."
    with not_too_long(history):
        try:
            page = await from_history(history, query, cursor, now)
        except InvalidRequestError:  # the cursor's fault
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, Nomos can be asked
            why = reason_of(error)
            failed = "The history cannot be read now." if context.caller.is_fenced else f"The history: {why}"
        else:
            return page, "" if page else "The history: nothing is recorded of this."
    if cursor.told:
        raise InvalidRequestError(
            "The history does not answer now, and the cursor goes on in it. Repeat the call in a minute, or leave the "
            "cursor out to be told what Nomos itself dates."
        )
    return None, failed


def _line(entry: Entry, now: datetime) -> str:
    change, look = entry.change, entry.look
    states = [in_berlin_time(state, texts("en")) for state in (change.before, change.after) if state]
    turn = "unknown"
    if look:
        summary = summary_of(look.order_state, now=now)
        sure = "" if summary.confidence == "inferred" else f" ({summary.confidence})"
        turn = f"{summary.waiting_on}{sure}"
    return f"{change.order_id} {change.customer_id}: {' → '.join(states)}; {_when(change, now)}; turn: {turn}"


def _when(change: Change, now: datetime) -> str:
    """Return when, such as "12 Jun, known 13 Jun", or "between 11 and 12 Jun"."""
    seen = _day(change.seen_at, now)
    if change.happened_at:
        day = _day(change.happened_at, now)
        is_late = change.number and change.seen_at > change.happened_at and day != seen
        return f"{day}, known {seen}" if is_late else day
    if change.not_before is None:
        return f"by {seen}"
    earliest = _day(change.not_before, now)
    if earliest == seen:
        first, last = in_berlin(change.not_before), in_berlin(change.seen_at)
        return f"between {first:%H:%M} and {last:%H:%M} on {seen}"
    number, _, month = earliest.partition(" ")
    return f"between {number if seen.endswith(f' {month}') else earliest} and {seen}"


def _day(moment: datetime, now: datetime) -> str:
    """Return a day in Berlin, without its year if that is the present one."""
    words = texts("en")
    return berlin_date(moment, words).removesuffix(berlin_date(now, words)[-5:])


TOOL = ToolDefinition(function=list_order_changes, title="List changes of orders", position=25, app="board")
