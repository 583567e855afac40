"""The simulated world: all records of all organisations, the rules of ordering, and the events of each change."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from nomos_mcp.simulator.api_calls import violation
from nomos_mcp.simulator.world_records import (
    STAGE_TOPICS,
    Clock,
    CustomerRecord,
    EventRecord,
    OrderRecord,
    Provider,
    SubscriptionRecord,
    Topic,
    derived_id,
    event_id,
)

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Where the clock stops: it leaves room before the calendar's end for times that are computed from the present."""


def real_clock() -> datetime:
    return datetime.now(UTC)


class WorldClock:
    """The time in the simulated world, in UTC and whole seconds, as the API writes it.

    It follows the clock outside, and for each second there `days_per_second` more days pass in the world.
    """

    def __init__(self, outside: Clock, days_per_second: float = 0) -> None:
        self._outside = outside
        self._start = outside()
        self._rate = days_per_second * 86_400
        self._skipped = timedelta()

    def __call__(self) -> datetime:
        outside = self._outside()
        try:
            moment = outside + self._skipped + (outside - self._start) * self._rate
        except OverflowError:
            return LATEST
        return min(moment, LATEST).astimezone(UTC).replace(microsecond=0)

    def skip(self, span: timedelta) -> None:
        self._skipped += span


StoredRecord = OrderRecord | SubscriptionRecord | CustomerRecord
R = TypeVar("R", bound=StoredRecord)


class IndexedStore(Generic[R]):
    """Records of one kind, found by ID and read newest first, without sorting at each request.

    `indexes` gives the name and key of each index; there always is one by organisation.
    """

    def __init__(self, **indexes: Callable[[R], str]) -> None:
        self._records: dict[str, R] = {}
        self.indexes: dict[str, Callable[[R], str]] = {"organisation": lambda record: record.organisation, **indexes}
        self._positions: dict[tuple[str, str], list[tuple[datetime, str]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def __getitem__(self, record_id: str) -> R:
        return self._records[record_id]

    def get(self, record_id: str) -> R | None:
        return self._records.get(record_id)

    def put(self, record: R) -> None:
        """Add a record, or replace the one with its ID, which must have the same `created_at` and index keys."""
        if record.id not in self._records:
            position = (record.created_at, record.id)
            for name, key in self.indexes.items():
                insort(self._positions.setdefault((name, key(record)), []), position)
        self._records[record.id] = record

    def newest_first(self, index: str, key: str, after: R | None = None) -> Iterator[R]:
        """Read the records of one key of an index, equal times by descending ID, from the one after `after`."""
        positions = self._positions.get((index, key), [])
        end = len(positions) if after is None else bisect_left(positions, (after.created_at, after.id))
        for place in range(end - 1, -1, -1):
            yield self._records[positions[place][1]]


class World:
    """All organisations share the plans. The `listeners` are called with every event."""

    def __init__(self, seed: int, now: Clock) -> None:
        self._seed = seed
        self._now = now
        self.orders: IndexedStore[OrderRecord] = IndexedStore(
            customer=lambda order: order.customer_id, subscription=lambda order: order.subscription_id
        )
        self.subscriptions: IndexedStore[SubscriptionRecord] = IndexedStore(customer=lambda each: each.customer_id)
        self.customers: IndexedStore[CustomerRecord] = IndexedStore()
        self.plans: dict[str, Provider | None] = {}  # None: the plan has no smart-meter product
        self.events: dict[str, EventRecord] = {}
        self.listeners: list[Callable[[EventRecord], None]] = []

    def order_of(self, subscription_id: str) -> OrderRecord | None:
        """A subscription has at most one order, ever."""
        return next(self.orders.newest_first("subscription", subscription_id), None)

    def create_order(self, subscription: SubscriptionRecord) -> OrderRecord:
        """Create an order at its first stage, and its event; ApiError names the first rule that forbids it."""
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

        No documented rule refuses a meter that is smart already. Inferred are the sequence of the rules, the code of
        feed-in, and that feed-in and an ended subscription are 400 like the documented unsupported product.
        """
        field = "subscription"
        if self.order_of(subscription.id) is not None:
            message = "A meter order already exists for this subscription"
            raise violation("duplicate_meter_order", field, message, 409)
        if subscription.type == "feed_in":
            message = "Meter orders are not applicable to feed-in subscriptions"
            raise violation("unsupported_meter_order", field, message)
        if subscription.status == "ended":
            raise violation("ended_subscription", field, "The subscription has ended")
        provider = self.plans[subscription.plan_id]
        if provider is None:
            message = "The subscription's plan does not support a smart-meter product"
            raise violation("unsupported_product", field, message)
        return provider

    def change_order(self, changed: OrderRecord) -> None:
        before = self.orders[changed.id]
        self.orders.put(changed)
        topic = STAGE_TOPICS.get(changed.stage)
        if topic is not None and before.stage != changed.stage:
            self.add_event(topic, changed, changed.updated_at)
        block = changed.block
        if block is not None and before.block != block:
            self.add_event("meter_order.blocked", changed, block.since)

    def add_event(self, topic: Topic, subject: OrderRecord | SubscriptionRecord, at: datetime) -> None:
        """Add an event; if it happened to its subject before, as a block may, it gets an ID of its own."""
        occurrence = 0
        while (new_id := event_id(topic, subject.id, occurrence)) in self.events:
            occurrence += 1
        ids = (subject.subscription_id, subject.id) if isinstance(subject, OrderRecord) else (subject.id,)
        event = EventRecord(new_id, subject.organisation, topic, at, *ids)
        self.events[new_id] = event
        for listener in self.listeners:
            listener(event)
