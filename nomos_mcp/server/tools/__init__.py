"""The tools, one file each."""

from mcp.server.mcpserver.tools import Tool

from nomos_mcp.lifecycle import ApiVersion
from nomos_mcp.server.tools import (
    explain_status,
    get_event,
    get_meter_order,
    list_meter_orders_by_status,
    list_subscriptions,
    order_smart_meter,
)

ORDER_TOOL = order_smart_meter.order_smart_meter.__name__
"""Name of the one tool that writes."""


def all_tools(vocabulary: ApiVersion) -> list[Tool]:
    """Make every tool, in the order in which they are listed.

    Args:
        vocabulary: API version whose statuses the tools speak of.
    """
    return [
        get_meter_order.tool(),
        list_meter_orders_by_status.tool(vocabulary),
        list_subscriptions.tool(),
        get_event.tool(),
        explain_status.tool(),
        order_smart_meter.tool(),
    ]
