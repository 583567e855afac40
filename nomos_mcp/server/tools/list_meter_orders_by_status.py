"""The tool `list_meter_orders_by_status`."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import (
    CURIE,
    STATUSES,
    VERSIONS,
    ApiVersion,
    blocked_statuses,
    is_blocked,
    neighbours,
    open_statuses,
    summarise,
)
from nomos_mcp.server.cursors import Cursor, cursor_of
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.failures import nearest
from nomos_mcp.server.results import ListResult, Result, order_state
from nomos_mcp.server.strict import READ, strict_tool
from nomos_mcp.server.walks import MAX_PAGES, walk

BLOCKED, OPEN, ALL = "blocked", "open", "all"


class OrderLine(Result):
    """One order of a list; get_meter_order tells the rest."""

    id: str
    customer: str
    status: str
    summary: str


class Counts(Result):
    """How many orders match. A status or reason that is not listed has none."""

    total: int
    by_status: dict[str, int]
    by_block_reason: dict[str, int]


class OrderList(ListResult):
    """One page of orders, newest first; with `limit` 0 their counts instead."""

    orders: list[OrderLine]
    counts: Counts | None = None


async def list_meter_orders_by_status(
    status: Annotated[str, Field(description="A status, or blocked, open (may still progress), all.")],
    ctx: Context[Desk],
    customer_id: Annotated[str, Field(description="Only this customer's (cus_…).")] = "",
    subscription_id: Annotated[str, Field(description="Only this subscription's (sub_…).")] = "",
    limit: Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE, description="Orders to return at most; 0: only count.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the call before, other arguments unchanged.")] = "",
) -> Annotated[CallToolResult, OrderList]:
    """List smart meter orders, newest first, or count them: "which are blocked?", "how many are scheduled?".

    `blocked` finds every order that is held up, whatever its status: each `summary` names the reason and whose turn it
    is. `complete` is true when this page, with those before it, is everything that matches; otherwise go on with
    `next_cursor`, or say that there is more.
    `limit` 0 lists nothing and answers with `counts` per status and per block reason; if not `complete`, they are of
    the newest orders only, and `next_cursor` counts the rest.
    """
    desk = desk_of(ctx)
    version = desk.vocabulary
    statuses, keep = _selection(status, version)
    counting = limit == 0
    query = ("meter orders", status, customer_id, subscription_id, version)
    start = cursor_of(cursor, query) if cursor else Cursor(MAX_PAGE_SIZE if counting or status == BLOCKED else limit)
    found = await walk(
        lambda at: desk.client.meter_orders.list(
            status=statuses, customer=customer_id, subscription=subscription_id, limit=start.page_size, cursor=at
        ),
        start,
        wanted=limit or MAX_PAGES * MAX_PAGE_SIZE,
        keep=keep,
    )
    now = desk.now()
    listed = [] if counting else found.items
    return OrderList(
        orders=[
            OrderLine(
                id=order.id,
                customer=order.customer,
                status=order.status,
                summary=summarise(order_state(order, version), now=now),
            )
            for order in listed
        ],
        counts=_counts(found.items, version) if counting else None,
        returned=len(listed),
        has_more=found.next is not None,
        next_cursor=found.next.text(query) if found.next else None,
        complete=found.next is None,
        api_version=version,
    ).answer()


def tool(version: ApiVersion) -> Tool:
    """Make the tool for the statuses of an API version."""
    return strict_tool(
        list_meter_orders_by_status,
        title="List smart meter orders by status",
        annotations=READ,
        choices={"status": tuple(_choices(version))},
    )


def _choices(version: ApiVersion) -> list[str]:
    return list(dict.fromkeys((BLOCKED, OPEN, ALL, *STATUSES[version])))


def _selection(status: str, version: ApiVersion) -> tuple[tuple[str, ...], Callable[[MeterOrder], bool]]:
    """Return which statuses to ask upstream for, and which of the orders that come back count."""
    if status == ALL:
        return (), _any
    if status == OPEN:
        return open_statuses(version), _any
    if status == BLOCKED:
        # Edison has statuses for it; under curie it is an overlay, which upstream cannot filter by.
        return blocked_statuses(version) or open_statuses(version), partial(_blocked, version)
    if status in STATUSES[version]:
        return (status,), _any
    raise InvalidRequestError(
        f"Unknown status {status!r}.{_hint(status, version)} API version {version} has "
        f"{', '.join(STATUSES[version])}; beyond these, {BLOCKED}, {OPEN} and {ALL} can be asked for. "
        f"explain_status explains the names of both API versions."
    )


def _hint(status: str, version: ApiVersion) -> str:
    if home := next((each for each in VERSIONS if status in STATUSES[each]), None):
        near = ", ".join(neighbours(status, home))
        here = f"nearest here (inferred): {near}" if near else "it has no counterpart here (inferred)"
        return f" It is a status of {home}; {here}."
    guess = nearest(status, _choices(version))
    return f" Did you mean {guess!r}?" if guess else ""


def _counts(orders: list[MeterOrder], version: ApiVersion) -> Counts:
    states = [order_state(order, version) for order in orders]
    # Edison has no reasons: there the status that blocks is the reason.
    reasons = Counter(
        (state.blocked_reason or "unstated") if version == CURIE else state.status
        for state in states
        if is_blocked(state)
    )
    statuses = Counter(state.status for state in states)
    return Counts(
        total=len(states), by_status=dict(statuses.most_common()), by_block_reason=dict(reasons.most_common())
    )


def _any(_: MeterOrder) -> bool:
    return True


def _blocked(version: ApiVersion, order: MeterOrder) -> bool:
    return is_blocked(order_state(order, version))
