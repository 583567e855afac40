"""Time in the world: real, frozen, fast, moved by hand; and its effect on orders."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator, TargetState
from nomos_mcp.simulator.world import World

Connect = Callable[..., httpx.AsyncClient]
OPEN = ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated")


def everything(world: World) -> tuple[object, ...]:
    return list(world.orders), list(world.subscriptions), world.events


def test_time_alone_moves_no_order(sim: Simulator, clock: Any) -> None:
    before = list(sim.world.orders)
    clock.moment += timedelta(days=30)
    assert sim.now == clock.moment.replace(microsecond=0)
    assert list(sim.world.orders) == before


def test_advancing_moves_the_clock_and_the_orders(sim: Simulator, clock: Any) -> None:
    before = {order.id: order.stage for order in sim.world.orders}
    sim.advance(14)
    assert sim.now == (clock.moment + timedelta(days=14)).replace(microsecond=0)
    assert sum(before[order.id] != order.stage for order in sim.world.orders) > 10


def test_the_same_seed_gives_the_same_world_however_the_days_are_split(clock: Any) -> None:
    whole, cut = Simulator(3, now=clock), Simulator(3, now=clock)
    whole.advance(30)
    for _ in range(60):
        cut.advance(0.5)
    assert everything(whole.world) == everything(cut.world)


def test_another_seed_gives_other_events(clock: Any) -> None:
    one, two = Simulator(1, now=clock), Simulator(2, now=clock)
    assert Counter(event.topic for event in one.advance(20)) != Counter(event.topic for event in two.advance(20))


def test_within_a_year_every_order_ends_and_every_kind_of_event_happens(clock: Any) -> None:
    sim = Simulator(now=clock, orders=300)
    holds, topics = set(), Counter[str]()
    for _ in range(365):
        topics.update(event.topic for event in sim.advance(1))
        holds |= {order.hold.reason for order in sim.world.orders if order.hold}
    assert {order.stage for order in sim.world.orders} == {"activated", "cancelled"}
    assert {order.cancelled_reason for order in sim.world.orders} == {None, "customer_request", "pre_existing"}
    assert holds == {"check_missing", "grid_operator_registration", "manual_review"}
    assert set(topics) == {f"meter_order.{status}" for status in (*OPEN, "blocked", "cancelled")} | {
        "subscription.activated"
    }
    assert sim.advance(100) == []


def test_events_come_in_the_order_in_which_they_happened(sim: Simulator, clock: Any) -> None:
    events = sim.advance(40)
    assert len(events) > 10
    assert all(earlier.at <= later.at for earlier, later in pairwise(events))
    assert all(clock.moment < event.at <= sim.now for event in events)


def test_an_order_goes_forward_only_and_is_cancelled_before_it_is_installed(clock: Any) -> None:
    sim = Simulator(5, now=clock, orders=200)
    paths: dict[str, list[str]] = {}
    for event in sim.advance(200):
        if event.order_id and event.topic != "meter_order.blocked":
            paths.setdefault(event.order_id, []).append(event.topic.removeprefix("meter_order."))
    assert {path[-1] for path in paths.values()} == {"activated", "cancelled"}
    for path in paths.values():
        steps = [OPEN.index(status) for status in path if status != "cancelled"]
        assert steps == sorted(set(steps))
        assert "cancelled" not in path[:-1]
        assert "cancelled" not in path or not {"installed", "activated"} & set(path)


def test_a_meter_is_installed_at_its_appointment(clock: Any) -> None:
    sim = Simulator(now=clock, orders=200)
    sim.advance(120)
    installed = [order for order in sim.world.orders if order.installed_at and order.created_at > clock.moment]
    assert installed == []  # nothing was ordered since, so look at what was installed since
    late = [order for order in sim.world.orders if order.installed_at and order.installed_at > clock.moment]
    assert late
    assert all(
        order.appointment_at and order.appointment_at <= order.installed_at <= order.appointment_at + timedelta(days=1)
        for order in late
        if order.installed_at
    )


def test_an_appointment_that_passed_is_replaced(sim: Simulator) -> None:
    sim.advance(10)
    order = sim.world.orders.get(DEMO.orders["appointment_past"])
    assert order is not None
    assert order.appointment_at is not None
    assert order.appointment_at > sim.now - timedelta(days=10)


def test_a_subscription_begins_on_its_day(sim: Simulator) -> None:
    (event,) = (event for event in sim.advance(11) if event.subscription_id == DEMO.subscriptions["can_order_pending"])
    subscription = sim.world.subscriptions.get(event.subscription_id)
    assert subscription is not None
    assert (event.topic, subscription.status, event.at) == ("subscription.activated", "active", subscription.start_at)


async def test_a_new_order_moves_too(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.advance(1)
    order_id = (await curie.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order"]})).json()["id"]
    sim.advance(300)
    assert (await curie.get(f"/meter-orders/{order_id}")).json()["status"] in {"activated", "cancelled"}


async def test_advancing_time_expires_tokens(sim: Simulator, anonymous: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials"}
    answer = await anonymous.post("/oauth/token", data=form, auth=(DEMO.client_id, DEMO.client_secret))
    sim.advance(1)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await anonymous.get("/meter-orders", headers=headers)).status_code == 401


async def test_with_a_fast_clock_a_token_still_lasts_an_hour_of_its_callers(clock: Any, connect: Connect) -> None:
    sim = Simulator(now=clock, days_per_second=1)
    client = connect(sim, token=None)
    form = {"grant_type": "client_credentials"}
    answer = await client.post("/oauth/token", data=form, auth=(DEMO.client_id, DEMO.client_secret))
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    statuses = []
    for seconds in (3599, 1):
        clock.moment += timedelta(seconds=seconds)
        statuses.append((await client.get("/events/evt_x", headers=headers)).status_code)
    assert statuses == [404, 401]


async def test_a_fast_clock_moves_the_orders_by_itself(clock: Any, connect: Connect) -> None:
    sim = Simulator(now=clock, days_per_second=1)
    client = connect(sim)
    before = (await client.get("/meter-orders?limit=100")).json()
    clock.moment += timedelta(seconds=30)
    after = (await client.get("/meter-orders?limit=100")).json()
    assert before != after
    assert (sim.now - clock.moment).days == 29


async def test_a_server_moves_a_fast_world_between_requests(clock: Any) -> None:
    sim = Simulator(now=clock, days_per_second=1)
    known = len(sim.world.events)
    clock.moment += timedelta(seconds=30)
    await sim.tend()
    assert len(sim.world.events) > known


@pytest.mark.parametrize("days", [-1, 10_001, float("nan")])
def test_time_goes_neither_backwards_nor_too_far(sim: Simulator, days: float) -> None:
    with pytest.raises(ValueError, match="Time can advance by 0 to 10000 days"):
        sim.advance(days)


@pytest.mark.parametrize("days_per_second", [0, 1e6])
def test_the_clock_stops_before_the_calendar_ends(clock: Any, days_per_second: float) -> None:
    sim = Simulator(now=clock, days_per_second=days_per_second)
    for _ in range(300):
        clock.moment += timedelta(hours=1)
        sim.advance(10_000)
    assert sim.now.year == 9000
    assert sim.advance(1) == []


def test_an_order_that_is_put_into_a_state_stays_in_it(sim: Simulator) -> None:
    sim.put_order(DEMO.orders["placed"], TargetState(status="check_submitted"))
    sim.advance(100)
    order = sim.world.orders.get(DEMO.orders["placed"])
    assert order is not None
    assert order.stage == "check_submitted"


@pytest.mark.parametrize("advanced_before", [False, True])
def test_an_order_that_is_put_into_a_state_can_move_on(sim: Simulator, *, advanced_before: bool) -> None:
    if advanced_before:
        sim.advance(1)
    sim.put_order(DEMO.orders["cancelled_by_customer"], TargetState(status="created", moves_on=True))
    topics = [event.topic for event in sim.advance(300) if event.order_id == DEMO.orders["cancelled_by_customer"]]
    assert topics[-1] in {"meter_order.activated", "meter_order.cancelled"}


def test_a_record_that_a_test_changes_is_not_changed_back(sim: Simulator) -> None:
    sim.advance(0)  # from here on every order has something before it
    world = sim.world
    order = world.orders.get(DEMO.orders["placed"])
    subscription = world.subscriptions.get(DEMO.subscriptions["can_order_pending"])
    assert order is not None
    assert subscription is not None
    world.orders.put(replace(order, stage="activated"))
    world.subscriptions.put(replace(subscription, status="ended"))
    touched = {event.order_id or event.subscription_id for event in sim.advance(30)}
    assert not touched & {order.id, subscription.id}


def test_an_order_that_stood_still_moves_again_when_told_to(sim: Simulator) -> None:
    sim.put_order(DEMO.orders["placed"], TargetState(status="placed"))
    sim.advance(50)
    sim.put_order(DEMO.orders["placed"], TargetState(status="placed", moves_on=True))
    assert any(event.order_id == DEMO.orders["placed"] for event in sim.advance(100))
