"""A stream is told of a change as soon as any process has recorded it, and looks into the table seldom otherwise."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated, Subscription
from mcp.server.subscriptions import InMemorySubscriptionBus, SubscriptionBus
from pydantic import SecretStr

from nomos_mcp.database.database import IN_MEMORY, Database, DatabaseError
from nomos_mcp.database.postgresql import SharedConnection
from nomos_mcp.history import recording
from nomos_mcp.history.changes import Change
from nomos_mcp.history.store import History
from nomos_mcp.server import create_server
from nomos_mcp.server.change_bus import ChangeBus
from nomos_mcp.server.subscriptions import CHANGES
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import Simulator
from tests.conftest import client_for
from tests.databases import Clock, execute
from tests.history.looks import look

RECORDED = ResourceUpdated(uri=CHANGES)


@asynccontextmanager
async def listening(history: History, bus: SubscriptionBus, simulator: Simulator) -> AsyncIterator[Subscription]:
    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos, history=history, bus=bus)
        with anyio.fail_after(60):
            async with Client(server) as client, client.listen(resource_subscriptions=[CHANGES]) as stream:
                yield stream


def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.server.subscriptions._PERIOD_WITH_BUS", 3600.0)


@pytest.fixture
async def kept(clock: Clock) -> AsyncIterator[History]:
    history = History(IN_MEMORY, clock)
    yield history
    await history.aclose()


async def record(history: History, number: int) -> None:
    await history.record([look(Clock(history.now()), order_id=f"prdo_{number}")])


async def test_a_stream_looks_when_the_bus_tells_it_to(
    kept: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    bus = InMemorySubscriptionBus()
    async with listening(kept, bus, simulator) as stream:
        for number in range(3):
            await record(kept, number)
            await bus.publish(RECORDED)
            assert (await anext(stream)) == RECORDED


async def test_what_the_bus_lost_is_found_later(
    kept: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.server.subscriptions._PERIOD_WITH_BUS", 0.05)
    async with listening(kept, InMemorySubscriptionBus(), simulator) as stream:
        await record(kept, 1)
        assert (await anext(stream)) == RECORDED


async def test_a_change_is_not_missed_that_is_told_while_the_table_is_being_read(
    kept: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    bus, changes_after = InMemorySubscriptionBus(), kept.changes_after
    later = iter([True])

    async def read_and_be_late(number: int, limit: int) -> list[Change]:
        found = await changes_after(number, limit)
        if found == [] and next(later, False):
            await record(kept, 2)
            await bus.publish(RECORDED)
        return found

    async with listening(kept, bus, simulator) as stream:
        monkeypatch.setattr(kept, "changes_after", read_and_be_late)
        await bus.publish(RECORDED)
        assert (await anext(stream)) == RECORDED


async def test_in_a_flood_of_notifications_looks_are_apart(
    kept: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    bus = InMemorySubscriptionBus()
    looked: list[float] = []

    async def look_at_the_clock(*_: int) -> list[Change]:
        looked.append(time.monotonic())
        return []

    async with listening(kept, bus, simulator):
        monkeypatch.setattr(kept, "changes_after", look_at_the_clock)
        while len(looked) < 4:
            await bus.publish(RECORDED)
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(looked))


async def test_a_database_that_failed_is_asked_again_without_a_notification(
    kept: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    monkeypatch.setattr("nomos_mcp.server.subscriptions._PERIOD", 0.05)
    bus, changes_after = InMemorySubscriptionBus(), kept.changes_after
    failures = iter([True])

    async def away(number: int, limit: int) -> list[Change]:
        if next(failures, False):
            raise DatabaseError("away")
        return await changes_after(number, limit)

    async with listening(kept, bus, simulator) as stream:
        monkeypatch.setattr(kept, "changes_after", away)
        await record(kept, 1)
        await bus.publish(RECORDED)
        assert (await anext(stream)) == RECORDED


class Process:
    """What a process has of a history in PostgreSQL, for one organisation."""

    def __init__(self, url: str, clock: Clock, organisation: str = "") -> None:
        self.history = History(Database(url, organisation), clock)
        self.shared = SharedConnection(SecretStr(url), self.history.database.open, timeout=30.0)
        self.bus = ChangeBus(self.shared, self.history.database.schema)
        self.told: list[Any] = []
        self.bus.subscribe(self.told.append)

    async def until(self, condition: Callable[[], bool]) -> None:
        with anyio.fail_after(60):
            while not condition():  # noqa: ASYNC110  what is waited for tells nobody
                await anyio.sleep(0.02)


@asynccontextmanager
async def processes(*made: Process) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        for each in made:
            tasks.start_soon(each.shared.keep)
            await each.until(lambda each=each: each.told == [RECORDED])  # type: ignore[misc]
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
            for each in made:
                with anyio.CancelScope(shield=True):
                    await each.shared.aclose()
                    await each.history.aclose()


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_what_one_process_records_the_streams_of_another_hear(
    database_url: str, clock: Clock, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    one, other = Process(database_url, clock), Process(database_url, clock)
    async with processes(one, other), listening(other.history, other.bus, simulator) as stream:
        for number in range(3):
            await record(one.history, number)
            assert (await anext(stream)) == RECORDED
        await other.history.record([look(clock, order_id=f"prdo_{number}") for number in range(3)])
        assert len(other.told) == 4, "nothing was new, so nothing was told"


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_what_is_not_committed_is_not_told(database_url: str, clock: Clock) -> None:
    one = Process(database_url, clock)
    async with processes(one):
        with suppress(ZeroDivisionError):
            async with one.history.database.writing() as connection:
                assert await recording.record(connection, [look(clock)], clock())
                raise ZeroDivisionError
        await one.bus.publish(RECORDED)
        await one.until(lambda: len(one.told) == 2)


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_organisations_hear_their_own_changes_only(database_url: str, clock: Clock) -> None:
    nord, sued, nameless = (Process(database_url, clock, name) for name in ("nord", "sued", ""))
    async with processes(nord, sued, nameless):
        for each, number in ((nord, 1), (sued, 2), (nameless, 3)):
            for told in range(1, number + 1):
                await record(each.history, told)
                await each.until(lambda each=each, told=told: len(each.told) > told)  # type: ignore[misc]
        assert [len(each.told) for each in (nord, sued, nameless)] == [2, 3, 4]


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_what_was_recorded_while_nobody_could_hear_is_found_with_the_next_connection(
    database_url: str, clock: Clock, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom(monkeypatch)
    one = Process(database_url, clock)
    async with processes(one), listening(one.history, one.bus, simulator) as stream:
        pid = (await one.shared.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
        heard = one.shared._listeners
        one.shared._listeners = [(f"not_{channel}", call) for channel, call in heard]
        await anyio.to_thread.run_sync(execute, database_url, f"SELECT pg_terminate_backend({pid})")
        await one.until(lambda: len(one.told) == 2)
        one.shared._listeners = heard
        await record(one.history, 1)
        pid = (await one.shared.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
        await anyio.to_thread.run_sync(execute, database_url, f"SELECT pg_terminate_backend({pid})")
        assert (await anext(stream)) == RECORDED
