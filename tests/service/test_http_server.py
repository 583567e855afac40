"""`nomos-mcp http` as a process: what it refuses to start with, how it starts and ends, and its worker processes."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomos_mcp.cli import main
from nomos_mcp.service import http_server
from nomos_mcp.service.http_server import run_workers
from tests.service.misbehaving_workers import dying, stubborn
from tests.service.processes import process, wait_until_closed
from tests.service.wire import call

KEY = "k" * 32


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Lend a socket, and put back the handlers of signals afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with socket.create_server(("127.0.0.1", 0)) as lent:
        yield lent
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_one_that_dies_as_it_starts_ends_them_all(listener: socket.socket) -> None:
    assert not run_workers(dying, listener, 2, list)


def test_one_that_does_not_end_is_killed(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "STOP_WITHIN", 0)
    monkeypatch.setattr(http_server, "_GRACE", 0.2)
    assert run_workers(stubborn, listener, 1, list)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes in /proc")
def test_one_that_died_is_replaced_and_all_end_together() -> None:
    with process("--workers", "2", NOMOS_MCP_STATE_KEY=KEY) as server:
        first, second = server.workers()
        assert call(server.url).status_code == 200
        os.kill(first, signal.SIGKILL)
        server.wait_for("replacing it")
        assert call(server.url).status_code == 200
        assert second in server.workers()
        assert server.end() == 0
        wait_until_closed(server.port)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_they_do_not_outlive_a_parent_that_was_killed() -> None:
    with process("--workers", "2", NOMOS_MCP_STATE_KEY=KEY) as server:
        assert call(server.url).status_code == 200
        os.kill(server.pid, signal.SIGKILL)
        wait_until_closed(server.port)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--host", "0.0.0.0"], {}, "--host 0.0.0.0: other machines could call"),  # noqa: S104  refused
        (["--host", "::", "--demo"], {}, "--host ::: other machines could call"),
        (["--workers", "2"], {}, "NOMOS_MCP_STATE_KEY: not set, and several processes have to share it"),
        (["--workers", "2", "--demo"], {"NOMOS_MCP_STATE_KEY": KEY}, "--workers: the invented data"),
        (["--workers", "0"], {}, "--workers: 0 processes cannot serve"),
        (["--port", "70000"], {}, "--port: 70000 is not a port"),
        ([], {"NOMOS_MCP_AUTH_ISSUER": "https://id.example"}, "NOMOS_MCP_AUTH_JWKS_URL: not set"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    arguments: list[str],
    environment: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["http", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_file_of_tokens_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text("[]")
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tokens))
    assert main(["http"]) == 2
    assert "NOMOS_MCP_TOKENS_FILE: " in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_clear_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["http", "--demo", "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot listen on 127.0.0.1 port" in capsys.readouterr().err


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_at_a_signal_with_exit_code_zero(with_signal: signal.Signals) -> None:
    with process("--demo") as server:
        assert call(server.url).status_code == 200
        assert server.end(with_signal) == 0
    assert "Traceback" not in server.said


def test_without_credentials_it_says_so_and_still_serves() -> None:
    with process() as server:
        assert "no Nomos credentials are set" in server.said
        assert call(server.url).status_code == 200
