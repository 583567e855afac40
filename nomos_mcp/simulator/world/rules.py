"""What may be ordered. Refuses in the world's terms: HTTP is not this room's business."""

from typing import Literal

from nomos_mcp.simulator.world.records import Provider, Subscription
from nomos_mcp.simulator.world.world import World

Refusal = Literal["already_ordered", "feed_in", "ended", "no_product"]


class OrderRefusedError(Exception):
    """A rule forbids the order.

    Attributes:
        refusal: Which rule.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def installer_for(world: World, subscription: Subscription) -> Provider:
    """Say who would install a subscription's smart meter, if one may be ordered.

    Vendor document: one order per subscription ever, even after a cancellation; not for feed-in; not for an ended
    subscription; the plan must have a smart-meter product. A meter that is smart already is not among the documented
    refusals, so such an order is accepted. The order in which the rules are looked at is inferred.

    Args:
        world: Where the orders and plans are.
        subscription: What an order is wanted for.

    Returns:
        The provider of the plan's smart-meter product.

    Raises:
        OrderRefusedError: The first rule that forbids it.
    """
    if world.order_of(subscription.id) is not None:
        raise OrderRefusedError("already_ordered")
    if subscription.type == "feed_in":
        raise OrderRefusedError("feed_in")
    if subscription.status == "ended":
        raise OrderRefusedError("ended")
    provider = world.plans[subscription.plan_id].provider
    if provider is None:
        raise OrderRefusedError("no_product")
    return provider
