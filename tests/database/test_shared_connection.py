"""The one connection of a process beside its pool: what becomes of it, and what it says, when PostgreSQL is away."""

import asyncio
import signal
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from urllib.parse import urlsplit

import anyio
import pytest
import trio
from pydantic import SecretStr

from nomos_mcp.database import postgresql
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.database.postgresql import SharedConnection
from nomos_mcp.server.server_factory import shared_connection_of
from nomos_mcp.settings import Settings
from tests.databases import execute
from tests.postgresql_server import PASSWORD, PostgresqlServer

pytestmark = pytest.mark.slow

CHANNEL = "news"


async def nothing_to_open() -> None:
    pass


def connection_to(url: str, timeout: float = 10.0) -> SharedConnection:
    return SharedConnection(SecretStr(url), nothing_to_open, timeout)


@pytest.fixture
async def shared(postgresql_url: str) -> AsyncIterator[SharedConnection]:
    shared = connection_to(postgresql_url)
    yield shared
    await shared.aclose()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that a test may stop."""
    server = PostgresqlServer.create()
    server.start()
    yield server
    with suppress(AssertionError):
        server.stop()
    server.remove()


async def failure(shared: SharedConnection, statement: str = "SELECT 1", *values: object) -> str:
    with pytest.raises(DatabaseError) as caught:
        await shared.fetch(statement, *values)
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in shown
    assert "asyncpg" not in str(caught.value)
    return str(caught.value)


async def backend(shared: SharedConnection) -> int:
    number: int = (await shared.fetch("SELECT pg_backend_pid() AS number"))[0]["number"]
    return number


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110  as below
            await anyio.sleep(0.02)  # what is waited for tells nobody


@asynccontextmanager
async def kept(shared: SharedConnection) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(shared.keep)
        yield
        tasks.cancel_scope.cancel()


async def test_many_callers_at_once_share_one_connection(shared: SharedConnection) -> None:
    found = await asyncio.gather(*(shared.fetch("SELECT $1::int AS n, pg_backend_pid() AS of", n) for n in range(200)))
    assert [rows[0]["n"] for rows in found] == list(range(200))
    assert len({rows[0]["of"] for rows in found}) == 1


async def test_a_statement_that_takes_too_long_fails_and_the_next_one_has_another_connection(
    postgresql_url: str,
) -> None:
    shared = connection_to(postgresql_url, timeout=1.0)
    first = await backend(shared)
    assert "does not answer" in await failure(shared, "SELECT pg_sleep(60)")
    assert not shared.is_connected
    assert await backend(shared) != first
    await shared.aclose()


async def test_a_statement_that_was_given_up_does_not_wait_on_in_postgresql(
    shared: SharedConnection, postgresql_url: str
) -> None:
    impatient = connection_to(postgresql_url, timeout=1.0)
    number = await backend(impatient)
    await shared.fetch("SELECT pg_advisory_lock(4711)")
    assert "does not answer" in await failure(impatient, "SELECT pg_advisory_xact_lock(4711)")
    with anyio.fail_after(60):
        while await shared.fetch("SELECT 1 FROM pg_stat_activity WHERE pid = $1", number):
            pass
    await impatient.aclose()


async def test_those_who_wait_in_vain_for_their_turn_do_not_end_the_connection_of_others(postgresql_url: str) -> None:
    shared = connection_to(postgresql_url)
    first = await backend(shared)
    async with shared._turn:
        shared._timeout = 0.05
        assert "does not answer" in await failure(shared)
    shared._timeout = 10.0
    assert await backend(shared) == first
    await shared.aclose()


async def test_whoever_is_cancelled_in_mid_statement_ends_the_connection_and_no_more(
    shared: SharedConnection, postgresql_url: str
) -> None:
    first = await backend(shared)
    sleeping = asyncio.create_task(shared.fetch("SELECT pg_sleep(60)"))
    waiting = asyncio.create_task(backend(shared))
    other = connection_to(postgresql_url)
    while not await other.fetch("SELECT 1 FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND pid = $1", first):
        pass
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert await waiting != first
    await other.aclose()


async def test_a_statement_that_fails_says_why_without_the_drivers_words(shared: SharedConnection) -> None:
    assert "restart nomos-mcp" in await failure(shared, "SELECT * FROM tables_of_nobody")
    assert await failure(shared, "SELECT 'secret'::int") == await failure(shared, "no SQL")
    assert await backend(shared)


@pytest.mark.parametrize(
    ("replace", "by", "said"),
    [
        (PASSWORD, "wrong", "refuses the user or the password"),
        ("/postgres", "/nowhere", "does not exist: create it"),
        ("127.0.0.1:", "127.0.0.1:9", "names a port that cannot be"),
    ],
)
async def test_a_wrong_url(replace: str, by: str, said: str, postgresql_url: str) -> None:
    head, found, tail = postgresql_url.rpartition(replace)
    assert found
    shared = connection_to(f"{head}{by}{tail}")
    assert said in await failure(shared)
    assert said in await failure(shared), "it says the same while it is not asked again"
    await shared.aclose()


async def test_what_keeps_the_tables_from_being_made_is_said(postgresql_url: str) -> None:
    async def opened() -> None:
        raise DatabaseError("The tables are of wood.")

    shared = SharedConnection(SecretStr(postgresql_url), opened)
    assert await failure(shared) == "The tables are of wood."


async def test_tables_are_made_in_peace_although_a_statement_does_not_wait_for_them(postgresql_url: str) -> None:
    made, calls = anyio.Event(), []

    async def opened() -> None:
        calls.append(1)
        await made.wait()

    shared = SharedConnection(SecretStr(postgresql_url), opened, timeout=0.1)
    for _ in range(3):
        assert "does not answer" in await failure(shared)
    made.set()
    shared._timeout = 10.0
    first = await backend(shared)
    shared._drop(shared._connection)
    assert await backend(shared) != first
    assert len(calls) == 1
    await shared.aclose()


def test_under_trio_it_refuses_to_work_and_says_why(postgresql_url: str) -> None:
    async def use() -> str:
        shared = connection_to(postgresql_url)
        with trio.move_on_after(0.1):
            await shared.keep()
        return await failure(shared)

    assert "under asyncio only" in trio.run(use)


async def test_a_server_that_restarts_is_found_again(
    own_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_RETRIED_AFTER", 0.1)
    shared = connection_to(own_server.url)
    heard: list[str | None] = []
    shared.listen(CHANNEL, heard.append)
    async with kept(shared):
        await until(lambda: heard == [None])
        await anyio.to_thread.run_sync(own_server.stop)
        await until(lambda: not shared.is_connected)
        assert await failure(shared)
        await anyio.to_thread.run_sync(own_server.start)
        await until(lambda: heard == [None, None])
        await anyio.to_thread.run_sync(execute, own_server.url, f"NOTIFY {CHANNEL}, 'again'")
        await until(lambda: heard[2:] == ["again"])
    await shared.aclose()


async def test_a_server_that_hangs_is_noticed_although_nobody_asks_it(
    own_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_CHECKED_EVERY", 0.1)
    monkeypatch.setattr(postgresql, "_RETRIED_AFTER", 0.1)
    shared = connection_to(own_server.url, timeout=1.0)
    async with kept(shared):
        await until(lambda: shared.is_connected)
        hanging = await backend(shared)
        own_server.send_signal(hanging, signal.SIGSTOP)
        try:
            await until(lambda: not shared.is_connected)
            await until(lambda: shared.is_connected)
            assert await backend(shared) != hanging
        finally:
            own_server.send_signal(hanging, signal.SIGCONT)
    await shared.aclose()


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_a_database_that_may_only_be_read_is_as_good_as_away(
    database_url: str, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_RETRIED_AFTER", 0.1)
    shared = shared_connection_of(Settings(database=SecretStr(database_url)))
    assert shared
    name = urlsplit(database_url).path[1:]

    async def change(read_only: str) -> None:
        await shared.fetch("SELECT 1")
        number = await backend(shared)
        ended = f"SELECT pg_terminate_backend({number})"
        for statement in (f"ALTER DATABASE {name} SET default_transaction_read_only = {read_only}", ended):
            await anyio.to_thread.run_sync(execute, postgresql_url, statement)

    async with kept(shared):
        await until(lambda: shared.is_well)
        await change("on")
        await until(lambda: not shared.is_connected)
        await until(lambda: shared.is_connected)
        assert not shared.is_well
        await change("off")
        await until(lambda: shared.is_well)
    await shared.aclose()


async def test_notifications_are_heard_on_each_new_connection(shared: SharedConnection, postgresql_url: str) -> None:
    heard: list[str | None] = []
    shared.listen(CHANNEL, heard.append)
    async with kept(shared):
        for word in ("one", "two"):
            await until(lambda: heard[-1:] == [None])
            await anyio.to_thread.run_sync(execute, postgresql_url, f"NOTIFY {CHANNEL}, '{word}'")
            await until(lambda word=word: heard[-1] == word)  # type: ignore[misc]
            number = await backend(shared)
            await anyio.to_thread.run_sync(execute, postgresql_url, f"SELECT pg_terminate_backend({number})")
        await until(lambda: heard == [None, "one", None, "two", None])


async def test_it_connects_again_after_it_was_closed(shared: SharedConnection) -> None:
    first = await backend(shared)
    await shared.aclose()
    assert not shared.is_connected
    assert await backend(shared) != first


async def test_closing_ends_what_is_connecting(postgresql_url: str) -> None:
    began = anyio.Event()

    async def opened() -> None:
        began.set()
        await anyio.sleep_forever()

    shared = SharedConnection(SecretStr(postgresql_url), opened, timeout=30.0)
    fetching = asyncio.create_task(failure(shared))
    await began.wait()
    await shared.aclose()
    assert "closed" in await fetching


async def test_while_the_server_is_away_it_is_looked_for_once_in_a_while_only(
    own_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_RETRIED_AFTER", 0.2)
    shared = connection_to(own_server.url)
    looked: list[float] = []
    fetch = shared.fetch

    async def counted(statement: str) -> object:
        looked.append(time.monotonic())
        return await fetch(statement)

    async with kept(shared):
        await until(lambda: shared.is_connected)
        monkeypatch.setattr(shared, "fetch", counted)
        await anyio.to_thread.run_sync(own_server.stop)
        await until(lambda: len(looked) >= 5)
    await anyio.to_thread.run_sync(own_server.start)
    await shared.aclose()
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(looked[1:]))
