"""What can be read by address: the lifecycle, and one order."""

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.server import MCPServer

from nomos_mcp.lifecycle import lifecycle_markdown
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.orders import find_order
from nomos_mcp.server.tools.get_meter_order import result_of


def add_resources(server: MCPServer[Desk]) -> None:
    """Add the resources to a server."""

    @server.resource(
        "nomos://lifecycle",
        name="lifecycle",
        title="Lifecycle of a smart meter order",
        mime_type="text/markdown",
    )
    async def lifecycle() -> str:
        """Both vocabularies of statuses, what blocks and what cancels an order, and who must act."""
        return lifecycle_markdown()

    @server.resource(
        "nomos://meter-orders/{order_id}",
        name="meter-order",
        title="A smart meter order, explained",
        mime_type="application/json",
    )
    async def meter_order(order_id: str, ctx: Context[Desk]) -> str:
        """One order and what it means, as get_meter_order returns it. Takes prdo_… or sub_…."""
        desk = desk_of(ctx)
        return result_of(await find_order(desk, order_id), desk).model_dump_json(exclude_none=True)
