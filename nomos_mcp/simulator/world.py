"""The simulated world: all records of all organisations, the rules of ordering, and the events of each change."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from nomos_mcp.simulator.indexed_store import IndexedStore
from nomos_mcp.simulator.world_clock import Clock
from nomos_mcp.simulator.world_records import (
    STAGE_TOPICS,
    CustomerRecord,
    EventRecord,
    OrderRecord,
    Plan,
    Provider,
    SubscriptionRecord,
    Topic,
    derived_id,
    event_id,
)

OrderRule = Literal["already_ordered", "feed_in", "ended", "no_product"]


class OrderRefusedError(Exception):
    def __init__(self, rule: OrderRule) -> None:
        super().__init__(rule)
        self.rule: OrderRule = rule


class World:
    """Everything that exists; the seed makes the IDs of new orders. All organisations share the plans."""

    def __init__(self, seed: int, now: Clock) -> None:
        self._seed = seed
        self._now = now
        self.orders: IndexedStore[OrderRecord] = IndexedStore(
            customer=lambda order: order.customer_id, subscription=lambda order: order.subscription_id
        )
        self.subscriptions: IndexedStore[SubscriptionRecord] = IndexedStore(customer=lambda each: each.customer_id)
        self.customers: IndexedStore[CustomerRecord] = IndexedStore()
        self.plans: dict[str, Plan] = {}
        self.events: dict[str, EventRecord] = {}
        self._listeners: list[Callable[[EventRecord], None]] = []

    def listen(self, listener: Callable[[EventRecord], None]) -> None:
        self._listeners.append(listener)

    def order_of(self, subscription_id: str) -> OrderRecord | None:
        """Return the order of a subscription: it has at most one, ever."""
        return next(self.orders.newest_first("subscription", subscription_id), None)

    def create_order(self, subscription: SubscriptionRecord) -> OrderRecord:
        """Create an order at its first stage, and its event.

        Raises:
            OrderRefusedError: The first rule that forbids it.
        """
        now = self._now()
        order = OrderRecord(
            provider=self._provider_for(subscription),
            id=derived_id("prdo", str(self._seed), subscription.id),
            organisation=subscription.organisation,
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            stage="requested",
            created_at=now,
            updated_at=now,
        )
        self.orders.put(order)
        self.add_event("meter_order.created", order, now)
        return order

    def _provider_for(self, subscription: SubscriptionRecord) -> Provider:
        """Apply the documented rules: one order per subscription ever, no feed-in, not ended, a plan with the product.

        No documented rule refuses a meter that is smart already. The sequence of the rules is inferred.
        """
        if self.order_of(subscription.id) is not None:
            raise OrderRefusedError("already_ordered")
        if subscription.type == "feed_in":
            raise OrderRefusedError("feed_in")
        if subscription.status == "ended":
            raise OrderRefusedError("ended")
        provider = self.plans[subscription.plan_id].provider
        if provider is None:
            raise OrderRefusedError("no_product")
        return provider

    def change_order(self, changed: OrderRecord) -> None:
        """Replace an order, and add the events that follow from the change."""
        before = self.orders.get(changed.id)
        self.orders.put(changed)
        topic = STAGE_TOPICS.get(changed.stage)
        if topic is not None and (before is None or before.stage != changed.stage):
            self.add_event(topic, changed, changed.updated_at)
        block = changed.block
        if block is not None and (before is None or before.block != block):
            self.add_event("meter_order.blocked", changed, block.since)

    def add_event(self, topic: Topic, subject: OrderRecord | SubscriptionRecord, at: datetime) -> None:
        """Add an event; if it happened to its subject before, as a block may, it gets an ID of its own."""
        occurrence = 0
        while (new_id := event_id(topic, subject.id, occurrence)) in self.events:
            occurrence += 1
        ids = (subject.subscription_id, subject.id) if isinstance(subject, OrderRecord) else (subject.id,)
        event = EventRecord(new_id, subject.organisation, topic, at, *ids)
        self.events[new_id] = event
        for listener in self._listeners:
            listener(event)
