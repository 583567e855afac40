"""The tool `order_smart_meter`: the one write."""

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import ConflictError, InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.client.models import MeterOrder, Subscription
from nomos_mcp.lifecycle import Explanation, explain
from nomos_mcp.server.confirmation import LIFETIME
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.results import OrderFields, Result, order_fields, order_state
from nomos_mcp.server.strict import ORDER, strict_tool

Outcome = Literal["ordered", "already_ordered", "confirmation_required"]


class Preview(Result):
    """What would be ordered."""

    subscription: str
    customer: str
    plan: str
    subscription_status: str
    meter_type: str | None = None


class OrderingResult(Result):
    """What came of the call."""

    outcome: Outcome
    message: str
    next: str
    preview: Preview | None = None
    confirmation_code: str | None = None
    order: OrderFields | None = None
    explanation: Explanation | None = None
    api_version: str


async def order_smart_meter(
    subscription_id: Annotated[str, Field(description="Subscription to order for (sub_…).")],
    ctx: Context[Desk],
    confirmation_code: Annotated[str, Field(description="The code of the preview, once a person has said yes.")] = "",
) -> Annotated[CallToolResult, OrderingResult]:
    """Order a smart meter for a subscription. Physical: an installer comes to a home. Once per subscription, ever.

    Call without a code first: nothing is ordered, `outcome` is `confirmation_required` with a preview and a code, or
    `already_ordered` with the existing order (a cancelled one counts too; only support@nomos.energy can repeat it).
    Show the preview to a person; call again with the code only after their yes. Not for feed-in or ended subscriptions.
    """
    desk = desk_of(ctx)
    checked(subscription_id, "subscription")
    if (existing := await desk.client.meter_orders.of_subscription(subscription_id)) is not None:
        return _already(existing, desk).answer()
    bound_to = (subscription_id, desk.client.base_url)
    if not confirmation_code:
        subscription = await desk.client.subscriptions.get(subscription_id)
        return _preview(subscription, desk.confirmations.code(*bound_to), desk).answer()
    if flaw := desk.confirmations.flaw(confirmation_code, *bound_to):
        raise InvalidRequestError(
            f"Nothing was ordered: the confirmation code was not accepted, {flaw}. Call order_smart_meter without a "
            "code for a new preview and a new code, and show the preview to a person again."
        )
    try:
        order = await desk.client.meter_orders.create(subscription_id)
    except ConflictError:
        # Somebody else ordered between our look and our order. Theirs is the one order there is.
        if (existing := await desk.client.meter_orders.of_subscription(subscription_id)) is None:
            raise
        return _already(existing, desk).answer()
    return OrderingResult(
        outcome="ordered",
        message=f"The smart meter is ordered: {order.id}.",
        next="Tell the customer that it is ordered, without a date. get_meter_order once a day is plenty.",
        order=order_fields(order),
        explanation=explain(order_state(order, desk.vocabulary), now=desk.now()),
        api_version=desk.vocabulary,
    ).answer()


def tool() -> Tool:
    """Make the tool."""
    return strict_tool(order_smart_meter, title="Order a smart meter", annotations=ORDER)


def _already(order: MeterOrder, desk: Desk) -> OrderingResult:
    return OrderingResult(
        outcome="already_ordered",
        message=f"Nothing was ordered: this subscription has its one order, {order.id}, status {order.status}.",
        next=(
            "It cannot be ordered again through the API; to retry a cancelled order, write to support@nomos.energy."
            if order.status == "cancelled"
            else "Answer from the explanation of the existing order."
        ),
        order=order_fields(order),
        explanation=explain(order_state(order, desk.vocabulary), now=desk.now()),
        api_version=desk.vocabulary,
    )


def _preview(subscription: Subscription, code: str, desk: Desk) -> OrderingResult:
    return OrderingResult(
        outcome="confirmation_required",
        message="Nothing is ordered yet. An order is physical, and possible once for this subscription, ever.",
        next=(
            "Show the preview to a person and ask. Only after their yes, call order_smart_meter again with the same "
            f"subscription_id and this confirmation_code, within {LIFETIME // 60} minutes."
        ),
        preview=Preview(
            subscription=subscription.id,
            customer=subscription.customer,
            plan=subscription.plan,
            subscription_status=subscription.status,
            meter_type=subscription.meter_type,
        ),
        confirmation_code=code,
        api_version=desk.vocabulary,
    )
