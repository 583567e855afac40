"""Finding the order that a question is about, by its own ID or by its subscription's."""

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.server.desk import Desk

INTEREST = "intended"
"""Edison's status of a customer's interest that was never finalised: a record, but no order yet."""


class NoOrderYetError(InvalidRequestError):
    """The subscription exists and has no meter order."""


async def find_order(desk: Desk, order_id: str) -> MeterOrder:
    """Read an order.

    Args:
        desk: The means of the server.
        order_id: `prdo_…`, or `sub_…`: a subscription has at most one order, so its ID names it.

    Raises:
        NoOrderYetError: The subscription has no order.
        NotFoundError: No such order or subscription, or not visible.
        NomosError: Anything else that can go wrong with a call.
    """
    if kind_of(order_id) != "subscription":
        return await desk.client.meter_orders.get(order_id)
    order = await desk.client.meter_orders.of_subscription(order_id)
    if order is not None:
        return order
    found = await desk.client.subscriptions.get(order_id)  # raises for one that does not exist, which is another answer
    raise NoOrderYetError(
        f"Subscription {order_id} has no meter order: nothing was ordered for it yet. Whether an order is possible, "
        f"and why not, tells list_subscriptions with customer_id {found.customer}."
    )
