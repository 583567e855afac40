"""The tool `get_meter_order`."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import Explanation, explain
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.orders import find_order
from nomos_mcp.server.results import OrderFields, Result, order_fields, order_state
from nomos_mcp.server.strict import READ, strict_tool


class MeterOrderResult(Result):
    """An order and what it means."""

    order: OrderFields
    explanation: Explanation
    api_version: str


def result_of(order: MeterOrder, desk: Desk) -> MeterOrderResult:
    """Explain an order for a support agent."""
    return MeterOrderResult(
        order=order_fields(order),
        explanation=explain(order_state(order, desk.vocabulary), now=desk.now()),
        api_version=desk.vocabulary,
    )


async def get_meter_order(
    order_id: Annotated[str, Field(description="Meter order (prdo_…) or its subscription (sub_…).")],
    ctx: Context[Desk],
) -> Annotated[CallToolResult, MeterOrderResult]:
    """Read one smart meter order and what its state means: answers "where is it, why is it stuck, whose turn is it?".

    Answer from `explanation`. Look at `explanation.blocked` first: blocked lies over the status and decides who must
    act (`waiting_on`). `check_missing` is the customer's turn; `grid_operator_registration` is a wait.
    `installed` is not `activated`: dynamic prices and automatic readings start at `activated`.
    `customer_message` is ready to send. Promise no dates beyond `order.appointment_at`.
    """
    desk = desk_of(ctx)
    order = await find_order(desk, order_id)
    return result_of(order, desk).answer()


def tool() -> Tool:
    """Make the tool."""
    return strict_tool(get_meter_order, title="Get a smart meter order", annotations=READ)
