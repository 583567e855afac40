"""A run of watching against the simulator, with clocks that the test moves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest

from nomos_mcp.client import (
    BATMAN,
    CURIE,
    EDISON,
    APIError,
    NomosClient,
    RateLimitError,
    UnsupportedVersionError,
)
from nomos_mcp.database.database import IN_MEMORY, DatabaseError
from nomos_mcp.history import order_walk, polling, recording
from nomos_mcp.history.changes import Change, OrderLook
from nomos_mcp.history.polling import poll
from nomos_mcp.history.run_progress import RunReport
from nomos_mcp.history.runs import WatchError
from nomos_mcp.history.store import History
from nomos_mcp.simulator import DEMO, Fault, Simulator, TargetState
from tests.conftest import NOW, client_for
from tests.databases import Clock
from tests.server.moving import Moving

DAY = timedelta(days=1)


class World:
    """A simulator, and a history that shares its clock.

    Attributes:
        ahead: How far our clock is ahead.
    """

    def __init__(self, orders: int = 28) -> None:
        self.simulator = Simulator(now=lambda: NOW, orders=orders)
        self.ahead = timedelta()
        self.history = History(IN_MEMORY, lambda: self.simulator.now + self.ahead)

    async def poll(self, **options: Any) -> RunReport:
        async with self.client() as client:
            return await poll(self.history, client, **options)

    def client(self) -> NomosClient:
        return client_for(self.simulator)

    async def changes(self) -> list[Change]:
        """Return what is recorded, in the order of recording."""
        return await self.history.changes_after(0, limit=10_000)

    def requests(self) -> list[str]:
        return [request.path for request in self.simulator.requests if request.path.startswith("/meter-orders")]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.history.aclose()


@asynccontextmanager
async def large(orders: int) -> AsyncIterator[World]:
    made = World(orders)
    yield made
    await made.history.aclose()


async def test_the_first_run_looks_at_every_order(world: World) -> None:
    report = await world.poll()
    assert (report.complete, report.not_covered, report.resumed) == (True, "", False)
    assert report.orders_read == len([order async for order in world.client().meter_orders.list()])
    assert report.requests == 1
    assert report.untold is None


async def test_a_second_run_tells_nothing_if_nothing_has_changed(world: World) -> None:
    await world.poll()
    before = await world.changes()
    world.ahead = timedelta(hours=1)
    report = await world.poll()
    assert (report.changes, report.by_kind) == (0, {})
    assert await world.changes() == before


async def test_a_change_is_told_once_and_between_two_looks(world: World) -> None:
    await world.poll()
    known = len(await world.changes())
    world.simulator.advance(1)
    order_id = DEMO.orders["blocked_check_missing"]
    world.simulator.put_order(order_id, TargetState(status="placed"))
    report = await world.poll()
    found = [change for change in (await world.changes())[known:] if change.order_id == order_id]
    assert [(change.kind, change.before) for change in found] == [("unblocked", "blocked: check_missing")]
    assert (found[0].not_before, found[0].seen_at) == (NOW, NOW + DAY)
    assert report.by_kind["unblocked"] >= 1
    assert await world.history.runs.gaps(NOW, NOW + DAY) == []


@pytest.mark.slow
async def test_two_thousand_orders_take_twenty_requests_and_never_more() -> None:
    async with large(2000) as world:
        first = await world.poll()
        world.simulator.advance(1)
        second = await world.poll()
    assert (first.requests, first.complete) == (-(-first.orders_read // 100), True)
    assert second.complete
    assert second.requests <= first.requests == 21
    assert len(world.requests()) == first.requests + second.requests


@pytest.mark.slow
async def test_the_whole_list_is_read_once_a_week() -> None:
    async with large(2000) as world:
        whole = (await world.poll()).requests
        _finish_all_but(world, 0)
        found = []
        for _ in range(8):
            world.simulator.advance(1)
            found.append((await world.poll()).requests >= whole)
    assert found == [True] + [False] * 6 + [True]  # the first one because nearly all orders were open before


@pytest.mark.slow
async def test_a_few_old_open_orders_are_read_one_by_one_and_nothing_else() -> None:
    async with large(2000) as world:
        await world.poll()
        _finish_all_but(world, 3)
        world.simulator.advance(2)
        await world.poll()
        world.simulator.advance(1)
        known = len(world.requests())
        report = await world.poll()
    asked = world.requests()[known:]
    assert len(asked) == report.requests
    assert len([path for path in asked if "?" not in path]) == 3
    assert report.requests == 3 + 4  # of the last 30 days
    assert report.complete


async def test_a_new_order_is_seen(world: World) -> None:
    await world.poll()
    world.simulator.advance(1)
    async with world.client() as client:
        new = await client.meter_orders.create(DEMO.subscriptions["can_order"])
    report = await world.poll()
    assert report.by_kind["created"] == 1
    assert new.id in {change.order_id for change in await world.changes() if change.kind == "created"}


@pytest.mark.parametrize("status", [503, 429])
async def test_a_run_that_loses_nomos_ends_unfinished_and_the_next_one_goes_on(status: int) -> None:
    async with large(500) as world:
        fault = world.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=status, skip=2))
        async with world.client() as client:
            with pytest.raises((APIError, RateLimitError)):
                await poll(world.history, client.with_options(max_retries=0))
        assert await world.history.runs.gaps(NOW - DAY, NOW) != []
        world.simulator.faults.remove(fault)
        report = await world.poll()
    assert (report.resumed, report.complete) == (True, True)
    assert report.requests == 6
    assert len(world.requests()) == 7  # with the one that failed


async def test_a_second_watcher_ends_while_the_first_one_walks() -> None:
    async with large(500) as world, anyio.create_task_group() as tasks:
        second: list[Exception] = []

        async def try_too() -> None:
            try:
                await world.poll()
            except WatchError as error:
                second.append(error)

        await world.poll(report=_once(100, lambda: tasks.start_soon(try_too)))
    assert len(second) == 1
    assert "Another process is watching" in str(second[0])


async def test_a_walker_that_lost_its_lease_records_nothing_more() -> None:
    async with large(500) as world:
        other: list[RunReport] = []

        async def take_over() -> None:
            world.ahead += timedelta(seconds=40)  # in which the first one gave no sign of life
            other.append(await world.poll())

        async with client_for(_Slow(world.simulator, at=3, meanwhile=take_over)) as slow:  # type: ignore[arg-type]
            with pytest.raises(WatchError, match="has taken this run over"):
                await poll(world.history, slow)
        steps = [(change.order_id, change.before, change.after) for change in await world.changes()]
    assert [(report.resumed, report.complete) for report in other] == [(True, True)]
    assert len(steps) == len(set(steps))


async def test_a_cancelled_run_is_taken_up_at_once() -> None:
    async with large(500) as world:
        with anyio.CancelScope() as scope:
            await world.poll(report=_once(200, scope.cancel))
        report = await world.poll()
    assert report.resumed
    assert report.requests == 6


async def test_a_run_of_yesterday_is_not_taken_up_but_begun_anew() -> None:
    async with large(300) as world:
        with anyio.CancelScope() as scope:
            await world.poll(report=_once(100, scope.cancel))
        world.simulator.advance(1)
        report = await world.poll()
        assert not report.resumed
        assert report.started_at == NOW + DAY


async def test_a_refused_cursor_starts_the_list_again() -> None:
    async with large(500) as world:
        with anyio.CancelScope() as scope:
            await world.poll(report=_once(200, scope.cancel))
        world.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=400, count=1))
        report = await world.poll()
    assert (report.complete, report.resumed) == (True, True)
    assert len(world.requests()) == 2 + 1 + 6


async def test_a_cursor_that_is_always_refused_makes_the_run_incomplete() -> None:
    async with large(500) as world:
        world.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=400, skip=1, count=1))
        world.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=400, skip=3, count=1))
        report = await world.poll()
    assert not report.complete
    assert report.not_covered == "what follows in the list: Nomos refused the cursor that it had given"


async def test_an_order_that_nomos_shows_no_more_makes_runs_incomplete_for_a_week(world: World) -> None:
    await world.poll()
    world.simulator.advance(3)
    await world.poll()
    gone = await world.history.record([_look("prdo_gone00000000000000000000", NOW - 90 * DAY, NOW + 3 * DAY)])
    assert gone
    world.simulator.advance(1)
    first = await world.poll()
    assert (first.complete, first.not_covered) == (False, "1 order that Nomos shows no more")
    world.simulator.advance(6)
    assert not (await world.poll()).complete
    world.simulator.advance(2)
    assert (await world.poll()).complete


async def test_credentials_of_another_organisation_are_noticed(world: World) -> None:
    await world.history.record([_look(f"prdo_{n:024}", NOW - 90 * DAY, NOW - DAY) for n in range(40)])
    report = await world.poll()
    assert not report.complete
    assert "none of the first 20" in report.not_covered
    assert report.requests == 1 + 20


async def test_an_order_that_cannot_be_read_makes_the_run_incomplete(world: World) -> None:
    world.simulator.faults.add(Fault(kind="wrong_type_body", path="/meter-orders", field="customer", count=1))
    report = await world.poll()
    assert not report.complete
    assert report.not_covered.endswith("orders that could not be read")


async def test_a_version_without_meter_orders_is_refused_before_a_run_begins(world: World) -> None:
    with pytest.raises(UnsupportedVersionError):
        await poll(world.history, client_for(world.simulator, BATMAN))
    assert (await world.poll()).resumed is False


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("cursors", ["named", "opaque", "offset"])
@pytest.mark.parametrize("seed", range(4))
async def test_no_change_is_lost_or_told_twice_in_lists_that_move(seed: int, cursors: Any, version: Any) -> None:
    upstream = Moving(seed, 250, 3, cursors, "combined", version, undated=2)
    now = NOW
    history = History(IN_MEMORY, lambda: now)
    async with NomosClient(
        access_token="x" * 20, api_version=version, base_url="http://127.0.0.1", requests_per_second=1000, app=upstream
    ) as client:
        for _ in range(3):
            now += DAY
            await poll(history, client)
        upstream._moves = 0
        now += DAY
        report = await poll(history, client)
    latest = {}
    async for look in history.exported():
        latest[look.order_id] = look
    shown = {order["id"]: (order["status"], order.get("blocked_reason")) for order in upstream.orders}
    assert {each: (look.status, look.blocked_reason) for each, look in latest.items()} == shown
    steps = [(change.order_id, change.number) for change in await history.changes_after(0, 100_000) if change.of_status]
    assert len(steps) == len(set(steps))
    assert report.complete
    await history.aclose()


class _Slow:
    """The simulator, but while one of its answers is under way something else happens."""

    def __init__(self, simulator: Simulator, at: int, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._simulator = simulator
        self._left = at
        self._meanwhile = meanwhile

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/meter-orders":
            self._left -= 1
            if self._left == 0:
                await self._meanwhile()
        await self._simulator(scope, receive, send)


def _once(orders: int, then: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a report that does something when so many orders were read."""

    def report(read: int, _: int) -> None:
        if read == orders:
            then()

    return report


def _look(order_id: str, created_at: datetime, seen_at: datetime) -> OrderLook:
    return OrderLook(
        order_id=order_id,
        subscription_id="sub_1",
        customer_id="cus_1",
        api_version=CURIE,
        status="placed",
        created_at=created_at,
        seen_at=seen_at,
        seen_by="poll",
    )


def _finish_all_but(world: World, count: int) -> None:
    """Let all orders but the oldest ones end."""
    orders = sorted(world.simulator.world.orders, key=lambda order: order.created_at)
    for order in orders[:count]:
        world.simulator.put_order(order.id, TargetState(status="placed"))
    for order in orders[count:]:
        world.simulator.put_order(order.id, TargetState(status="activated"))


async def _watch(world: World, until: Callable[[list[object]], bool], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Watch daily until what was said is enough: reports, and the words of failures."""
    monkeypatch.setattr(polling, "_CHECKED_EVERY", 0.0)
    said: list[object] = []
    async with world.client() as client:
        with anyio.CancelScope() as scope:

            def say(what: object) -> None:
                said.append(what)
                if until(said):
                    scope.cancel()

            retrying = client.with_options(max_retries=0)
            await polling.watch(world.history, retrying, DAY, pause=0, finished=say, failed=say)
    return said


async def test_watching_makes_a_run_whenever_one_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def until(said: list[object]) -> bool:
        world.ahead += DAY
        return len(said) == 3

    said = await _watch(world, until, monkeypatch)
    starts = [report.started_at for report in said if isinstance(report, RunReport)]
    assert starts == [NOW, NOW + DAY, NOW + 2 * DAY]


async def test_watching_survives_whatever_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=503, count=1))
    real, fails = recording.record, iter([True])

    def record(*arguments: Any) -> Any:
        if next(fails, False):
            raise ValueError("what an order holds")
        return real(*arguments)

    def until(said: list[object]) -> bool:
        world.ahead += timedelta(minutes=6)
        return isinstance(said[-1], RunReport)

    monkeypatch.setattr(order_walk, "record", record)
    without_nomos, mistake, report = await _watch(world, until, monkeypatch)
    assert "The next run goes on where this one stopped." in str(without_nomos)
    assert mistake == "The run failed unexpectedly: ValueError. It is tried again."
    assert isinstance(report, RunReport)
    assert (report.resumed, report.complete) == (True, True)


async def test_watching_says_once_that_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    away, real = iter([True, True, True]), world.history.runs.is_due

    async def is_due(every: timedelta) -> bool:
        if next(away, False):
            raise DatabaseError("The database does not answer.")
        return await real(every)

    monkeypatch.setattr(world.history.runs, "is_due", is_due)
    said = await _watch(world, lambda said: isinstance(said[-1], RunReport), monkeypatch)
    assert said[:-1] == ["The database does not answer."]


async def test_every_kind_of_database_keeps_a_run_and_goes_on_with_it(history: History, clock: Clock) -> None:
    simulator = Simulator(now=lambda: NOW, orders=300)
    ids = sorted(order.id for order in simulator.world.orders if order.organisation == "demo")
    for order_id in ids:
        simulator.put_order(order_id, TargetState(status="placed"))
    async with client_for(simulator) as client:
        with anyio.CancelScope() as scope:
            await poll(history, client, report=_once(200, scope.cancel))
        first = await poll(history, client)
        for order_id in ids[:30]:
            simulator.put_order(order_id, TargetState(status="check_reviewed"))
        clock.advance(days=1)
        second = await poll(history, client)
    assert (first.resumed, first.complete, first.requests) == (True, True, 4)
    assert (second.complete, second.by_kind["status"]) == (True, 30)
    found = [change.not_before for change in await history.changes(kind="status", since=NOW, limit=30)]
    assert set(found) == {NOW}
