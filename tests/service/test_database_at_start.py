"""`nomos-mcp http` before PostgreSQL: what it refuses to start with, and what it goes on without."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import httpx
import pytest
from pydantic import SecretStr

from nomos_mcp.database import postgresql
from nomos_mcp.simulator import DEMO, Simulator
from tests.databases import new_database
from tests.pgbouncer import pgbouncer
from tests.postgresql_server import PASSWORD, PostgresqlServer
from tests.service.processes import Process, process
from tests.service.wire import call
from tests.serving import served

pytestmark = pytest.mark.slow


@pytest.fixture
def own_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that is not started yet."""
    server = PostgresqlServer.create()
    yield server
    with suppress(AssertionError):
        server.stop()
    server.remove()


@contextmanager
def service(database: str, *arguments: str, **environment: str) -> Iterator[Process]:
    with served(Simulator()) as upstream:
        known = {"NOMOS_BASE_URL": upstream, "NOMOS_ACCESS_TOKEN": DEMO.access_token, "NOMOS_MCP_DATABASE": database}
        with process(*arguments, **known, **environment) as server:
            yield server


def readiness(server: Process) -> tuple[int, Any]:
    answer = httpx.get(f"{server.url}/readyz")
    return answer.status_code, answer.json()


def until_ready(server: Process, said: dict[str, object]) -> None:
    deadline = time.monotonic() + 60
    while (found := readiness(server)) != (200, said):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)  # nothing tells it


def test_it_starts_before_postgresql_itself(postgresql_url: str) -> None:
    with new_database(postgresql_url) as url, service(url) as server:
        until_ready(server, {"ready": True, "database": "ok"})
        assert server.end() == 0
        assert "PostgreSQL" not in server.said


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_it_does_not_start_before_a_pooler(postgresql_url: str, mode: Literal["transaction", "session"]) -> None:
    with new_database(postgresql_url) as url, pgbouncer(url, mode) as pooled:
        for _ in range(2):  # what one left in the pool must not hide the pooler from the next
            with service(pooled) as server:
                assert server.url == ""
                assert server.end() == 2
                assert "connection pooler such as PgBouncer" in server.said
                assert "name PostgreSQL itself" in server.said
                assert PASSWORD not in server.said
                assert "Traceback" not in server.said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_starts_without_a_database_that_is_away_and_finds_it(own_server: PostgresqlServer, workers: str) -> None:
    away = {"ready": True, "database": "away", "ordering": False}
    with service(own_server.url, "--workers", workers, NOMOS_MCP_STATE_KEY="k" * 32) as server:
        assert "The database does not answer" in server.said
        assert readiness(server) == (200, away)
        assert call(server.url).status_code == 200
        own_server.start()
        until_ready(server, {"ready": True, "database": "ok"})
        own_server.stop()
        until_ready(server, away)
        assert call(server.url).status_code == 200
        own_server.start()
        until_ready(server, {"ready": True, "database": "ok"})
        server.end()
        assert PASSWORD not in server.said
        assert "Traceback" not in server.said
        assert 2 <= server.said.count("PostgreSQL is away") <= 2 * int(workers)
        assert 2 <= server.said.count("PostgreSQL answers again") <= 2 * int(workers)


def test_readiness_opens_no_connection(postgresql_url: str) -> None:
    # Metrics look into the database by a connection of the pool.
    with new_database(postgresql_url) as url, service(url, OTEL_SDK_DISABLED="true") as server:
        until_ready(server, {"ready": True, "database": "ok"})
        open_before = connections(url)
        for _ in range(50):
            assert readiness(server)[0] == 200
        assert connections(url) <= open_before


def connections(url: str) -> set[int]:
    """Return the numbers of the processes of PostgreSQL that serve others in a database."""

    async def asked() -> set[int]:
        connection = await postgresql.connect(SecretStr(url))
        try:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            return {row["pid"] for row in await connection.fetch(query)}
        finally:
            await connection.close()

    return asyncio.run(asked())


def test_the_doctor_knows_a_pooler(postgresql_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    from nomos_mcp.cli import main  # noqa: PLC0415  beside its only use

    with (
        new_database(postgresql_url) as url,
        pgbouncer(url, "transaction") as pooled,
        served(Simulator()) as upstream,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("NOMOS_BASE_URL", upstream)
        patch.setenv("NOMOS_ACCESS_TOKEN", DEMO.access_token)
        patch.setenv("NOMOS_MCP_DATABASE", pooled)
        assert main(["doctor", "--json"]) == 2
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}["database"]
    assert found["state"] == "failed"
    assert "connection pooler such as PgBouncer" in found["found"]
    assert "ame PostgreSQL itself" in found["cure"]
