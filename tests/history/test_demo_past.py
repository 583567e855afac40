"""The invented past of a demo: it ends in the simulated world as it is, and shows all that a history tells."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from nomos_mcp.client import NomosClient
from nomos_mcp.database.tables import observations
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.demo_past import demo_history
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from nomos_mcp.simulator import DEMO, Simulator, TargetState
from tests.conftest import NOW, client_for

DAY = timedelta(days=1)


@pytest.fixture
async def history(simulator: Simulator) -> AsyncIterator[History]:
    made = demo_history(simulator, CURIE, lambda: NOW)
    yield made
    await made.aclose()


async def _listed(client: NomosClient, version: ApiVersion) -> list[OrderLook]:
    pages = client.meter_orders.list().pages()
    return [OrderLook.of(order, version, seen_at=NOW, seen_by="read") async for page in pages for order in page.items]


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_the_last_look_at_every_order_sees_it_as_it_is(simulator: Simulator, version: ApiVersion) -> None:
    simulator.put_order(DEMO.orders["created"], TargetState(status="placed"))
    history = demo_history(simulator, version, lambda: NOW)
    async with client_for(simulator, version) as client:
        listed = await _listed(client, version)
    last = {look.order_id: look.state async for look in history.exported()}
    assert last == {look.order_id: look.state for look in listed}
    assert not await history.record(listed)
    await history.aclose()


async def test_every_order_has_one_latest_look_and_it_is_the_last(history: History) -> None:
    looks = [look async for look in history.exported()]
    async with history.database.reading() as connection:
        latest = (await connection.execute(select(observations.c.order_id).where(observations.c.is_latest))).scalars()
        assert sorted(latest) == sorted({look.order_id for look in looks})


async def test_nobody_is_shown_another_organisations_orders(history: History) -> None:
    assert DEMO.orders["other_organisation"] not in {look.order_id async for look in history.exported()}


async def test_the_last_sixty_days_were_watched_without_a_gap(history: History) -> None:
    assert not await history.runs.gaps(NOW - 59 * DAY, NOW)
    assert await history.runs.gaps(NOW - 90 * DAY, NOW)


async def test_no_change_is_told_for_a_time_before_the_look_before_it(history: History) -> None:
    changes = await history.changes(limit=10_000)
    assert len(changes) > 200
    observed = [change for change in changes if change.happened_at is None]
    assert observed
    assert all(change.not_before and change.not_before < change.seen_at for change in observed)
    assert all(change.latest <= NOW for change in changes)


async def test_steps_and_blocks_have_twenty_finished_cases(history: History) -> None:
    known = await history.durations(60)
    assert known
    for step in ("placed", "blocked: check_missing", "blocked: grid_operator_registration"):
        assert known.steps[CURIE, step].finished >= 20


async def test_a_few_orders_are_blocked_for_the_second_time(history: History) -> None:
    looks = await history.looks(DEMO.orders["blocked_check_missing"])
    assert len({look.blocked_at for look in looks if look.blocked_at}) == 2
