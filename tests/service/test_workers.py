"""Several processes behind one socket, and what becomes of those that misbehave."""

import os
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from nomos_mcp.service import workers
from nomos_mcp.service.workers import run_workers
from tests.service.processes import process, wait_until_closed
from tests.service.stubborn import dying, stubborn
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
    monkeypatch.setattr(workers, "STOP_WITHIN", 0)
    monkeypatch.setattr(workers, "_GRACE", 0.2)
    assert run_workers(stubborn, listener, 1, list)


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


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_they_do_not_outlive_a_parent_that_was_killed() -> None:
    with process("--workers", "2", NOMOS_MCP_STATE_KEY=KEY) as server:
        assert call(server.url).status_code == 200
        os.kill(server.pid, signal.SIGKILL)
        wait_until_closed(server.port)
