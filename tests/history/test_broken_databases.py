"""Databases that fail: what is said holds what to do and no secret, and they are not asked again and again."""

import sqlite3
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from sqlalchemy import event

from nomos_mcp.database.database import Database, DatabaseError
from nomos_mcp.history.store import History
from tests.databases import Clock, execute
from tests.history.looks import look
from tests.postgresql_server import PASSWORD, PostgresqlServer

pytestmark = pytest.mark.slow


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock by which a database that failed is left alone."""
    time = [1000.0]
    monkeypatch.setattr("nomos_mcp.database.database.time", SimpleNamespace(monotonic=lambda: time[0]))
    return time


@pytest.fixture(autouse=True)
async def _no_thread_outlives_its_loop() -> AsyncIterator[None]:
    """Wait for the threads of connections that could not be opened: the driver does not."""
    before = set(threading.enumerate())
    yield
    for thread in {each for each in threading.enumerate() if "_connection_worker" in each.name} - before:
        await anyio.to_thread.run_sync(thread.join, 5)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.database.database.BUSY", 1.0)


async def failure(history: History, work: Callable[[], Any] | None = None) -> str:
    """What is said when it fails to record something, or to do this."""
    with pytest.raises(DatabaseError) as caught:
        await (work() if work else history.record([look(Clock(history.now()))]))
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in shown
    assert "sqlalchemy.exc" not in shown
    assert "nomos-postgresql" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def recorded(file: Path, clock: Clock) -> None:
    """A file with an order in it."""
    history = History(str(file), clock)
    await history.record(look(clock, order_id=f"prdo_{number}") for number in range(500))
    await history.aclose()


async def test_a_file_in_a_folder_that_does_not_exist(tmp_path: Path, clock: Clock) -> None:
    assert "see that its folder exists" in await failure(History(str(tmp_path / "none" / "history.db"), clock))


async def test_a_file_that_is_no_database(file: Path, clock: Clock) -> None:
    await anyio.Path(file).write_text("This is a text. " * 1000)
    assert "is no SQLite database" in await failure(History(str(file), clock))


@pytest.mark.usefixtures("recorded")
async def test_a_damaged_file(file: Path, clock: Clock) -> None:
    content = bytearray(await anyio.Path(file).read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    await anyio.Path(file).write_bytes(content)
    assert "is damaged" in await failure(History(str(file), clock))


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("version", ["9998", "9999_since_9998", "ffff"])
async def test_tables_of_a_newer_release(version: str, file: Path, clock: Clock) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
    connection.close()
    assert await failure(History(str(file), clock)) == (
        "A newer release made the database: update nomos-mcp, or name another one in NOMOS_MCP_DATABASE."
    )


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("limit", "said"), [("max_page_count=1", "is full: free some space"), ("query_only=1", "may only be read")]
)
async def test_what_cannot_be_written_can_still_be_read(limit: str, said: str, file: Path, clock: Clock) -> None:
    history = History(str(file), clock)
    await history.last_number()
    assert history.database._engine
    await history.database._engine.dispose()
    event.listen(
        history.database._engine.sync_engine, "connect", lambda opened, _: opened.execute(f"PRAGMA {limit}").close()
    )
    looks = [look(clock, order_id=f"prdo_new_{number}") for number in range(500)]
    assert said in await failure(history, lambda: history.record(looks))
    assert len(await history.looks("prdo_1")) == 1
    assert said in await failure(history)
    assert [each async for each in history.exported()][-1].order_id == "prdo_499"
    await history.aclose()


@pytest.mark.usefixtures("recorded")
async def test_a_file_that_another_program_locks(file: Path, clock: Clock) -> None:
    history, other = History(str(file), clock), sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "is locked by another program" in await failure(history)
    assert len(await history.looks("prdo_1")) == 1
    other.close()
    await history.aclose()


async def test_nobody_has_to_wait_until_another_program_lets_the_tables_be_made(file: Path, clock: Clock) -> None:
    history, other = History(str(file), clock), sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    gave_up = []

    async def read() -> None:
        with anyio.move_on_after(0.4) as scope:
            await history.last_number()
        gave_up.append(scope.cancelled_caught)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(read)
    assert gave_up == [True] * 3
    other.close()
    assert await history.record([look(clock)])
    await history.aclose()


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_database_that_failed_is_asked_again_after_five_seconds(
    history: History, file: Path, clock: Clock, monotonic: list[float]
) -> None:
    await anyio.Path(file).mkdir()
    said = await failure(history)
    await anyio.Path(file).rmdir()
    monotonic[0] += 4.9
    assert await failure(history) == said
    monotonic[0] += 0.2
    assert await history.record([look(clock)])
    assert await history.last_number() == 1


@pytest.mark.parametrize("engine", ["postgresql"])  # SQLite bounds each wait itself
async def test_who_stops_waiting_for_the_database_spares_the_next_the_wait(
    history: History, monotonic: list[float]
) -> None:
    await history.last_number()

    async def wait_two_seconds() -> None:
        with anyio.CancelScope() as scope:
            async with history.database.reading():
                monotonic[0] += 2
                scope.cancel()
                await anyio.lowlevel.checkpoint()

    await wait_two_seconds()
    assert await failure(history, history.last_number) == "The database did not answer in time."
    monotonic[0] += 5.1
    assert await history.last_number() == 0


async def test_a_writer_waits_for_another_one_of_its_process_for_a_while_only(history: History) -> None:
    started, finished = anyio.Event(), anyio.Event()

    async def write() -> None:
        async with history.database.writing():
            started.set()
            await finished.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await started.wait()
        assert "is busy" in await failure(history)
        finished.set()
    assert await history.last_number() == 0


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that a test may stop."""
    server = PostgresqlServer.create()
    yield server
    server.remove()


async def test_a_server_that_is_stopped_in_mid_flight_is_found_again(
    own_server: PostgresqlServer, clock: Clock, monotonic: list[float]
) -> None:
    history = History(own_server.url, clock)
    assert "does not answer" in await failure(history)
    own_server.start()
    monotonic[0] += 6
    await history.record([look(clock)])
    async with anyio.create_task_group() as tasks:
        for _ in range(5):  # as many connections as there are
            tasks.start_soon(history.last_number)
    own_server.stop()
    assert "does not answer" in await failure(history)
    assert "does not answer" in await failure(history, history.last_number)
    own_server.start()
    monotonic[0] += 6
    try:
        assert await history.last_number() == 1
        assert await history.record([look(clock, order_id="prdo_2")])
        await history.aclose()
    finally:
        own_server.stop()


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "may only be read"),
        ("ALTER DATABASE {name} CONNECTION LIMIT 0", "accepts no more connections"),
        ("REVOKE CREATE ON SCHEMA public FROM public", "grant them"),
        ("CREATE TABLE order_attempts (somebody_elses integer)", "are not its own"),
        ("ALTER DATABASE {name} SET lc_messages = 'C'", ""),
    ],
    ids=["read-only", "connections", "rights", "tables", "well"],
)
async def test_a_postgresql_database_that_refuses(statement: str, said: str, database_url: str, clock: Clock) -> None:
    name = database_url.rpartition("/")[2]
    user = f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE {name} OWNER TO postgres;"
    await anyio.to_thread.run_sync(execute, database_url, user + "GRANT CREATE ON SCHEMA public TO public")
    await anyio.to_thread.run_sync(execute, database_url, statement.format(name=name))
    history = History(database_url.replace("//postgres:", f"//{name}:"), clock)
    try:
        if said:
            assert said in await failure(history)
        else:
            assert await history.record([look(clock)])
    finally:
        await history.aclose()
        await anyio.to_thread.run_sync(
            execute, database_url.replace(name, "postgres"), f"REASSIGN OWNED BY {name} TO postgres"
        )


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize(
    ("replace", "said"),
    [
        (PASSWORD, "refuses the user or the password"),
        ("//postgres:", "refuses the user or the password"),
        ("/test_", "does not exist: create it"),
    ],
)
async def test_a_wrong_postgresql_url(replace: str, said: str, database_url: str, clock: Clock) -> None:
    assert said in await failure(
        History(database_url.replace(replace, f"{replace[:2]}wrong:"[: len(replace) + 3]), clock)
    )


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_an_option_that_postgresql_does_not_know(database_url: str, clock: Clock) -> None:
    assert "is no URL that PostgreSQL understands" in await failure(History(f"{database_url}?sslmode=perhaps", clock))


async def test_a_port_that_postgresql_cannot_have(clock: Clock) -> None:
    pytest.importorskip("asyncpg")
    assert "names a port that cannot be" in await failure(History("postgresql://me@127.0.0.1:99999/nomos", clock))


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_options_of_postgresqls_own_programs_are_understood(database_url: str, clock: Clock) -> None:
    history = History(f"{database_url}?sslmode=disable&application_name=nomos", clock)
    assert await history.record([look(clock)])
    await history.aclose()


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_another_process_that_writes_for_too_long(history: History, database_url: str) -> None:
    await history.last_number()
    other = Database(database_url)
    async with other.writing():
        assert "is locked by another program" in await failure(history)
    await other.aclose()


async def test_a_driver_that_is_not_installed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    said = await failure(History(f"postgresql://me:{PASSWORD}@127.0.0.1:1/nomos", clock))
    assert "install nomos-mcp[postgresql]" in said
