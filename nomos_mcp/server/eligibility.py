"""Whether a smart meter can be ordered for a subscription, as far as what was read of it can tell.

Documented rules: one order per subscription, ever; none for feed-in; none once it has ended; its plan has to include a
smart meter, which no answer of the API shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nomos_mcp.client import MeterOrder, NomosClient, Subscription, UnsupportedVersionError
from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.server.failures import SUPPORT
from nomos_mcp.server.orders import INTEREST
from nomos_mcp.server.pagination import MAX_PAGES, Cursor, Query, walk

CanOrder = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of some subscriptions.

    Attributes:
        of: ID of a subscription to its one order.
        gap: Why an order may exist that is not in `of`; empty if none can.
    """

    of: Mapping[str, MeterOrder]
    gap: str = ""


async def orders_of(client: NomosClient, subscriptions: list[Subscription]) -> Orders:
    """Read the orders of up to a page of subscriptions: one request, since each has at most one order.

    Only where upstream ignores the filter does the walk go on, over at most `MAX_PAGES` pages.

    Raises:
        NomosError: Whatever a call can raise, except that the pinned version has no orders.
    """
    if not subscriptions:
        return Orders({})
    ids = [subscription.id for subscription in subscriptions]
    query = Query(lambda size, at: client.meter_orders.list(subscription=ids, limit=size, cursor=at))
    try:
        found = await walk([query], Cursor(MAX_PAGE_SIZE), wanted=len(ids))
    except UnsupportedVersionError:
        return Orders({}, f"API version {client.api_version} does not show orders")
    of = {order.subscription: order for order in found.items}
    if len(of) == len(ids):
        return Orders(of)
    if found.not_covered:
        return Orders(of, "not all orders could be read, and its own may be missing")
    return Orders(
        of, f"no order is among the newest {MAX_PAGES} pages of orders, and older ones exist" if found.next() else ""
    )


def proven_plans(subscriptions: list[Subscription], orders: Orders) -> frozenset[str]:
    """Return the plans that an order was accepted for, so that they include a smart meter (inferred)."""
    return frozenset(
        subscription.plan
        for subscription in subscriptions
        if subscription.id in orders.of and orders.of[subscription.id].status != INTEREST
    )


def can_order(subscription: Subscription, orders: Orders, proven: frozenset[str]) -> tuple[CanOrder, str]:
    """Tell whether a smart meter can be ordered, and why, or why not, or what is not known.

    Args:
        subscription: The subscription; from a list it carries no meter type.
        orders: What is known of its order.
        proven: Plans that are known to include a smart meter.
    """
    order = orders.of.get(subscription.id)
    if flaw := _flaw(subscription, order):
        return "no", flaw
    if doubt := _doubt(subscription, order, orders.gap):
        return "unknown", doubt
    if subscription.plan in proven:
        return "yes", "no order yet; others on its plan have one (inferred)"
    return "unknown", "no order yet; whether its plan includes one is not known"


def _flaw(subscription: Subscription, order: MeterOrder | None) -> str:
    if subscription.direction == "feed_in":
        return "feed-in: smart meter orders are for consumption only"
    if subscription.status == "ended":
        return "it has ended"
    if order and order.status != INTEREST:
        retry = f"; only {SUPPORT} can retry it" if order.status == "cancelled" else ""
        return f"it has its one order{retry}"
    return ""


def _doubt(subscription: Subscription, order: MeterOrder | None, gap: str) -> str:
    if order:
        return "a customer showed interest but did not complete the order; whether it can be ordered is not documented"
    if subscription.status not in _ORDERABLE:
        return "its status is new to this server"
    if subscription.direction != "consumption":
        return "whether it is consumption or feed-in is not known"
    # No documented rule refuses such an order, but one like it ends as cancelled (pre_existing).
    return "its meter is smart already and needs no order" if subscription.meter_type == "smart" else gap


_ORDERABLE = ("pending", "active")
