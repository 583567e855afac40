"""The database of the history: opening it, bringing its tables up to date, and transactions.

SQLite serves one machine, PostgreSQL several. Writers take turns in both, so that rows are numbered in the order in
which others come to see them, and nobody compares an order with a state that is being replaced.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import SecretStr
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from nomos_mcp.history.tables import metadata
from nomos_mcp.variables import DATABASE

IN_MEMORY: Final = "sqlite://"
"""A database that ends with its process."""

REVISION: Final = "0001"
"""The migration that this release's tables come from."""

_WRITERS: Final = 0x6E6F6D6F73  # what writers of PostgreSQL lock to take turns
_BUSY: Final = 5.0  # seconds to wait for another writer, or a connection
_AWAY: Final = 5.0  # seconds for which a database that did not answer is not asked again


class HistoryError(Exception):
    """The history cannot be read or written now. The text says why, and what to do; it holds no password."""


def database_url(value: str) -> URL:
    """Read `NOMOS_MCP_DATABASE`: a file's path, `sqlite:///…` or `postgresql://…`.

    Raises:
        HistoryError: It is none of these. The text does not quote it: it may hold a password.
    """
    if "://" not in value:
        return URL.create("sqlite+aiosqlite", database=str(Path(value).expanduser()))
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise HistoryError(f"{DATABASE} is not a URL. {_FORMS}") from None
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    if url.drivername not in drivers:
        raise HistoryError(f"{DATABASE} names no database that is supported. {_FORMS}")
    return url.set(drivername=drivers[url.drivername])


_FORMS: Final = "Use a file's path, sqlite:///path/of/a/file, or postgresql://user:password@host/database."


class Database:
    """Opens itself with the first transaction, and again after a failure. For asyncio only, as its drivers are."""

    def __init__(self, url: SecretStr | str) -> None:
        value = url.get_secret_value() if isinstance(url, SecretStr) else url
        self._url = database_url(value)
        self._in_memory = not self._url.database or self._url.database == ":memory:"
        self._engine: AsyncEngine | None = None
        self._opening = anyio.Lock()
        self._turn = anyio.Lock()  # all tasks of one process share one connection to a database in memory
        self._away_until = 0.0
        self._away: HistoryError | None = None

    @property
    def is_postgresql(self) -> bool:
        return self._url.get_backend_name() == "postgresql"

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads.

        Raises:
            HistoryError: The database does not answer.
        """
        async with self._transaction(writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that waits for its turn to write, and is on disk when it has ended without an error.

        Raises:
            HistoryError: The database does not answer, is full, or cannot be written.
        """
        async with self._transaction(writes=True) as connection:
            yield connection

    async def aclose(self) -> None:
        if self._engine is not None:
            with anyio.CancelScope(shield=True):
                await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def _transaction(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        if self._away and time.monotonic() < self._away_until:
            raise self._away
        try:
            engine = self._engine or await self._open()
            async with _Turn(self._turn if self._in_memory else None), engine.connect() as connection:
                await connection.execution_options(nomos_writes=writes)
                async with connection.begin():
                    if writes and self.is_postgresql:
                        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS})
                    yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            failure = self._explained(error)
        else:
            self._away = None
            return
        raise failure from None  # the driver's text may quote the address, and with it the password

    async def _open(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                engine = self._new_engine()
                try:
                    await self._migrate(engine)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await engine.dispose()
                    raise
                self._engine = engine
        return self._engine

    def _new_engine(self) -> AsyncEngine:
        if self.is_postgresql:
            try:
                return create_async_engine(
                    self._url,
                    pool_size=5,
                    max_overflow=0,
                    pool_timeout=_BUSY,
                    pool_pre_ping=True,
                    connect_args={"timeout": _BUSY, "command_timeout": 2 * _BUSY},
                )
            except ModuleNotFoundError:
                raise HistoryError(
                    f"{DATABASE} names PostgreSQL, whose driver is not installed. Install nomos-mcp[postgresql]."
                ) from None
        options: dict[str, Any] = {"poolclass": StaticPool} if self._in_memory else {"pool_timeout": _BUSY}
        # Without an isolation level the driver begins no transaction of its own.
        engine = create_async_engine(self._url, connect_args={"isolation_level": None, "timeout": _BUSY}, **options)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    async def _migrate(self, engine: AsyncEngine) -> None:
        """Bring the tables up to date; several processes that start at once take turns."""
        async with engine.connect() as connection, connection.begin():
            found = await connection.run_sync(_revision)
        if found == REVISION:
            return
        async with engine.connect() as connection:
            await connection.execution_options(nomos_writes=True)
            async with connection.begin():
                if self.is_postgresql:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS})
                await connection.run_sync(metadata.create_all if self._in_memory else _upgrade)

    def _explained(self, error: Exception) -> HistoryError:
        text_ = str(getattr(error, "orig", None) or error).lower()
        reason = next((reason for sign, reason in _REASONS.items() if sign in text_), "The database does not answer.")
        failure = HistoryError(f"{reason} Everything but the history goes on working. `nomos-mcp doctor` tells more.")
        if not isinstance(error, IntegrityError | ProgrammingError | DataError):
            self._away, self._away_until = failure, time.monotonic() + _AWAY
        return failure


_REASONS: Final = {
    "unable to open": "The database file cannot be opened: see that its folder exists and may be written.",
    "readonly": f"The database may only be read: give this process the right to write to {DATABASE}.",
    "read-only": f"The database may only be read: give this process the right to write to {DATABASE}.",
    "permission denied": f"The user in {DATABASE} may not use the history's tables: grant them.",
    "full": "The disk of the database is full: free some space, or delete old rows with `nomos-mcp history prune`.",
    "no space": "The disk of the database is full: free some space, or delete old rows with `nomos-mcp history prune`.",
    "locked": "The database is locked by another program for too long: end that program, or wait for it.",
    "not a database": f"The file in {DATABASE} is no SQLite database: name another file.",
    "malformed": "The database file is damaged: restore it from a backup, or move it away to begin a new one.",
    "password": f"The database refuses the user or the password in {DATABASE}.",
    "does not exist": f"The database, the user or a table that {DATABASE} needs does not exist: create it.",
    "too many": "The database accepts no more connections.",
}
"""What a driver says, in part, to what it means. The order decides."""


class _Turn:
    """Holds a lock, if there is one."""

    def __init__(self, lock: anyio.Lock | None) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        if self._lock is not None:
            await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers and a writer do not wait for each other
    cursor.execute("PRAGMA synchronous=FULL")  # what is committed is on disk
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a writing transaction with the lock: one that gets it later may have read what is no longer so."""
    writes = connection.get_execution_options().get("nomos_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  slow to load, and needed once for each release
    from alembic.config import Config  # noqa: PLC0415  as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  as above

    config = Config()
    config.set_main_option("script_location", "nomos_mcp.history:migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = _revision(connection)
    if found is not None and found not in known:
        raise HistoryError(
            f"The database was made by a newer release of nomos-mcp (tables at {found[:20]}, this release has "
            f"{REVISION}). Update nomos-mcp, or name another database in {DATABASE}."
        )
    command.upgrade(config, REVISION)
