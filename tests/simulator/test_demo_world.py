"""The data set: stable, repeatable, and as `DEMO` describes it."""

import gc
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.world_records import HoldReason, readable_id


def test_the_same_seed_and_moment_give_the_same_world(clock: Any) -> None:
    one, two = Simulator(5, now=clock).world, Simulator(5, now=clock).world
    assert list(one.orders) == list(two.orders)
    assert list(one.subscriptions) == list(two.subscriptions)
    assert one.events == two.events


def test_another_seed_gives_other_bulk_orders_and_the_same_named_ones(clock: Any) -> None:
    one, two = ({order.id for order in Simulator(seed, now=clock).world.orders} for seed in (1, 2))
    assert one & two == set(DEMO.orders.values())


def test_many_orders_can_be_asked_for(clock: Any) -> None:
    world = Simulator(now=clock, orders=2_000).world
    assert len(world.orders) == 2_000 + len(DEMO.orders)
    assert len(world.subscriptions) > len(world.orders)


def test_a_garbage_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        Simulator()
        assert not gc.isenabled()
    finally:
        gc.enable()
    Simulator()
    assert gc.isenabled()


def test_named_ids_are_the_same_in_every_process() -> None:
    assert DEMO.orders["blocked_check_missing"] == "prdo_blockedcheckmissing00000"
    assert DEMO.subscriptions["can_order"] == "sub_canorder0000000000000000"
    assert DEMO.customers["two_subscriptions"] == "cus_twosubscriptions00000000"


def test_every_named_id_exists(sim: Simulator) -> None:
    world = sim.world
    assert all(world.orders.get(order_id) for order_id in DEMO.orders.values())
    assert all(world.subscriptions.get(subscription_id) for subscription_id in DEMO.subscriptions.values())
    assert all(world.customers.get(customer_id) for customer_id in DEMO.customers.values())
    assert set(DEMO.events.values()) <= world.events.keys()


def test_every_id_is_described_once() -> None:
    lines = DEMO.describe()
    assert max(Counter(line.id for line in lines).values()) == 1
    assert set(DEMO.orders.values()) | set(DEMO.events.values()) <= {line.id for line in lines}
    assert {line.kind for line in lines} == {"meter_order", "subscription", "customer", "event"}
    assert all(line.shows for line in lines)


def test_there_are_enough_orders_for_several_pages(sim: Simulator) -> None:
    mine = [order for order in sim.world.orders if order.organisation == DEMO.organisation]
    companys = [order for order in mine if order.customer_id == DEMO.customers["housing_company"]]
    assert 40 <= len(mine) <= 60
    assert len(companys) > 10


@pytest.mark.parametrize("reason", ["check_missing", "grid_operator_registration", "manual_review"])
def test_every_kind_of_hold_has_several_examples(sim: Simulator, reason: HoldReason) -> None:
    held = [order for order in sim.world.orders if order.hold and order.hold.reason == reason]
    assert len(held) >= 3


@pytest.mark.parametrize("reason", ["check_missing", "grid_operator_registration"])
def test_a_block_occurs_on_several_stages(sim: Simulator, reason: HoldReason) -> None:
    assert len({order.stage for order in sim.world.orders if order.hold and order.hold.reason == reason}) >= 2


def test_no_subscription_has_two_orders(sim: Simulator) -> None:
    assert max(Counter(order.subscription_id for order in sim.world.orders).values()) == 1


def test_one_order_is_far_older_than_eight_weeks_and_not_held(sim: Simulator, clock: Any) -> None:
    order = sim.world.orders.get(DEMO.orders["overdue"])
    assert order is not None
    assert (clock.moment - order.created_at).days > 70
    assert order.hold is None


def test_an_order_that_is_changed_keeps_its_place_in_the_lists(sim: Simulator) -> None:
    orders = sim.world.orders
    order = orders.get(DEMO.orders["placed"])
    assert order is not None
    before = [known.id for known in orders.newest_first("organisation", DEMO.organisation)]
    orders.put(replace(order, stage="check_submitted"))
    after = list(orders.newest_first("organisation", DEMO.organisation))
    assert [known.id for known in after] == before
    assert len(orders) == len(set(before)) + 1  # one is another organisation's


def test_an_event_that_happens_again_gets_its_own_id(sim: Simulator, clock: Any) -> None:
    order = sim.world.orders.get(DEMO.orders["blocked_check_missing"])
    assert order is not None
    known = len(sim.world.events)
    sim.world.add_event("meter_order.blocked", order, clock.moment)
    assert len(sim.world.events) == known + 1


@pytest.mark.parametrize("name", ["a_name_that_is_much_too_long_for_it", "Upper", "ä"])
def test_a_name_that_fits_no_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not fit an ID"):
        readable_id("prdo", name)


def test_the_simulator_runs_on_trio_too(sim: Simulator) -> None:
    async def ask() -> int:
        headers = {"Authorization": f"Bearer {DEMO.access_token}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=sim), base_url="http://simulator") as client:
            body = {"subscription": DEMO.subscriptions["can_order"]}
            return (await client.post("/meter-orders", json=body, headers=headers)).status_code

    assert trio.run(ask) == 200


async def test_a_server_that_announces_its_lifespan_is_answered(sim: Simulator) -> None:
    sent: list[str] = []
    announcements = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(announcements)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await sim({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
