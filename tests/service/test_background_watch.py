"""Watching inside `nomos-mcp http`."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Row, select

from nomos_mcp.database.tables import runs
from nomos_mcp.history.store import History
from nomos_mcp.service.http_server import start_problems
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Fault, Simulator
from nomos_mcp.simulator.world import real_clock
from tests.conftest import client_for
from tests.service.processes import Process
from tests.service.running import running
from tests.serving import served

pytestmark = pytest.mark.slow


def _settings(database: Path) -> Settings:
    return Settings(
        client_id=DEMO.client_id,
        client_secret=SecretStr(DEMO.client_secret),
        database=SecretStr(str(database)),
        http=HttpSettings(watch_every=timedelta(hours=24)),
    )


def _runs(database: Path) -> list[Row[tuple[object, ...]]]:
    async def read() -> list[Row[tuple[object, ...]]]:
        history = History(str(database), real_clock)
        async with history.database.reading() as connection:
            found = list(await connection.execute(select(runs).order_by(runs.c.number)))
        await history.aclose()
        return found

    return asyncio.run(read())


def _wait_for(database: Path, what: Callable[[list[Row[tuple[object, ...]]]], bool]) -> list[Row[tuple[object, ...]]]:
    while not what(found := _runs(database)):
        time.sleep(0.05)  # another thread or process writes
    return found


def _has_finished(found: list[Row[tuple[object, ...]]]) -> bool:
    return bool(found) and found[-1].finished_at is not None


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_the_server_watches_by_itself_and_logs_a_line(database: Path, capfd: pytest.CaptureFixture[str]) -> None:
    simulator = Simulator(now=real_clock)
    with running(_settings(database), client=client_for(simulator)):
        found = _wait_for(database, _has_finished)
    assert [(run.requests, run.not_covered) for run in found] == [(1, "")]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"watched"' in line]
    assert [(line["requests"], line["complete"]) for line in lines] == [(1, True)]


def test_several_servers_make_one_run(database: Path) -> None:
    first, second = Simulator(now=real_clock, orders=300), Simulator(now=real_clock, orders=300)
    with (
        running(_settings(database), client=client_for(first)),
        running(_settings(database), client=client_for(second)),
    ):
        found = _wait_for(database, _has_finished)
    assert len(found) == 1
    asked = [[each for each in simulator.requests if "/meter-orders" in each.path] for simulator in (first, second)]
    assert sorted(map(len, asked)) == [0, found[0].requests]


def test_a_server_that_stops_in_mid_run_leaves_it_to_the_next_one(database: Path) -> None:
    simulator = Simulator(now=real_clock, orders=300)
    with running(_settings(database), client=client_for(simulator)):
        _wait_for(database, lambda found: bool(found) and found[-1].requests > 0)
    assert [(run.holder, run.finished_at) for run in _runs(database)] == [("", None)]


def test_the_server_goes_on_answering_while_watching_fails(database: Path, capfd: pytest.CaptureFixture[str]) -> None:
    simulator = Simulator(now=real_clock)
    simulator.faults.add(Fault(kind="status", path="/meter-orders", status=403))
    with running(_settings(database), client=client_for(simulator)) as server:
        _wait_for(database, lambda found: bool(found) and not found[-1].holder)
        assert server.connections() is not None
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "watch_failed" in line]
    assert len(lines) == 1
    assert "The next run goes on where this one stopped." in lines[0]["why"]


def test_without_the_setting_nothing_is_watched(database: Path) -> None:
    simulator = Simulator(now=real_clock)
    settings = _settings(database).model_copy(update={"http": HttpSettings()})
    with running(settings, client=client_for(simulator)):
        pass
    assert not simulator.requests
    assert not database.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_id": ""}, "NOMOS_MCP_WATCH_EVERY: NOMOS_CLIENT_ID: not set"),
        ({"api_version": "2025-12-16.batman"}, "has no meter orders to watch"),
        ({"customer_id": "cus_4fK2mQ8xW1nB7vC3zL6pR9tY"}, "NOMOS_MCP_WATCH_EVERY: NOMOS_CUSTOMER_ID: set"),
    ],
)
def test_no_server_starts_that_could_not_watch(change: dict[str, str], words: str, database: Path) -> None:
    settings = _settings(database).model_copy(update=change)
    assert words in "\n".join(start_problems(settings, "127.0.0.1", 1))


def test_a_process_watches_with_the_settings_of_its_environment(database: Path) -> None:
    with served(Simulator(now=real_clock)) as url:
        process = Process(
            NOMOS_BASE_URL=url,
            NOMOS_CLIENT_ID=DEMO.client_id,
            NOMOS_CLIENT_SECRET=DEMO.client_secret,
            NOMOS_MCP_DATABASE=str(database),
            NOMOS_MCP_WATCH_EVERY="24h",
        )
        assert process.wait_for('"watched"')
        assert process.end(signal.SIGTERM) == 0
    assert _has_finished(_runs(database))
