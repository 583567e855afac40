"""The tool `list_subscriptions`."""

from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client import Subscription
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.server.error_messages import unknown
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.list_request import ListRequest, UpstreamFilter, first_moment, last_moment
from nomos_mcp.server.ordering.eligibility import CanOrder, Orders, can_order, orders_of
from nomos_mcp.server.pagination import Query, read_list
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import ListResult, Result, ToolDefinition, fitting

STATUSES = ("pending", "active", "ended")

_NOTE = (
    "Not known here: the meter's type, and whether a plan includes a smart meter. order_smart_meter shows the meter's "
    "type before a person says yes; that a plan includes none shows only when it is ordered."
)


class SubscriptionLine(Result):
    """One subscription, without personal data, and whether a smart meter can be ordered for it."""

    id: str
    plan: str
    customer: str
    status: str
    direction: str | None = None
    meter_type: str | None = None
    can_order: CanOrder
    why: str
    order_id: str | None = None
    order_status: str | None = None


class SubscriptionList(ListResult):
    """One page of subscriptions, newest first."""

    subscriptions: list[SubscriptionLine]
    note: str


def line_of(subscription: Subscription, orders: Orders) -> SubscriptionLine:
    verdict, why = can_order(subscription, orders)
    order = orders.of.get(subscription.id)
    return SubscriptionLine(
        id=subscription.id,
        plan=subscription.plan,
        customer=subscription.customer,
        status=subscription.status,
        direction=subscription.direction,
        meter_type=subscription.meter_type,
        can_order=verdict,
        why=why,
        order_id=order.id if order else None,
        order_status=order.status if order else None,
    )


async def list_subscriptions(
    ctx: Context[NomosContext],
    status: Annotated[str, Field(description="Only pending, active or ended ones.")] = "",
    customer_id: Annotated[str, Field(description="Only this customer's (cus_…)."), UpstreamFilter("customer")] = "",
    plan_id: Annotated[str, Field(description="Only on this plan (plan_… or pln_…)."), UpstreamFilter("plan")] = "",
    created_after: Annotated[
        str,
        Field(description="From this day on (2026-05-27, whole day in Berlin), or time with zone."),
        UpstreamFilter("created_after", first_moment),
    ] = "",
    created_before: Annotated[
        str,
        Field(description="Up to and including this day, or time with zone."),
        UpstreamFilter("created_before", last_moment),
    ] = "",
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Subscriptions to return at most.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the call before, other arguments unchanged.")] = "",
) -> Annotated[CallToolResult, SubscriptionList]:
    """List subscriptions, newest first: "which can get a smart meter?", "what does this customer have?". No names.

    `can_order` says whether a smart meter can be ordered, `why` names the rule; its one order, if it has one, is in
    `order_id` and `order_status`. yes is inferred: others on its plan have an order. unknown: no rule seen here forbids
    it, but the list does not show everything (`note`); say so.
    `complete` is true when this page, with those before it, is everything that matches; `not_covered` names what is
    left out.
    """
    request = ListRequest(list_subscriptions, locals())
    client, filters = request.context.client, request.filters
    if status and status not in STATUSES:
        raise InvalidRequestError(
            f"{unknown('subscription status', status, STATUSES)} For the statuses of meter orders use "
            "list_meter_orders_by_status."
        )

    queries = [Query({"status": status}, by_status=True)] if status else []
    found = await read_list(
        partial(client.subscriptions.list, **filters),
        [*queries, Query()],
        request.start(Cursor(limit)),
        wanted=limit,
        keep=lambda subscription: not status or subscription.status == status,
    )
    orders = await orders_of(client, found.items)
    lines = [line_of(subscription, orders) for subscription in found.items]
    lines = lines[: fitting(lines)]
    return SubscriptionList(subscriptions=lines, note=_NOTE, **request.fields(found, len(lines))).answer()


TOOL = ToolDefinition(function=list_subscriptions, title="List subscriptions", position=30)
