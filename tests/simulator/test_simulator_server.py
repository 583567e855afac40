"""The simulator on a port: the command, its output, its end, and what needs a socket."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from nomos_mcp.cli import main
from nomos_mcp.simulator import DEMO, Fault, Simulator
from nomos_mcp.simulator.simulator_server import bound, served

HEADERS = {"Authorization": f"Bearer {DEMO.access_token}"}
ORDER = {"subscription": DEMO.subscriptions["can_order"]}

pytest_plugins = ["nomos_mcp.simulator.testing"]


@contextmanager
def command(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """Start the command on a free port; yield it with its URL and its start lines, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nomos_mcp", "simulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        start = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
        found = re.search(r"http://127\.0\.0\.1:\d+", start)
        assert found is not None
        yield process, found[0], start
    finally:
        process.kill()
        process.communicate()


def test_the_start_prints_the_warning_the_address_and_the_credentials() -> None:
    with command() as (process, url, start):
        assert httpx.get(f"{url}/meter-orders", headers=HEADERS, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "demo_client demo_secret" in start
    assert DEMO.access_token in start
    assert f"{url}/_simulator/" in start


def test_the_first_line_carries_the_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.simulator.simulator_server.serve", lambda _, listener: listener.close())
    assert main(["simulator", "--port", "0", "--now", "2026-06-15T10:00:00"]) == 0
    assert "ALL DATA IS INVENTED" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_it_at_once_and_cleanly_even_with_a_connection_open() -> None:
    with command() as (process, url, _), httpx.Client(base_url=url, trust_env=False) as client:
        client.get("/health")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")


def test_a_rate_limit_can_be_asked_for() -> None:
    with command("--rate-limit", "1000000") as (_, url, _):
        answer = httpx.get(f"{url}/meter-orders", headers=HEADERS, trust_env=False)
    assert answer.headers["ratelimit-limit"] == "1000000"


def test_seed_orders_version_and_time_reach_the_simulator() -> None:
    options = ("--seed", "3", "--orders", "100", "--api-version", "2026-01-29.edison", "--now", "2026-06-15T10:00:00Z")
    with command(*options) as (_, url, _):
        state = httpx.get(f"{url}/_simulator/", trust_env=False).json()
        listed = httpx.get(f"{url}/meter-orders", headers=HEADERS, trust_env=False)
    assert (state["seed"], state["now"]) == (3, "2026-06-15T10:00:00Z")
    assert sum(state["orders"].values()) > 100
    assert listed.headers["x-api-version"] == "2026-01-29.edison"


def test_a_port_in_use_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(0) as taken:
        port = taken.getsockname()[1]
        assert main(["simulator", "--port", str(port)]) == 1
    assert f"port {port} on 127.0.0.1 cannot be used: it is in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "65536"),
        ("--orders", "-1"),
        ("--rate-limit", "0"),
        ("--api-version", "curie"),
        ("--days-per-second", "0"),
        ("--now", "yesterday"),
        ("--port", "http"),
        ("--days-per-second", "fast"),
    ],
)
def test_a_wrong_option_is_named_with_what_it_may_be(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["simulator", option, value])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert f"argument {option}: " in error
    assert any(word in error for word in ("use ", "choose from", "write it like"))


@pytest.mark.parametrize(
    ("time", "said"),
    [("yesterday", "write it like 2026-"), ("9999-12-31T00:00:00Z", "from 1970 to 2999"), ("0001-01-01", "from 1970")],
)
def test_a_time_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], time: str, said: str) -> None:
    with pytest.raises(SystemExit):
        main(["simulator", "--now", time])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("after_commit", "ordered"), [(False, 0), (True, 1)])
def test_over_a_socket_a_reset_is_a_reset(*, after_commit: bool, ordered: int) -> None:
    simulator = Simulator()
    simulator.faults.add(Fault(kind="reset", after_commit=after_commit, count=1))
    with served(simulator) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        with pytest.raises(httpx.ReadError, match="reset by peer"):
            client.post("/meter-orders", json=ORDER)
        assert client.get("/health").status_code == 200
    assert len(simulator.ledger) == ordered


def test_a_read_can_be_reset_after_it_was_carried_out() -> None:
    simulator = Simulator()
    simulator.faults.add(Fault(kind="reset", after_commit=True))
    with served(simulator) as url, pytest.raises(httpx.ReadError, match="reset by peer"):
        httpx.get(f"{url}/health", trust_env=False)


def test_integrators_get_a_fresh_simulator_in_each_test(nomos_simulator: Simulator, nomos_simulator_url: str) -> None:
    with httpx.Client(base_url=nomos_simulator_url, headers=HEADERS, trust_env=False) as client:
        assert client.post("/meter-orders", json=ORDER).status_code == 200
    assert len(nomos_simulator.ledger) == 1


def test_importing_the_simulator_loads_neither_server_nor_http_client_nor_webhooks() -> None:
    script = (
        "import sys, nomos_mcp.simulator as s; s.Simulator(); "
        "print(sorted({'httpx', 'uvicorn', 'pytest', 'nomos_mcp.simulator.webhooks'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_start_that_takes_long_says_what_it_is_doing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.simulator.simulator_server.serve", lambda _, listener: listener.close())
    monkeypatch.setattr("nomos_mcp.commands.simulator._MANY", 10)
    assert main(["simulator", "--port", "0", "--orders", "11"]) == 0
    assert "inventing 11 orders" in capsys.readouterr().err
