"""The database of the history: opening, migrations, transactions of several tasks and processes."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

from nomos_mcp.database.database import IN_MEMORY, Database, DatabaseError, database_url
from nomos_mcp.database.revisions import REVISION
from nomos_mcp.database.tables import events, metadata
from nomos_mcp.history.store import History
from tests.databases import Clock
from tests.history.looks import look

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


def event(number: int, **said: object) -> dict[str, object]:
    return {"event_id": f"evt_{number}", "topic": "t", "received_at": NOW, "attempts": 0, **said}


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return len((await connection.execute(select(events.c.event_id))).all())


@pytest.mark.parametrize(
    ("value", "driver", "path"),
    [
        ("history.db", "sqlite", "history.db"),
        ("sqlite:///history.db", "sqlite", "history.db"),
        ("sqlite:////var/lib/history.db", "sqlite", "/var/lib/history.db"),
        ("~/history.db", "sqlite", str(Path.home() / "history.db")),
        ("sqlite:///~/history.db", "sqlite", str(Path.home() / "history.db")),
        (IN_MEMORY, "sqlite", None),
        ("postgresql://me:secret@db.example/nomos?sslmode=require", "postgresql", "nomos"),
        ("postgres://me:secret@db.example/nomos", "postgresql", "nomos"),
    ],
)
def test_a_database_is_named_by_a_path_or_a_url(value: str, driver: str, path: str | None) -> None:
    url = database_url(value)
    assert (url.get_backend_name(), url.database) == (driver, path)


@pytest.mark.parametrize(
    "value", ["mysql://me:secret@db.example/nomos", "://secret", "sqlite://history.db", "postgresql://me:secret@h:p/d"]
)
def test_what_names_no_database_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(DatabaseError, match="NOMOS_MCP_DATABASE") as caught:
        database_url(value)
    assert "secret" not in str(caught.value)


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_migrations_make_the_tables_that_the_code_uses(history: History) -> None:
    async with history.database.writing() as connection:
        assert await connection.run_sync(differences) == []


def test_the_last_migration_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "nomos_mcp.database:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


async def test_replicas_of_an_older_release_work_on_tables_that_a_newer_one_added_to(
    history: History, database_url: str
) -> None:
    async with history.database.writing() as connection:
        await connection.execute(insert(events).values(event(1)))
    newer = Database(database_url)
    async with newer.writing() as connection:
        await connection.execute(text("ALTER TABLE events ADD COLUMN added VARCHAR(10)"))
        await connection.execute(text("CREATE TABLE added (number INTEGER)"))
        later = f"9999_since_{REVISION.partition('_since_')[0]}"
        await connection.execute(text("UPDATE alembic_version SET version_num = :later"), {"later": later})
    await newer.aclose()
    assert await count(history.database) == 1  # one that was connected
    started = Database(database_url)  # one that starts, or is back
    async with started.writing() as connection:
        await connection.execute(insert(events).values(event(2)))
    assert await count(started) == 2
    async with started.reading() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == later
    await started.aclose()


async def test_a_time_comes_back_as_it_went_in_and_in_utc(history: History) -> None:
    berlin = datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    async with history.database.writing() as connection:
        await connection.execute(insert(events).values(event(1, received_at=berlin)))
    async with history.database.reading() as connection:
        found = (await connection.execute(select(events))).one()
    assert found.received_at == berlin
    assert found.received_at.tzinfo is UTC
    assert found.happened_at is None


async def test_a_transaction_that_fails_leaves_nothing_behind(history: History) -> None:
    async def fail() -> None:
        async with history.database.writing() as connection:
            await connection.execute(insert(events).values(event(1)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(history.database) == 0


async def test_writers_take_turns_and_lose_nothing(history: History) -> None:
    async def add_one() -> None:
        async with history.database.writing() as connection:
            numbers = (await connection.execute(select(events.c.attempts))).scalars().all()
            await anyio.lowlevel.checkpoint()
            await connection.execute(insert(events).values(event(len(numbers), attempts=len(numbers))))

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(add_one)
    assert await count(history.database) == 30


async def test_readers_are_served_while_a_writer_has_not_finished(history: History) -> None:
    async with history.database.writing() as connection:
        await connection.execute(insert(events).values(event(1)))
        async with anyio.create_task_group() as tasks:
            for _ in range(5):  # as many as there are connections, and they must not take them
                tasks.start_soon(_wait_to_write, history.database)
            await anyio.wait_all_tasks_blocked()
            assert await count(history.database) == 0
            tasks.cancel_scope.cancel()
    assert await count(history.database) == 1


async def _wait_to_write(database: Database) -> None:
    async with database.writing():
        pass


_WRITER = """
import sys
import anyio
from sqlalchemy import func, insert, select
from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import events

async def main():
    database = Database(sys.argv[1])
    for _ in range(25):
        async with database.writing() as connection:
            number = (await connection.execute(select(func.count()).select_from(events))).scalar()
            row = {"event_id": str(number), "topic": "t", "received_at": NOW, "attempts": number}
            await connection.execute(insert(events).values(row))
    await database.aclose()

from datetime import UTC, datetime
NOW = datetime.now(UTC)
anyio.run(main)
"""


@pytest.mark.slow
async def test_processes_that_make_the_tables_and_write_at_once_lose_nothing(
    history: History, database_url: str
) -> None:
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(anyio.run_process, [sys.executable, "-c", _WRITER, database_url])
    assert await count(history.database) == 100


async def test_a_call_that_is_cancelled_anywhere_harms_no_other(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    for number in range(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(history.record, [look(clock, order_id=f"prdo_{number}")])
            for _ in range(number):
                await asyncio.sleep(0)
            tasks.cancel_scope.cancel()
        assert await history.record([look(clock, order_id=f"prdo_after_{number}")])
    recorded = [each.order_id async for each in history.exported()]
    assert len(recorded) == len(set(recorded)) > 60


async def test_a_history_in_memory_outlives_calls_that_are_cancelled(clock: Clock) -> None:
    history = History(IN_MEMORY, clock)
    await history.record([look(clock)])
    for steps in range(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(history.looks, "prdo_1")
            for _ in range(steps):
                await asyncio.sleep(0)
            tasks.cancel_scope.cancel()
    assert len(await history.looks("prdo_1")) == 1
    await history.aclose()


def test_a_history_that_was_closed_opens_again_in_another_event_loop(tmp_path: Path, clock: Clock) -> None:
    history = History(str(tmp_path / "history.db"), clock)

    async def record_once() -> int:
        await history.record([look(clock, created_at=None)])
        recorded = await history.looks("prdo_1")
        await history.aclose()
        return len(recorded)

    assert [asyncio.run(record_once()) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_file_is_kept_in_wal_mode(history: History) -> None:
    async with history.database.reading() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_file_that_was_moved_away_is_made_again(history: History, clock: Clock, tmp_path: Path) -> None:
    await history.record([look(clock)])
    for name in ("history.db", "history.db-wal", "history.db-shm"):
        await (anyio.Path(tmp_path) / name).rename(tmp_path / f"moved-{name}")
    await history.record([look(clock)])
    assert await anyio.Path(tmp_path / "history.db").exists()
    assert len(await history.looks("prdo_1")) == 1
