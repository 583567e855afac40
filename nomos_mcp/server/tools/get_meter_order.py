"""The tool `get_meter_order`."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import Explanation, explain
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import OrderFields, Result, ToolDefinition, order_fields, order_state


class NoOrderYetError(InvalidRequestError):
    """The subscription exists and has no meter order."""


async def find_order(context: NomosContext, order_id: str) -> MeterOrder:
    """Read an order by its ID or its subscription's: a subscription has at most one order."""
    if kind_of(order_id) != "subscription":
        return await context.client.meter_orders.get(order_id)
    order = await context.client.meter_orders.of_subscription(order_id)
    if order is not None:
        return order
    # Raises for one that does not exist, which is another answer.
    found = await context.client.subscriptions.get(order_id)
    raise NoOrderYetError(
        f"Subscription {order_id} has no meter order: nothing was ordered for it yet. To see whether an order is "
        f"possible, call list_subscriptions with customer_id {found.customer}."
    )


class MeterOrderResult(Result):
    """An order and what it means."""

    order: OrderFields
    explanation: Explanation
    api_version: str


def result_of(order: MeterOrder, context: NomosContext) -> MeterOrderResult:
    return MeterOrderResult(
        order=order_fields(order),
        explanation=explain(order_state(order, context.vocabulary), now=context.now()),
        api_version=context.vocabulary,
    )


async def get_meter_order(
    order_id: Annotated[str, Field(description="Meter order (prdo_…) or its subscription (sub_…).")],
    ctx: Context[NomosContext],
) -> Annotated[CallToolResult, MeterOrderResult]:
    """Read one smart meter order and what its state means: answers "where is it, why is it stuck, whose turn is it?".

    Answer from `explanation`. Look at `explanation.blocked` first: blocked lies over the status and decides who must
    act (`waiting_on`). `check_missing` is the customer's turn; `grid_operator_registration` is a wait.
    `installed` is not `activated`: dynamic prices and automatic readings start at `activated`.
    `customer_message` is ready to send. Promise no dates beyond `order.appointment_at`.
    """
    context = nomos_context(ctx)
    return result_of(await find_order(context, order_id), context).answer()


TOOL = ToolDefinition(function=get_meter_order, title="Get a smart meter order", position=10)
