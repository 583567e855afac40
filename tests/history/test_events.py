"""Events of webhooks: each is kept once, and leads to a look at its order, of which only that look is recorded."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import select

from nomos_mcp.client import EDISON, NomosClient
from nomos_mcp.database.tables import events
from nomos_mcp.history.events import LEASE, WebhookEvent, settle
from nomos_mcp.history.store import History
from nomos_mcp.history.webhook_worker import WebhookWorker
from nomos_mcp.simulator import DEMO, Fault, Simulator, TargetState
from nomos_mcp.simulator.views import render_event
from nomos_mcp.simulator.world_records import EventRecord
from tests.conftest import client_for
from tests.databases import Clock

PLACED = DEMO.orders["placed"]


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(now=clock)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[NomosClient]:
    async with client_for(simulator) as client:
        yield client


@pytest.fixture
def worker(history: History, client: NomosClient) -> WebhookWorker:
    return WebhookWorker(history, client, per_second=1e6)


def parsed(**changed: Any) -> WebhookEvent | None:
    context = {"meter_order": PLACED, "subscription": DEMO.subscriptions["can_order"]}
    event = {"id": "evt_1", "topic": "meter_order.placed", "timestamp": "2026-06-15T09:59:00Z", "context": context}
    return WebhookEvent.parse(json.dumps(event | changed).encode())


def told(event: EventRecord) -> WebhookEvent:
    found = WebhookEvent.parse(json.dumps(render_event(event)).encode())
    assert found
    return found


def moved(simulator: Simulator, **state: Any) -> WebhookEvent:
    """Move an order, and return the event of it."""
    simulator.put_order(PLACED, TargetState(**state))
    return told(list(simulator.world.events.values())[-1])


def reads(simulator: Simulator) -> int:
    return sum(request.path == f"/meter-orders/{PLACED}" for request in simulator.requests)


async def due_at(history: History, event: WebhookEvent) -> datetime | None:
    async with history.database.reading() as connection:
        query = select(events.c.due_at).where(events.c.event_id == event.event_id)
        found: datetime | None = (await connection.execute(query)).scalar_one()
        return found


def test_only_ids_topic_and_time_of_an_event_are_kept() -> None:
    assert parsed(secret="DE00 1234", context={"meter_order": PLACED, "name": "Ada"}) == WebhookEvent(
        event_id="evt_1",
        topic="meter_order.placed",
        happened_at=datetime(2026, 6, 15, 9, 59, tzinfo=UTC),
        order_id=PLACED,
    )


@pytest.mark.parametrize("changed", [{"id": "evt 1"}, {"id": 7}, {"id": "e" * 200}, {"topic": "a\nb"}, {"topic": None}])
def test_what_has_no_id_or_topic_is_no_event(changed: dict[str, Any]) -> None:
    assert parsed(**changed) is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{", b"[" * 60_000, b'"evt_1"'])
def test_what_is_no_json_object_is_no_event(body: bytes) -> None:
    assert WebhookEvent.parse(body) is None


@pytest.mark.parametrize("time", ["soon", 7, None, "0001-01-01T00:00:00+14:00", []])
def test_a_time_that_cannot_be_read_is_left_out(time: Any) -> None:
    event = parsed(timestamp=time)
    assert event
    assert event.happened_at is None


@pytest.mark.parametrize("order_id", ["sub_1", "prdo_'; DROP TABLE events", {"id": PLACED}, None])
def test_an_order_id_that_is_malformed_is_left_out(order_id: Any) -> None:
    event = parsed(context={"meter_order": order_id})
    assert event
    assert (event.order_id, event.needs_read) == (None, False)


async def test_an_event_is_kept_once(history: History) -> None:
    event = WebhookEvent(event_id="evt_1", topic="meter_order.placed", order_id=PLACED)
    assert [await history.events.add(event) for _ in range(3)] == [True, False, False]


async def test_many_deliveries_of_one_event_at_once_keep_it_once(database_url: str, clock: Clock) -> None:
    event, kept = WebhookEvent(event_id="evt_1", topic="meter_order.placed", order_id=PLACED), []

    async def add(history: History) -> None:
        kept.append(await history.events.add(event))

    histories = [History(database_url, clock) for _ in range(2)]  # as two processes have
    async with anyio.create_task_group() as tasks:
        for history in histories * 5:
            tasks.start_soon(add, history)
    assert sorted(kept) == [False] * 9 + [True]
    for history in histories:
        await history.aclose()


async def test_one_process_gets_the_events_of_an_order_until_it_is_given_up_for_dead(
    database_url: str, clock: Clock
) -> None:
    one, other = (History(database_url, clock) for _ in range(2))
    for number in (1, 2):
        await one.events.add(WebhookEvent(event_id=f"evt_{number}", topic="meter_order.placed", order_id=PLACED))
    first = await one.events.claim()
    assert [event.event_id for event in first] == ["evt_1", "evt_2"]
    assert not await other.events.claim()
    clock.now += LEASE
    taken_over = await other.events.claim()
    assert [event.attempts for event in taken_over] == [2, 2]
    async with one.database.writing() as connection:  # the first was only slow
        await settle(connection, first[0], None)
    clock.now += LEASE
    assert [event.event_id for event in await one.events.claim()] == ["evt_1", "evt_2"]
    await one.aclose()
    await other.aclose()


async def test_an_event_that_a_wrong_clock_put_off_for_years_is_due(history: History, clock: Clock) -> None:
    clock.advance(days=3650)
    await history.events.add(WebhookEvent(event_id="evt_1", topic="meter_order.placed", order_id=PLACED))
    clock.advance(days=-3650)
    assert await history.events.due()


@pytest.mark.parametrize("topic", ["subscription.activated", "invoice.paid", "test.event", "something.new"])
async def test_what_is_not_about_meter_orders_is_kept_and_causes_no_read(
    history: History, worker: WebhookWorker, simulator: Simulator, topic: str
) -> None:
    event = WebhookEvent(event_id="evt_1", topic=topic, order_id=PLACED)
    assert await history.events.add(event)
    assert not await worker.read_next()
    assert not await history.events.add(event)
    assert reads(simulator) == 0


async def test_an_event_leads_to_a_recorded_look_that_names_it(
    history: History, worker: WebhookWorker, simulator: Simulator
) -> None:
    event = moved(simulator, status="check_submitted")
    await history.events.add(event)
    assert await worker.read_next()
    (look,) = await history.looks(PLACED)
    assert (look.status, look.seen_by, look.event_id) == ("check_submitted", "webhook", event.event_id)
    assert await due_at(history, event) is None


async def test_events_of_one_order_cost_one_read(history: History, worker: WebhookWorker, simulator: Simulator) -> None:
    for status in ("check_submitted", "check_reviewed", "scheduled"):
        await history.events.add(moved(simulator, status=status))
    assert [await worker.read_next() for _ in range(2)] == [True, False]
    assert reads(simulator) == 1


async def test_late_and_reordered_events_do_not_take_an_order_back(
    history: History, worker: WebhookWorker, simulator: Simulator, clock: Clock
) -> None:
    moves = []
    for status in ("check_submitted", "check_reviewed", "scheduled"):
        moves.append(moved(simulator, status=status))
        clock.advance(hours=1)
    for event in (moves[2], moves[0], moves[1]):
        await history.events.add(event)
        await worker.read_next()
        assert await due_at(history, event) is None
    assert [look.status for look in await history.looks(PLACED)] == ["scheduled"]


async def test_a_read_that_lags_is_repeated_until_it_shows_the_event(
    history: History, worker: WebhookWorker, simulator: Simulator, clock: Clock
) -> None:
    await history.events.add(moved(simulator, status="check_submitted"))
    await worker.read_next()
    clock.advance(hours=1)
    event = moved(simulator, status="check_reviewed")
    simulator.put_order(PLACED, TargetState(status="check_submitted"))  # as a read that lags shows it
    await history.events.add(event)
    waits = []
    while await worker.read_next():
        due = await due_at(history, event)
        if due is None:
            break
        waits.append(due - clock())
        clock.now += waits[-1]
        if len(waits) == 2:
            simulator.put_order(PLACED, TargetState(status="check_reviewed"))
    assert waits == [timedelta(seconds=30), timedelta(minutes=2)]
    assert [look.status for look in await history.looks(PLACED)] == ["check_submitted", "check_reviewed"]


async def test_an_event_that_no_read_shows_is_left_to_polling(
    history: History, worker: WebhookWorker, simulator: Simulator, clock: Clock
) -> None:
    event = WebhookEvent(event_id="evt_1", topic="meter_order.activated", happened_at=clock(), order_id=PLACED)
    await history.events.add(event)
    while await worker.read_next() and (due := await due_at(history, event)):
        clock.now = due
    assert reads(simulator) == 4
    assert not await history.events.due()


async def test_an_order_that_went_back_is_recorded_by_the_last_read(
    history: History, worker: WebhookWorker, simulator: Simulator, clock: Clock
) -> None:
    moves = []
    for status in ("check_submitted", "check_reviewed", "check_submitted"):
        moves.append(moved(simulator, status=status))
        await history.events.add(moves[-1])
        await worker.read_next()
        clock.advance(minutes=1)
    while due := await due_at(history, moves[-1]):
        clock.now = due
        await worker.read_next()
    seen = [look.status for look in await history.looks(PLACED)]
    assert seen == ["check_submitted", "check_reviewed", "check_submitted"]


async def test_an_order_that_nobody_may_see_is_settled(history: History, worker: WebhookWorker) -> None:
    event = WebhookEvent(event_id="evt_1", topic="meter_order.placed", order_id="prdo_nowhere")
    await history.events.add(event)
    assert await worker.read_next()
    assert await due_at(history, event) is None


async def test_while_upstream_is_away_the_read_is_put_off_and_made_later(
    history: History, simulator: Simulator, clock: Clock
) -> None:
    simulator.faults.add(Fault(kind="status", status=503))
    event = moved(simulator, status="check_submitted")
    await history.events.add(event)
    async with client_for(simulator) as client:
        worker = WebhookWorker(history, client.with_options(max_retries=0), per_second=1e6)
        waits = []
        for _ in range(9):
            assert await worker.read_next()
            due = await due_at(history, event)
            assert due
            waits.append((due - clock()).total_seconds())
            clock.now = due
        assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
        simulator.faults.clear()
        assert await worker.read_next()
    assert [look.status for look in await history.looks(PLACED)] == ["check_submitted"]
    assert await due_at(history, event) is None


async def test_after_three_days_without_success_polling_is_left_to_find_it(
    history: History, simulator: Simulator, clock: Clock
) -> None:
    simulator.faults.add(Fault(kind="status", status=503))
    event = moved(simulator, status="check_submitted")
    await history.events.add(event)
    async with client_for(simulator) as client:
        worker = WebhookWorker(history, client.with_options(max_retries=0), per_second=1e6)
        await worker.read_next()
        clock.advance(days=4)
        asked = reads(simulator)
        await worker.read_next()
    assert await due_at(history, event) is None
    assert reads(simulator) == asked


async def test_a_process_that_dies_between_the_answer_and_the_read_loses_nothing(
    database_url: str, simulator: Simulator, client: NomosClient, clock: Clock
) -> None:
    event = moved(simulator, status="check_submitted")
    dead = History(database_url, clock)
    await dead.events.add(event)
    await dead.events.claim()
    await dead.aclose()
    clock.now += LEASE
    history = History(database_url, clock)
    assert await WebhookWorker(history, client).read_next()
    assert [look.event_id for look in await history.looks(PLACED)] == [event.event_id]
    await history.aclose()


async def test_an_endpoint_that_sends_curies_events_works_for_a_server_of_edison(
    history: History, simulator: Simulator
) -> None:
    event = moved(simulator, status="check_submitted")
    await history.events.add(event)
    async with client_for(simulator, EDISON) as client:
        await WebhookWorker(history, client).read_next()
    assert [look.api_version for look in await history.looks(PLACED)] == [EDISON]
    assert await due_at(history, event) is None


async def test_a_server_of_a_version_without_meter_orders_settles_them(history: History, simulator: Simulator) -> None:
    event = moved(simulator, status="check_submitted")
    await history.events.add(event)
    async with client_for(simulator, "2025-12-16.batman") as client:
        await WebhookWorker(history, client).read_next()
    assert await due_at(history, event) is None


async def test_the_worker_reads_what_is_added_while_it_runs(
    history: History, worker: WebhookWorker, simulator: Simulator
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        await anyio.wait_all_tasks_blocked()
        await history.events.add(moved(simulator, status="check_submitted"))
        worker.wake()
        with anyio.fail_after(30):
            while not await history.looks(PLACED):  # each look lets the worker go on
                pass
        tasks.cancel_scope.cancel()
