"""Real processes that share one PostgreSQL and one upstream, which notes when each request arrives."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from nomos_mcp.simulator import DEMO, Simulator
from tests.client.test_rate_limiter import most_in_a_second
from tests.postgresql_server import PostgresqlServer
from tests.service.running import running

pytestmark = pytest.mark.slow

REPLICAS = 3


class Upstream:
    """The simulator, with a note of each request that arrives."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._arrived = threading.Condition()
        self._simulator = Simulator()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            with self._arrived:
                self.arrivals.append(time.monotonic())
                self._arrived.notify_all()
        await self._simulator(scope, receive, send)

    def wait_for(self, count: int) -> None:
        """Wait until so many more requests have arrived."""
        with self._arrived:
            until = len(self.arrivals) + count
            assert self._arrived.wait_for(lambda: len(self.arrivals) >= until, timeout=120)


@contextmanager
def senders(database: str) -> Iterator[tuple[Upstream, Callable[[], "subprocess.Popen[bytes]"]]]:
    """Run processes that send all they can; what starts another one is handed out."""
    upstream = Upstream()
    started: list[subprocess.Popen[bytes]] = []
    with running(app=upstream) as server, ExitStack() as stack:
        environment = {
            **os.environ,
            "NOMOS_BASE_URL": server.url,
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_MCP_DATABASE": database,
            "NOMOS_MCP_REPLICAS": str(REPLICAS),
        }

        def start() -> "subprocess.Popen[bytes]":
            process = subprocess.Popen([sys.executable, "-m", "tests.replicas.sending_process", "20"], env=environment)
            started.append(process)
            return process

        @stack.callback
        def end() -> None:
            for process in started:
                process.kill()
                process.wait()

        for _ in range(REPLICAS):
            start()
        upstream.wait_for(30)
        yield upstream, start


@pytest.mark.parametrize("engine", ["postgresql"])
def test_processes_that_are_killed_and_replaced_never_make_an_eleventh_request_in_a_second(database_url: str) -> None:
    with senders(database_url) as (upstream, start):
        victim = start()
        for _ in range(3):
            upstream.wait_for(25)
            victim.kill()
            victim = start()
        upstream.wait_for(50)
    assert most_in_a_second(upstream.arrivals) <= 10


def test_reads_go_on_without_the_database_and_never_become_more_than_ten_a_second() -> None:
    database = PostgresqlServer.create()
    database.start()
    try:
        with senders(database.url) as (upstream, _):
            for _ in range(2):
                database.stop()
                upstream.wait_for(40)
                database.start()
                upstream.wait_for(80)
    finally:
        database.stop()
        database.remove()
    assert most_in_a_second(upstream.arrivals) <= 10
