"""The world: everything that exists, and what can happen to it from outside."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from nomos_mcp.simulator.indexed_store import IndexedStore
from nomos_mcp.simulator.world_clock import Clock
from nomos_mcp.simulator.world_records import (
    TOPIC_ON_REACHING,
    CustomerRecord,
    EventRecord,
    OrderRecord,
    Plan,
    Provider,
    SubscriptionRecord,
    Topic,
    derived_id,
)


def event_id(topic: Topic, subject_id: str, occurrence: int = 0) -> str:
    """Build the ID of an event.

    Args:
        topic: What happened.
        subject_id: The order's ID, or the subscription's where no order is involved.
        occurrence: How often it had happened to this subject before.

    Returns:
        The same ID in every process.
    """
    return derived_id("evt", topic, subject_id, str(occurrence))


class World:
    """All records, of all organisations.

    Args:
        seed: Makes the IDs of later orders; the same seed gives the same.
        now: The clock, in whole seconds.

    Attributes:
        orders: Every order; change one with `orders.put(dataclasses.replace(order, ...))`.
        subscriptions: Every subscription.
        customers: Every customer.
        plans: Every plan by ID; plans are shared by the organisations.
        events: Every event by ID.
    """

    def __init__(self, seed: int, now: Clock) -> None:
        self._seed = seed
        self._now = now
        self.orders: IndexedStore[OrderRecord] = IndexedStore(
            customer=lambda order: order.customer_id,
            subscription=lambda order: order.subscription_id,
        )
        self.subscriptions: IndexedStore[SubscriptionRecord] = IndexedStore(
            customer=lambda subscription: subscription.customer_id
        )
        self.customers: IndexedStore[CustomerRecord] = IndexedStore()
        self.plans: dict[str, Plan] = {}
        self.events: dict[str, EventRecord] = {}
        self._listeners: list[Callable[[EventRecord], None]] = []

    def listen(self, listener: Callable[[EventRecord], None]) -> None:
        """Have a function called with every event from now on."""
        self._listeners.append(listener)

    def order_of(self, subscription_id: str) -> OrderRecord | None:
        """Find the one order a subscription has ever had; None when it never had one."""
        return next(self.orders.newest_first("subscription", subscription_id), None)

    def place_order(self, subscription: SubscriptionRecord, provider: Provider) -> OrderRecord:
        """Create an order, and the event that tells of it; whether it is allowed is for `rules` to say.

        Args:
            subscription: What it is for.
            provider: Who will install.

        Returns:
            The new order, at its first stage. Its ID follows from the seed and the subscription.
        """
        now = self._now()
        order = OrderRecord(
            id=derived_id("prdo", str(self._seed), subscription.id),
            organisation=subscription.organisation,
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            provider=provider,
            stage="requested",
            created_at=now,
            updated_at=now,
        )
        self.orders.put(order)
        self.tell_of_order("meter_order.created", order, now)
        return order

    def change_order(self, changed: OrderRecord) -> None:
        """Put an order in the place of its former self, and tell the events that follow from the difference.

        Args:
            changed: The order as it is from its `updated_at` on.
        """
        before = self.orders.get(changed.id)
        self.orders.put(changed)
        topic = TOPIC_ON_REACHING.get(changed.stage)
        if topic is not None and (before is None or before.stage != changed.stage):
            self.tell_of_order(topic, changed, changed.updated_at)
        hold = changed.hold
        if hold is not None and hold.reason != "manual_review" and (before is None or before.hold != hold):
            self.tell_of_order("meter_order.blocked", changed, hold.since)

    def tell_of_order(self, topic: Topic, order: OrderRecord, at: datetime) -> None:
        """StoredRecord an event about an order."""
        self._tell(
            EventRecord(self._free_id(topic, order.id), order.organisation, topic, at, order.subscription_id, order.id)
        )

    def tell_of_subscription(self, topic: Topic, subscription: SubscriptionRecord, at: datetime) -> None:
        """StoredRecord an event about a subscription."""
        self._tell(
            EventRecord(self._free_id(topic, subscription.id), subscription.organisation, topic, at, subscription.id)
        )

    def _tell(self, event: EventRecord) -> None:
        self.events[event.id] = event
        for listener in self._listeners:
            listener(event)

    def _free_id(self, topic: Topic, subject_id: str) -> str:
        """Number the occurrences: an order can be blocked more than once."""
        occurrence = 0
        while (candidate := event_id(topic, subject_id, occurrence)) in self.events:
            occurrence += 1
        return candidate


Refusal = Literal["already_ordered", "feed_in", "ended", "no_product"]


class OrderRefusedError(Exception):
    """A rule forbids the order.

    Attributes:
        refusal: Which rule.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def installer_for(world: World, subscription: SubscriptionRecord) -> Provider:
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
