"""Fixtures: an empty database of each kind, and a history in it.

`NOMOS_TEST_POSTGRESQL` names a PostgreSQL server whose user may create databases. Without it one is started, if it is
installed, for all workers of the tests.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from tests.postgresql_server import PostgresqlServer

if TYPE_CHECKING:  # loads SQLAlchemy, which most tests need not wait for
    from nomos_mcp.history.store import History

ENGINES: Final = ("sqlite", "postgresql")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> datetime:
        """Let time pass, as `timedelta` takes it; return what time it is then."""
        self.now += timedelta(**time)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 6, 15, 10, 0, tzinfo=UTC))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Which kind of database a test runs on. Parametrise it to run on one only."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of the test's own, as `NOMOS_MCP_DATABASE` names it."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
        return
    with new_database(request.getfixturevalue("postgresql_url")) as url:
        yield url


@pytest.fixture
async def history(database_url: str, clock: Clock) -> "AsyncIterator[History]":
    from nomos_mcp.history.store import History  # noqa: PLC0415  as above

    history = History(database_url, clock)
    yield history
    await history.aclose()


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: one for all workers, which the last of them stops."""
    if url := os.environ.get("NOMOS_TEST_POSTGRESQL"):
        yield url
        return
    base = tmp_path_factory.getbasetemp()
    note = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "postgresql"
    me = str(os.getpid())
    with _shared(note) as users:
        if not users:
            server = PostgresqlServer.create()
            server.start()
            users += [str(server.folder), str(server.port)]
        server = PostgresqlServer(Path(users[0]), int(users[1]))
        server.use()
        users.append(me)
    yield server.url
    with _shared(note) as users:
        users.remove(me)
        if len(users) == 2:  # its folder and port: nobody uses it any more
            users.clear()
            server.stop()
            server.remove()


@contextmanager
def _shared(path: Path) -> Iterator[list[str]]:
    """Hand out the lines of a file, which no other process reads or writes meanwhile, and keep what becomes of them."""
    import fcntl  # noqa: PLC0415  not on Windows

    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        yield lines
        file.truncate(0)
        file.write("\n".join(lines))


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Create a database on a PostgreSQL server, and drop it at the end, whoever is still connected."""
    name = f"test_{secrets.token_hex(8)}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(server: str, statement: str) -> None:
    async def execute() -> None:
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415  it ships no types, and is slow to load

        connection = await asyncpg.connect(server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # in this one a loop may be running
        thread.submit(asyncio.run, execute()).result()
