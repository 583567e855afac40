"""Fills a world with the named cases and the bulk_orders.

What has a name depends on the present moment only; the seed varies the bulk_orders and the invented people.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final

from nomos_mcp.simulator import fake_customers
from nomos_mcp.simulator.bulk_orders import bulk_orders
from nomos_mcp.simulator.demo_data import CUSTOMERS, DEMO, ORDERS, SUBSCRIPTIONS, OrderCase, SubscriptionCase
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import (
    TOPIC_ON_REACHING,
    CustomerRecord,
    Hold,
    OrderRecord,
    Plan,
    Provider,
    Stage,
    SubscriptionRecord,
    Topic,
    derived_id,
    readable_id,
)

_PATH: Final[tuple[Stage, ...]] = (
    "requested",
    "with_partner",
    "check_submitted",
    "confirmed",
    "planning",
    "appointed",
    "awaiting_installer",
    "installed",
    "data_returned",
    "activated",
)


def steps(stage: Stage) -> tuple[Stage, ...]:
    """List the stages an order went through, the present one last."""
    if stage == "intended":
        return ("intended",)
    if stage == "cancelled":
        return ("requested", "with_partner", "cancelled")
    return _PATH[: _PATH.index(stage) + 1]


def timeline(stage: Stage, created_at: datetime, now: datetime) -> Mapping[Stage, datetime]:
    """Give each step its moment.

    Args:
        stage: The present stage.
        created_at: When the order was created: its first step.
        now: The present; the last step lies before it.

    Returns:
        Stage to moment (whole seconds), in the order of the steps.
    """
    taken = steps(stage)
    between = (now - created_at) / len(taken)
    return {step: (created_at + number * between).replace(microsecond=0) for number, step in enumerate(taken)}


_DAY: Final = timedelta(days=1)
_PLANS: Final[dict[Provider | None, str]] = {
    "energy-metering": readable_id("pln", "energy_metering"),
    "metrify": readable_id("pln", "metrify"),
    "inexogy": readable_id("pln", "inexogy"),
    None: readable_id("pln", "no_smart_meter"),
}
_UNTIL_START: Final = 14 * _DAY
_NOTICE: Final = 30 * _DAY
_KNOWN_FOR: Final = 400 * _DAY


def populate(world: World, now: datetime, seed: int, size: int) -> None:
    """Put the data set into an empty world.

    Args:
        world: Where to.
        now: The moment it is laid out around.
        seed: Varies the bulk_orders.
        size: How many orders the bulk_orders has.
    """
    with _without_garbage_collection():
        _populate(world, now, seed, size)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare the collector a search among a million records that all stay: half of the time of a large world."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _populate(world: World, now: datetime, seed: int, size: int) -> None:
    rng = Random(seed)  # noqa: S311 - a world that repeats is the point; nothing secret is drawn from it
    builder = _Builder(world, now, rng)
    for plan_provider, plan_id in _PLANS.items():
        world.plans[plan_id] = Plan(plan_id, plan_provider)
    for case in ORDERS:
        builder.order(case, DEMO.orders[case.name], DEMO.subscriptions[case.name], now - case.age * _DAY)
    for bare in SUBSCRIPTIONS:
        builder.subscription(bare, DEMO.subscriptions[bare.name], now - bare.age * _DAY)
    # Oldest first: a shelf takes what is newest at no cost, and looks for the place of everything else.
    aged = ((now - case.age * _DAY - timedelta(seconds=rng.randrange(86_400)), case) for case in bulk_orders(size, rng))
    for moment, case in sorted(aged, key=lambda pair: (pair[0], pair[1].name)):
        parts = (str(seed), case.name)
        builder.order(case, derived_id("prdo", "order", *parts), derived_id("sub", *parts), moment)


class _Builder:
    def __init__(self, world: World, now: datetime, rng: Random) -> None:
        self._world = world
        self._now = now
        self._rng = rng
        self._supplier = fake_customers.supplier(now - 1000 * _DAY)

    def order(self, case: OrderCase, order_id: str, subscription_id: str, created_at: datetime) -> None:
        smart = case.stage in {"installed", "data_returned", "activated"} or case.cancelled == "pre_existing"
        signed = SubscriptionCase(
            name=case.customer or case.name,
            shows=case.shows,
            meter="smart" if smart else "analog",
            provider=case.provider,
            organisation=case.organisation,
        )
        subscription = self.subscription(signed, subscription_id, created_at - 2 * _DAY)
        moments = timeline(case.stage, created_at, self._now)
        last = max(moments.values())
        hold = Hold(case.hold, (last + (self._now - last) / 2).replace(microsecond=0)) if case.hold else None
        installed_at = moments.get("installed")
        order = OrderRecord(
            id=order_id,
            organisation=case.organisation,
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            provider=case.provider,
            stage=case.stage,
            created_at=created_at,
            updated_at=hold.since if hold else last,
            hold=hold,
            appointment_at=self._appointment(case, installed_at),
            installed_at=installed_at,
            activated_at=moments.get("activated"),
            cancelled_at=moments.get("cancelled"),
            cancelled_reason=case.cancelled,
        )
        self._world.orders.put(order)
        for stage, moment in moments.items():
            if stage in TOPIC_ON_REACHING:
                self._world.tell_of_order(TOPIC_ON_REACHING[stage], order, moment)
        if hold is not None and hold.reason != "manual_review":  # curie has no word for it, so no event either
            self._world.tell_of_order("meter_order.blocked", order, hold.since)

    def _appointment(self, case: OrderCase, installed_at: datetime | None) -> datetime | None:
        if case.appointment is not None:
            return (self._now + case.appointment * _DAY).replace(hour=9, minute=0, second=0)
        return None if installed_at is None else installed_at.replace(minute=0, second=0)

    def subscription(self, case: SubscriptionCase, subscription_id: str, created_at: datetime) -> SubscriptionRecord:
        owner = self._customer(case.name, case.organisation, subscription_id, created_at)
        start_at = created_at + _UNTIL_START
        end_at = self._now - _NOTICE if case.ended else None
        terminated_at = end_at - _NOTICE if end_at else None
        moments: dict[Topic, datetime | None] = {
            "subscription.created": created_at,
            "subscription.confirmed": created_at + _DAY,
            "subscription.activated": start_at,
            "subscription.terminated": terminated_at,
            "subscription.ended": end_at,
        }
        past = {topic: moment for topic, moment in moments.items() if moment is not None and moment <= self._now}
        subscription = SubscriptionRecord(
            id=subscription_id,
            organisation=case.organisation,
            customer_id=owner.id,
            plan_id=_PLANS[case.provider],
            number=f"DEMO{self._rng.randrange(10_000):04}",
            status="ended" if case.ended else "active" if "subscription.activated" in past else "pending",
            type=case.type,
            estimated_usage=self._rng.randrange(1_500, 6_000, 100),
            address=fake_customers.address(subscription_id, self._rng),
            meter=fake_customers.meter(subscription_id, case.meter, self._rng),
            payment_method=fake_customers.payment_method(subscription_id, owner, self._rng),
            supplier=self._supplier if case.type == "consumption" else None,
            created_at=created_at,
            updated_at=max(past.values()),
            start_at=start_at,
            terminated_at=terminated_at,
            end_at=end_at,
            metadata=case.metadata,
        )
        self._world.subscriptions.put(subscription)
        for topic, moment in past.items():
            self._world.tell_of_subscription(topic, subscription, moment)
        return subscription

    def _customer(self, name: str, organisation: str, subscription_id: str, created_at: datetime) -> CustomerRecord:
        customer_id = DEMO.customers.get(name, derived_id("cus", subscription_id))
        present = self._world.customers.get(customer_id)
        if present is not None:
            return present
        since = self._now - _KNOWN_FOR if name in CUSTOMERS else created_at
        company = "Musterbau Wohnen GmbH" if name == "housing_company" else None
        owner = fake_customers.customer(customer_id, organisation, since, company, self._rng)
        self._world.customers.put(owner)
        return owner
