"""The tool `list_meter_orders_by_status`."""

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
    STATUSES,
    ApiVersion,
    blocked_statuses,
    is_blocked,
    nearest_status,
    open_statuses,
    summarise,
)
from nomos_mcp.server.cursors import Cursor, cursor_of
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.results import Result, order_state
from nomos_mcp.server.strict import READ, strict_tool
from nomos_mcp.server.walks import walk

BLOCKED, OPEN, ALL = "blocked", "open", "all"


class OrderLine(Result):
    """One order of a list; get_meter_order tells the rest."""

    id: str
    subscription: str
    customer: str
    status: str
    summary: str


class OrderList(Result):
    """One page of orders, newest first."""

    orders: list[OrderLine]
    returned: int
    has_more: bool
    next_cursor: str | None = None
    complete: bool
    api_version: str


async def list_meter_orders_by_status(
    status: Annotated[str, Field(description="A status, or blocked, open (may still progress), all.")],
    ctx: Context[Desk],
    customer_id: Annotated[str, Field(description="Only this customer's (cus_…).")] = "",
    subscription_id: Annotated[str, Field(description="Only this subscription's (sub_…).")] = "",
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Orders to return at most.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the call before, other arguments unchanged.")] = "",
) -> Annotated[CallToolResult, OrderList]:
    """List smart meter orders, newest first: "which orders are blocked?", "what does this customer have?".

    `blocked` finds every order that is held up, whatever its status: each `summary` names the reason and whose turn it
    is. `complete` is true when this page, with those before it, is everything that matches; otherwise go on with
    `next_cursor`, or say that there is more.
    """
    desk = desk_of(ctx)
    version = desk.vocabulary
    statuses, keep = _selection(status, version)
    query = (status, customer_id, subscription_id, version)
    start = cursor_of(cursor, query) if cursor else Cursor(MAX_PAGE_SIZE if status == BLOCKED else limit)
    found = await walk(
        lambda at: desk.client.meter_orders.list(
            status=statuses, customer=customer_id, subscription=subscription_id, limit=start.page_size, cursor=at
        ),
        start,
        wanted=limit,
        keep=keep,
    )
    now = desk.now()
    return OrderList(
        orders=[
            OrderLine(
                id=order.id,
                subscription=order.subscription,
                customer=order.customer,
                status=order.status,
                summary=summarise(order_state(order, version), now=now),
            )
            for order in found.orders
        ],
        returned=len(found.orders),
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
        choices={"status": tuple(dict.fromkeys((BLOCKED, OPEN, ALL, *STATUSES[version])))},
    )


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
    guess = next(iter(nearest_status(status, version)), "")
    hint = f" Did you mean {guess!r}?" if guess else ""
    raise InvalidRequestError(
        f"Unknown status {status!r}.{hint} API version {version} has {', '.join(STATUSES[version])}; beyond these, "
        f"{BLOCKED}, {OPEN} and {ALL} can be asked for. explain_status explains the names of both API versions."
    )


def _any(_: MeterOrder) -> bool:
    return True


def _blocked(version: ApiVersion, order: MeterOrder) -> bool:
    return is_blocked(order_state(order, version))
