"""May a smart meter be ordered for this subscription? Reads only, two at a time."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from nomos_mcp.client.credentials import WRITE_SCOPE
from nomos_mcp.client.errors import NotFoundError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.server.callers import ORDERS_WRITE
from nomos_mcp.server.concurrency import both
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import OrderingResult, Preview
from nomos_mcp.server.orders import INTEREST

ENDED = "ended"
FEED_IN = "feed_in"


@dataclass(frozen=True, slots=True)
class Orderable:
    """A subscription for which a smart meter may be ordered, as far as can be told before trying."""

    preview: Preview


@dataclass(frozen=True, slots=True)
class Look:
    """What looking for the order of a subscription showed.

    Attributes:
        order: The order, if one can be seen. That none can proves nothing: reads may lag behind writes.
        interest: Records of a customer's mere interest (edison's `intended`).
    """

    order: MeterOrder | None
    interest: tuple[MeterOrder, ...] = ()


async def preflight(subscription_id: str, desk: Desk) -> Orderable | OrderingResult:
    """Read a subscription and the order that it may have.

    Args:
        subscription_id: `sub_…`, well-formed.
        desk: What the server works with.

    Returns:
        What would be ordered, or why nothing is to be ordered.

    Raises:
        NomosError: They could not be read.
    """
    if (bar := await barred(desk)) is not None:
        return bar
    try:
        preview, seen = await both(
            partial(read_preview, subscription_id, desk),
            partial(look, subscription_id, desk),
        )
    except NotFoundError as error:
        return outcomes.refused("not_found", desk, request_id=error.request_id)
    if seen.order is not None:
        return outcomes.already_ordered(seen.order, desk)
    return preview if isinstance(preview, OrderingResult) else Orderable(preview)


async def read_preview(subscription_id: str, desk: Desk) -> Preview | OrderingResult:
    """Read what would be ordered, or why the subscription rules it out.

    Raises:
        NomosError: The subscription could not be read.
    """
    subscription = await desk.client.subscriptions.get(subscription_id)
    if subscription.status == ENDED:
        return outcomes.refused("ended_subscription", desk)
    if subscription.direction == FEED_IN:
        return outcomes.refused("feed_in", desk)
    return outcomes.preview_of(subscription, urlsplit(desk.client.base_url).netloc)


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


async def look(subscription_id: str, desk: Desk) -> Look:
    """Look for the order of a subscription.

    A customer's mere interest is none. Whether an order can follow it is not documented; Nomos will tell.

    Raises:
        NomosError: Looking failed.
    """
    listed = await desk.client.meter_orders.all_of_subscription(
        subscription_id, enough=lambda order: order.status != INTEREST
    )
    interest = tuple(order for order in listed if order.status == INTEREST)
    return Look(next((order for order in listed if order.status != INTEREST), None), interest)
