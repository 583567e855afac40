"""`nomos-mcp watch` as a process against a simulator over HTTP, ended at any moment."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from nomos_mcp.cli import main
from nomos_mcp.database.tables import runs
from nomos_mcp.history.changes import Change
from nomos_mcp.history.store import History
from nomos_mcp.simulator import DEMO, Fault, Simulator, TargetState
from nomos_mcp.simulator.world import real_clock
from tests.serving import served

pytestmark = pytest.mark.slow

ORDERS = 430
PLACED = TargetState(status="placed")
REVIEWED = TargetState(status="check_reviewed")


class Upstream:
    """The simulator, and what else happens when it is asked for a page of orders.

    Attributes:
        pages: How many pages were asked for.
        kill_at: With which page a process is killed, and how many seconds later.
        hold_at: The page that is not answered before this is None again.
    """

    def __init__(self, orders: int = ORDERS) -> None:
        self.simulator = Simulator(now=real_clock, orders=orders)
        self.pages = 0
        self.kill_at: tuple[int, float] | None = None
        self.hold_at: int | None = None
        self.process: subprocess.Popen[str] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/meter-orders":
            self.pages += 1
            if self.kill_at and self.pages == self.kill_at[0]:
                asyncio.get_running_loop().call_later(self.kill_at[1], self._kill)
            while self.hold_at == self.pages:  # noqa: ASYNC110  another thread ends it
                await asyncio.sleep(0.01)
        await self.simulator(scope, receive, send)

    def _kill(self) -> None:
        if self.process:
            with suppress(ProcessLookupError):
                self.process.kill()

    def wait_until_it_holds(self) -> None:
        while self.hold_at != self.pages:
            time.sleep(0.01)  # the server is another thread

    def put(self, state: TargetState, *order_ids: str) -> None:
        for order_id in order_ids:
            self.simulator.put_order(order_id, state)

    def ids(self) -> list[str]:
        """Return the orders that curie lists, oldest first."""
        shown = (
            each for each in self.simulator.world.orders if each.organisation == "demo" and each.stage != "intended"
        )
        return [order.id for order in sorted(shown, key=lambda order: order.created_at)]


def environment(database: Path, url: str, **more: str) -> Mapping[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("NOMOS_")}
    ours = {
        "NOMOS_MCP_DATABASE": str(database),
        "NOMOS_BASE_URL": url,
        "NOMOS_CLIENT_ID": DEMO.client_id,
        "NOMOS_CLIENT_SECRET": DEMO.client_secret,
    }
    return {**others, **ours, **more}


def started(database: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nomos_mcp", "watch", *(arguments or ("--once",))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(database, url),
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def watched(database: Path, upstream: Upstream) -> dict[str, Any]:
    """Make one run that succeeds, and return what it printed."""
    with served(upstream) as url:
        code, out, err = finished(started(database, url))
    assert (code, err) == (0, "")
    report: dict[str, Any] = json.loads(out)
    return report


def recorded(database: Path) -> list[Change]:
    async def read() -> list[Change]:
        history = History(str(database), real_clock)
        try:
            return await history.changes_after(0, limit=100_000)
        finally:
            await history.aclose()

    return asyncio.run(read())


def let_the_lease_run_out(database: Path) -> None:
    async def change() -> None:
        history = History(str(database), real_clock)
        async with history.database.writing() as connection:
            ago = datetime.now(UTC) - timedelta(minutes=1)
            await connection.execute(update(runs).where(runs.c.finished_at.is_(None)).values(heartbeat_at=ago))
        await history.aclose()

    asyncio.run(change())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_a_run_prints_one_line_of_json(database: Path) -> None:
    upstream = Upstream(28)
    report = watched(database, upstream)
    assert set(report) == {
        "started_at", "finished_at", "seconds", "requests", "orders_read", "changes", "by_kind", "untold",
        "without_topic", "resumed", "complete", "not_covered",
    }  # fmt: skip
    assert report["orders_read"] == len(upstream.ids())
    assert (report["complete"], report["resumed"], report["requests"], report["untold"]) == (True, False, 1, None)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_watching_tells_each_change_once(seed: int, database: Path) -> None:
    random, upstream = Random(seed), Upstream()  # noqa: S311  a schedule that repeats
    moved = random.sample(upstream.ids(), 45)
    upstream.put(PLACED, *moved)
    watched(database, upstream)
    known = len(recorded(database))
    killed = 0
    for batch in range(3):
        upstream.put(REVIEWED, *moved[15 * batch : 15 * batch + 15])
        upstream.pages = 0
        upstream.kill_at = random.randint(1, 5), random.uniform(0, 0.1)
        with served(upstream) as url:
            upstream.process = started(database, url)
            killed += finished(upstream.process)[0] == -signal.SIGKILL
        let_the_lease_run_out(database)
    upstream.kill_at = None
    watched(database, upstream)  # finishes the last run, which may have passed what moved since
    assert watched(database, upstream)["complete"]
    told = [(change.order_id, change.before, change.after) for change in recorded(database)[known:]]
    assert killed
    assert sorted(told) == sorted((order_id, "placed", "check_reviewed") for order_id in moved)


def test_a_run_goes_on_where_a_killed_one_stopped(database: Path) -> None:
    upstream = Upstream()
    upstream.kill_at = 3, 0.1
    with served(upstream) as url:
        upstream.process = started(database, url)
        assert finished(upstream.process)[0] == -signal.SIGKILL
    let_the_lease_run_out(database)
    upstream.kill_at, upstream.pages = None, 0
    report = watched(database, upstream)
    assert (report["resumed"], report["complete"], report["orders_read"]) == (True, True, len(upstream.ids()))
    assert upstream.pages <= 3


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("how", "code"), [(("--once",), 1), (("--every", "24h"), 0)])
def test_a_signal_ends_a_run_and_the_next_one_may_go_on_at_once(
    how: tuple[str, ...], code: int, database: Path
) -> None:
    upstream = Upstream()
    upstream.hold_at = 2
    with served(upstream) as url:
        process = started(database, url, *how)
        upstream.wait_until_it_holds()
        process.send_signal(signal.SIGTERM)
        assert finished(process) == (code, "", "")
        upstream.hold_at = None
        report = finished(started(database, url))[1]
    assert json.loads(report)["resumed"]


def test_a_second_watcher_says_so_and_ends(database: Path) -> None:
    upstream = Upstream()
    upstream.hold_at = 2
    with served(upstream) as url:
        first = started(database, url)
        upstream.wait_until_it_holds()
        code, out, err = finished(started(database, url))
        upstream.hold_at = None
        assert (code, out) == (1, "")
        assert "Another process is watching" in err
        assert json.loads(finished(first)[1])["complete"]


def test_a_run_without_nomos_fails_with_one_line_and_the_next_one_goes_on(database: Path) -> None:
    upstream = Upstream()
    upstream.simulator.faults.add(Fault(kind="status", path="/meter-orders", status=403, skip=2, count=1))
    with served(upstream) as url:
        code, out, err = finished(started(database, url))
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert "The next run goes on where this one stopped." in err
        report = json.loads(finished(started(database, url))[1])
    assert (report["resumed"], report["requests"]) == (True, 5)


MISTAKES = [
    ({"NOMOS_MCP_DATABASE": ""}, ["--once"], "NOMOS_MCP_DATABASE: not set"),
    ({"NOMOS_CLIENT_ID": "", "NOMOS_CLIENT_SECRET": ""}, ["--once"], "NOMOS_CLIENT_ID: not set"),
    ({"NOMOS_API_VERSION": "2025-12-16.batman"}, ["--once"], "has no meter orders to watch"),
    ({"NOMOS_CUSTOMER_ID": "cus_4fK2mQ8xW1nB7vC3zL6pR9tY"}, ["--once"], "NOMOS_CUSTOMER_ID: set"),
    ({}, ["--every", "soon"], "--every: 'soon' is no time span"),
    ({}, ["--once", "--demo"], "--demo: its data and history end with the process"),
]


@pytest.mark.parametrize(("change", "arguments", "words"), MISTAKES)
def test_a_mistake_is_wrong_usage(
    change: dict[str, str],
    arguments: list[str],
    words: str,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**environment(database, "http://127.0.0.1:9"), **change}.items():
        monkeypatch.setenv(name, value)
    assert main(["watch", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not database.exists()


def test_once_or_every_has_to_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["watch"])
    assert "--once --every" in capsys.readouterr().err


def test_a_terminal_shows_a_bar_and_words(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream = Upstream(28)
    watched(database, upstream)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with served(upstream) as url:
        for name, value in environment(database, url).items():
            monkeypatch.setenv(name, value)
        assert main(["watch", "--once"]) == 0
    shown = capsys.readouterr()
    assert "[##" in shown.err
    assert shown.out.startswith(f"{len(upstream.ids())} orders with ")


def test_a_database_that_cannot_be_opened_is_one_line(database: Path) -> None:
    database.write_text("no database, but long enough to be read as one " * 40, encoding="ascii")
    with served(Upstream(28)) as url:
        code, out, err = finished(started(database, url))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_run_that_could_not_read_an_order_says_so_and_is_done(database: Path) -> None:
    upstream = Upstream(28)
    upstream.simulator.faults.add(Fault(kind="wrong_type_body", path="/meter-orders", field="customer"))
    report = watched(database, upstream)
    assert not report["complete"]
    assert report["not_covered"] == f"{len(upstream.ids())} orders that could not be read"
