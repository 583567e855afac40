"""May a smart meter be ordered for this subscription? Reads only, side by side."""

from dataclasses import dataclass
from functools import partial

from nomos_mcp.client.credentials import WRITE_SCOPE
from nomos_mcp.client.errors import NotFoundError
from nomos_mcp.client.models import MeterOrder, Subscription
from nomos_mcp.server.callers import ORDERS_WRITE
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import OrderingResult
from nomos_mcp.server.orders import INTEREST
from nomos_mcp.server.together import both

ENDED = "ended"
FEED_IN = "feed_in"


@dataclass(frozen=True, slots=True)
class Orderable:
    """A subscription that a smart meter may be ordered for, as far as can be told before trying."""

    subscription: Subscription


async def preflight(subscription_id: str, desk: Desk) -> Orderable | OrderingResult:
    """Look at a subscription and at the order that it may have.

    Args:
        subscription_id: `sub_…`, well-formed.
        desk: The means of the server.

    Returns:
        The subscription, or why nothing is to be ordered for it.

    Raises:
        NomosError: It could not be looked at.
    """
    if (bar := await barred(desk)) is not None:
        return bar
    try:
        subscription, order = await both(
            partial(desk.client.subscriptions.get, subscription_id),
            partial(order_of, subscription_id, desk),
        )
    except NotFoundError as error:
        return outcomes.refused("not_found", desk, request_id=error.request_id)
    return _verdict(subscription, order, desk) or Orderable(subscription)


async def barred(desk: Desk) -> OrderingResult | None:
    """Tell why nothing may be ordered here, whatever the subscription; None if something may.

    Raises:
        NomosError: The scopes of the credentials could not be learned.
    """
    if desk.ordering.read_only:
        return outcomes.refused("read_only", desk)
    if ORDERS_WRITE not in desk.caller.scopes:
        return outcomes.refused("not_allowed", desk)
    scopes = await desk.client.granted_scopes()
    if scopes is not None and WRITE_SCOPE not in scopes:
        return outcomes.refused("missing_scope", desk)
    return None


async def order_of(subscription_id: str, desk: Desk) -> MeterOrder | None:
    """Find the order of a subscription.

    A customer's mere interest is none. Whether an order can follow it is not documented; Nomos will tell.

    Raises:
        NomosError: Looking failed.
    """
    order = await desk.client.meter_orders.of_subscription(subscription_id)
    return None if order is not None and order.status == INTEREST else order


def _verdict(subscription: Subscription, order: MeterOrder | None, desk: Desk) -> OrderingResult | None:
    if order is not None:
        return outcomes.already_ordered(order, desk)
    if subscription.status == ENDED:
        return outcomes.refused("ended_subscription", desk)
    if subscription.direction == FEED_IN:
        return outcomes.refused("feed_in", desk)
    return None
