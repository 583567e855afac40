"""Fills a world with the named cases and with bulk orders.

What has a name depends on the present moment only; the seed varies the bulk orders and the invented customers. Their
IBANs cannot exist (the check digits are 00), and their addresses are in no real town.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Final, get_args

from nomos_mcp.simulator.demo_data import (
    CUSTOMERS,
    DEMO,
    LATER_ORDERS,
    ORDERS,
    SUBSCRIPTIONS,
    OrderCase,
    SubscriptionCase,
)
from nomos_mcp.simulator.order_transitions import INSTALLED, PATH
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import (
    STAGE_TOPICS,
    Address,
    CancelReason,
    CustomerRecord,
    Hold,
    HoldReason,
    Meter,
    OrderRecord,
    PaymentMethod,
    Provider,
    Stage,
    SubscriptionRecord,
    Supplier,
    Topic,
    derived_id,
    readable_id,
)

_FIRST_NAMES = ("Ada", "Bela", "Carla", "Dario", "Elif", "Frieda", "Goran", "Hanna", "Ivo", "Jonna", "Kaya", "Levi")
_LAST_NAMES = ("Apfel", "Birke", "Distel", "Eibe", "Farn", "Ginster", "Hasel", "Iris", "Klee", "Linde", "Mohn")
_STREETS = ("Ahornweg", "Am Musterbach", "Beispielstraße", "Lindenallee", "Probegasse", "Zum Zählerplatz")
_DAY: Final = timedelta(days=1)
_NOTICE: Final = 30 * _DAY
_COMPANY_ORDERS: Final = 14
_PLANS: Final[Mapping[Provider | None, str]] = {
    "energy-metering": readable_id("pln", "energy_metering"),
    "metrify": readable_id("pln", "metrify"),
    "inexogy": readable_id("pln", "inexogy"),
    None: readable_id("pln", "no_smart_meter"),
}
_BULK_STATES: Final[tuple[tuple[Stage, HoldReason | None, CancelReason | None], ...]] = (
    ("activated", None, None),
    ("with_partner", "check_missing", None),
    ("installed", "grid_operator_registration", None),
    ("requested", None, None),
    ("check_submitted", None, None),
    ("with_partner", None, None),
    ("cancelled", None, "customer_request"),
    ("confirmed", "grid_operator_registration", None),
    ("appointed", None, None),
    ("requested", "manual_review", None),
    ("requested", "check_missing", None),
    ("data_returned", None, None),
    ("cancelled", None, "pre_existing"),
    ("awaiting_installer", None, None),
)


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


@_without_garbage_collection()
def populate(world: World, now: datetime, seed: int, bulk: int) -> None:
    """Put the data set into an empty world; the `bulk` orders without a name give the lists pages."""
    rng = Random(seed)  # noqa: S311 - must repeat; nothing secret is drawn from it
    builder = _Builder(world, now, rng)
    world.plans.update({plan_id: provider for provider, plan_id in _PLANS.items()})

    def add_named(cases: Iterable[OrderCase]) -> None:
        for case in cases:
            builder.add_order(case, DEMO.orders[case.name], DEMO.subscriptions[case.name], now - case.age * _DAY)

    add_named(ORDERS)
    for bare in SUBSCRIPTIONS:
        builder.add_subscription(bare, DEMO.subscriptions[bare.name], now - bare.age * _DAY)
    cases = _bulk_orders(bulk, rng)
    aged = ((now - case.age * _DAY - timedelta(seconds=rng.randrange(86_400)), case) for case in cases)
    # Oldest first: a store appends its newest record at no cost, and searches for the place of any other.
    for moment, case in sorted(aged, key=lambda pair: (pair[0], pair[1].name)):
        parts = (str(seed), case.name)
        builder.add_order(case, derived_id("prdo", "order", *parts), derived_id("sub", *parts), moment)
    add_named(LATER_ORDERS)


def _bulk_orders(count: int, rng: Random) -> Iterator[OrderCase]:
    for number in range(count):
        stage, hold, cancelled = _BULK_STATES[number % len(_BULK_STATES)]
        yield OrderCase(
            name=f"crowd{number:03}",  # makes the IDs; another word would change the data of every seed
            stage=stage,
            age=rng.randint(20, 85),
            hold=hold,
            cancelled=cancelled,
            appointment=rng.randint(1, 20) if stage in {"appointed", "awaiting_installer"} else None,
            provider=rng.choice(get_args(Provider)),
            customer="housing_company" if number < _COMPANY_ORDERS else "",
        )


class _Builder:
    def __init__(self, world: World, now: datetime, rng: Random) -> None:
        self._world = world
        self._now = now
        self._rng = rng
        self._supplier = Supplier(derived_id("mp", "supplier"), "Stadtwerke Musterstadt", "DE", now - 1000 * _DAY)

    def add_order(self, case: OrderCase, order_id: str, subscription_id: str, created_at: datetime) -> None:
        smart = case.stage in INSTALLED or case.cancelled == "pre_existing"
        contract = SubscriptionCase(
            name=case.customer or case.name,
            meter="smart" if smart else "analog",
            provider=case.provider,
            organisation=case.organisation,
            has_locations=case.has_locations,
        )
        subscription = self.add_subscription(contract, subscription_id, created_at - 2 * _DAY)
        moments = _timeline(case.stage, created_at, self._now)
        last = max(moments.values())
        hold = Hold(case.hold, (last + (self._now - last) / 2).replace(microsecond=0)) if case.hold else None
        installed_at = moments.get("installed")
        appointment_at = installed_at and installed_at.replace(minute=0, second=0)
        if case.appointment is not None:
            appointment_at = (self._now + case.appointment * _DAY).replace(hour=9, minute=0, second=0)
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
            appointment_at=appointment_at,
            installed_at=installed_at,
            activated_at=moments.get("activated"),
            cancelled_at=moments.get("cancelled"),
            cancelled_reason=case.cancelled,
        )
        self._world.orders.put(order)
        for stage, moment in moments.items():
            if stage in STAGE_TOPICS:
                self._world.add_event(STAGE_TOPICS[stage], order, moment)
        if order.block is not None:
            self._world.add_event("meter_order.blocked", order, order.block.since)

    def add_subscription(
        self, case: SubscriptionCase, subscription_id: str, created_at: datetime
    ) -> SubscriptionRecord:
        owner = self._customer(case.name, case.organisation, subscription_id, created_at)
        start_at = created_at + 14 * _DAY
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
            address=Address(
                id=derived_id("adr", subscription_id),
                street=self._rng.choice(_STREETS),
                house_number=str(self._rng.randint(1, 99)),
                zip="00000",
                city="Musterstadt",
            ),
            meter=Meter(
                id=derived_id("mtr", subscription_id),
                number=f"1DEMO{self._rng.randrange(10**9):09}",
                type=case.meter,
                malo=f"{self._rng.randrange(10**11):011}" if case.has_locations else None,
                melo=f"DE{self._rng.randrange(10**31):031}" if case.has_locations else None,
            ),
            payment_method=PaymentMethod(
                id=derived_id("pm", subscription_id),
                iban=f"DE00{self._rng.randrange(10**18):018}",
                account_holder=f"{owner.first_name} {owner.last_name}",
            ),
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
            self._world.add_event(topic, subscription, moment)
        return subscription

    def _customer(self, name: str, organisation: str, subscription_id: str, created_at: datetime) -> CustomerRecord:
        customer_id = DEMO.customers.get(name, derived_id("cus", subscription_id))
        owner = self._world.customers.get(customer_id)
        if owner is None:
            owner = CustomerRecord(
                id=customer_id,
                organisation=organisation,
                first_name=self._rng.choice(_FIRST_NAMES),
                last_name=self._rng.choice(_LAST_NAMES),
                company_name="Musterbau Wohnen GmbH" if name == "housing_company" else None,
                email=f"{customer_id}@example.com",
                created_at=self._now - 400 * _DAY if name in CUSTOMERS else created_at,
            )
            self._world.customers.put(owner)
        return owner


def _timeline(stage: Stage, created_at: datetime, now: datetime) -> Mapping[Stage, datetime]:
    """Spread the stages that an order went through, the present one last, evenly over its age."""
    stages: Sequence[Stage] = (stage,)
    if stage in PATH:
        stages = PATH[: PATH.index(stage) + 1]
    elif stage == "cancelled":
        stages = ("requested", "with_partner", "cancelled")
    between = (now - created_at) / len(stages)
    return {each: (created_at + number * between).replace(microsecond=0) for number, each in enumerate(stages)}
