"""`Database`: opening it, bringing its tables up to date, and transactions.

SQLite serves one machine, PostgreSQL several. Writers of the history take turns in both, so that rows are numbered in
the order in which others come to see them, and nobody compares an order with a state that is being replaced.
"""

import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import SecretStr
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError as PoolTimeoutError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from nomos_mcp.database.errors import BusyError, DatabaseError, NotConnectedError, reason_of
from nomos_mcp.database.postgresql import (
    BUSY,
    end_if_hung,
    postgresql_engine,
    require_asyncio,
    schema_of,
    turn_to_write,
)
from nomos_mcp.database.revisions import REVISION, revision_of, upgrade
from nomos_mcp.database.statements import Connections, StatementObserver, commit, connections_of, observe_statements
from nomos_mcp.database.tables import metadata
from nomos_mcp.variables import DATABASE

__all__ = ["IN_MEMORY", "Database", "DatabaseError", "database_url", "require_asyncio"]

IN_MEMORY: Final = "sqlite://"
"""A database that ends with its process."""

_alembic: Final = threading.Lock()

_TRY: Final = 0.3  # seconds for which SQLite waits at once
_SLOW: Final = 1.0  # seconds after which whoever stops waiting has been waiting for the database
_AWAY: Final = 5.0  # seconds for which a database that did not answer is not asked again


def database_url(value: str) -> URL:
    """Read `NOMOS_MCP_DATABASE`: a file's path, `sqlite:///…` or `postgresql://…`.

    Raises:
        DatabaseError: It is none of these. The text does not quote it: it may hold a password.
    """
    if "://" not in value:
        return _sqlite_url(value)
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"{DATABASE} is not a URL. {_FORMS}") from None
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+asyncpg")
    if url.drivername != "sqlite" or url.host or not (url.database or value == IN_MEMORY):
        raise DatabaseError(f"{DATABASE} names no database that is supported. {_FORMS}")
    return _sqlite_url(url.database or "")


def _sqlite_url(path: str) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(Path(path).expanduser()) if path else None)


_FORMS: Final = "Use a file's path, sqlite:///path/of/a/file, or postgresql://user:password@host/database."


class Database:
    """Opens itself with the first transaction, and again after a failure. Of one event loop, until it is closed.

    For asyncio only, as its drivers are.

    Args:
        url: `NOMOS_MCP_DATABASE`, or `IN_MEMORY`.
        organisation: Keep its tables apart from those of other organisations, in a schema of their own (PostgreSQL).

    Attributes:
        schema: The schema of its tables; empty for the one that the URL leads to.
        observer: Is told of each statement, if it is there before the first one.
    """

    def __init__(self, url: SecretStr | str, organisation: str = "") -> None:
        self._value = url if isinstance(url, SecretStr) else SecretStr(url)
        self.schema = schema_of(organisation)
        self._url = database_url(self._value.get_secret_value())
        self._in_memory = not self.is_postgresql and self._url.database in {None, ":memory:"}
        self._engine: AsyncEngine | None = None
        self._file: tuple[int, int] | None = None
        self._opening = anyio.Lock()
        # One writer of a process at a time: those who wait must not hold the connections that readers need. All tasks
        # share the one connection to a database in memory.
        self._turn = anyio.Lock()
        self.observer: StatementObserver | None = None
        self._transactions = 0
        self._away: dict[bool, tuple[float, str]] = {}  # until when readers and writers are refused, and why

    @property
    def is_postgresql(self) -> bool:
        return self._url.get_backend_name() == "postgresql"

    @property
    def is_in_memory(self) -> bool:
        """Whether it ends with its process. Such a database cannot be away."""
        return self._in_memory

    @property
    def connections(self) -> Connections:
        """The state of the pool now."""
        return connections_of(self._engine, self._transactions)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads. What is done in it concerns the database only.

        Raises:
            DatabaseError: The database does not answer.
        """
        async with self._transaction(writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that waits for its turn to write, and is on disk when it has ended without an error.

        What is done in it concerns the database only: all other writers wait.

        Raises:
            DatabaseError: The database does not answer, is full, or cannot be written.
        """
        async with self._transaction(writes=True) as connection:
            yield connection

    @asynccontextmanager
    async def unordered(self, *, at_once: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction of PostgreSQL that writes without waiting for a turn, and is on disk when it has ended.

        For rows whose order among others says nothing.

        Args:
            at_once: Ask even a database that did not answer a moment ago.

        Raises:
            DatabaseError: The database does not answer, is full, or cannot be written. Whether the transaction took
                effect is not known then.
        """
        if at_once:
            self._away.pop(False, None)
        async with self._transaction(writes=False) as connection:
            await connection.execute(end_if_hung())
            yield connection

    async def open(self) -> None:
        """Connect, and make the tables or bring them up to date, if that is not done yet.

        Raises:
            DatabaseError: The database does not answer, or cannot be used.
        """
        async with self.reading():
            pass

    async def aclose(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            with anyio.CancelScope(shield=True):
                await engine.dispose()

    @asynccontextmanager
    async def _transaction(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        require_asyncio()
        until, why = self._away.get(writes, (0.0, ""))
        started = time.monotonic()
        if started < until:
            raise DatabaseError(why)
        self._transactions += 1
        try:
            async with self._connected(writes=writes) as connection:
                yield connection
        except anyio.get_cancelled_exc_class():
            if time.monotonic() - started >= _SLOW:
                self._refuse(writes, "The database did not answer in time.")
            raise
        except PoolTimeoutError:
            failure = self._refuse(writes, reason_of(BusyError()))
        except (SQLAlchemyError, OSError) as error:
            if isinstance(error, IntegrityError | ProgrammingError | DataError):
                failure = DatabaseError(reason_of(error))
            else:
                failure = self._refuse(writes, reason_of(error))
        else:
            self._away.pop(writes, None)
            return
        finally:
            self._transactions -= 1
        raise failure from None  # the driver's text quotes what was to be written, and may quote the address

    def _refuse(self, writes: bool, why: str) -> DatabaseError:  # noqa: FBT001  private
        failure = DatabaseError(why)
        self._away[writes] = time.monotonic() + _AWAY, str(failure)
        return failure

    @asynccontextmanager
    async def _connected(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        async with _Turn(self._turn) if writes or self._in_memory else nullcontext():
            # A cancelled statement ends its connection: a database in memory goes with it, and a file stays locked for
            # a while. SQLite is near and quick, so whoever gives up waits for it.
            with anyio.CancelScope(shield=not self.is_postgresql) as scope:
                engine = await self._opened(scope)
                async with engine.connect() as connection:
                    await connection.execution_options(nomos_writes=writes, nomos_schema=self.schema)
                    await _begin(connection, scope)
                    if writes and self.is_postgresql:
                        await connection.execute(turn_to_write(self.schema))
                    yield connection
                    await commit(connection, self.observer)  # else it is undone when the connection is given back

    async def _opened(self, scope: anyio.CancelScope) -> AsyncEngine:
        with _unshielded(scope):  # who opens it may wait for another process
            await self._opening.acquire()
        try:
            if self._engine is not None and self._file != self._file_now():
                await self.aclose()  # else we would write into a file that was deleted or replaced
            if self._engine is None:
                engine = postgresql_engine(self._value, self.schema) if self.is_postgresql else self._sqlite_engine()
                try:
                    await self._migrate(engine, scope)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await engine.dispose()
                    raise
                if self.observer:
                    observe_statements(engine, self.observer)
                self._engine, self._file = engine, self._file_now()
            return self._engine
        finally:
            self._opening.release()

    def _file_now(self) -> tuple[int, int] | None:
        """What tells the file of a database from another one of its name."""
        if self.is_postgresql or self._in_memory:
            return None
        try:
            found = Path(self._url.database or "").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _sqlite_engine(self) -> AsyncEngine:
        options: dict[str, Any] = {"poolclass": StaticPool} if self._in_memory else {"pool_timeout": BUSY}
        # Without an isolation level the driver begins no transaction of its own.
        engine = create_async_engine(self._url, connect_args={"isolation_level": None, "timeout": _TRY}, **options)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    async def _migrate(self, engine: AsyncEngine, scope: anyio.CancelScope) -> None:
        """Bring the tables up to date; several processes that start at once take turns."""
        async with engine.connect() as connection, connection.begin():
            found = await connection.run_sync(revision_of)
        if found == REVISION:
            return
        async with _migrating(scope), engine.connect() as connection:
            await connection.execution_options(nomos_writes=True)
            await _begin(connection, scope)
            if self.is_postgresql:
                await connection.execute(turn_to_write(self.schema))
            await connection.run_sync(metadata.create_all if self._in_memory else upgrade)
            await connection.commit()


@asynccontextmanager
async def _migrating(scope: anyio.CancelScope) -> AsyncIterator[None]:
    """Wait until nothing else in this process migrates: Alembic keeps what it works on in global variables.

    Of databases that are opened at once, the statements for one would else reach the connection of another one.
    """
    while not _alembic.acquire(blocking=False):  # whoever holds it may be in another thread's event loop
        with _unshielded(scope):
            await anyio.sleep(_TRY / 10)
    try:
        yield
    finally:
        _alembic.release()


async def _begin(connection: AsyncConnection, scope: anyio.CancelScope) -> None:
    """Begin a transaction; while another process writes to a file, try again and again, and let go who gives up."""
    deadline = anyio.current_time() + BUSY
    while True:
        try:
            await connection.begin()
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY or anyio.current_time() > deadline:
                raise
        else:
            return
        with _unshielded(scope):
            await anyio.sleep(_TRY / 10)


@contextmanager
def _unshielded(scope: anyio.CancelScope) -> Iterator[None]:
    """Let go who gives up waiting."""
    shield, scope.shield = scope.shield, False
    try:
        yield
    finally:
        scope.shield = shield


class _Turn:
    """Holds a lock, for which it waits no longer than for another process."""

    def __init__(self, lock: anyio.Lock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        try:
            with anyio.fail_after(BUSY):
                await self._lock.acquire()
        except TimeoutError:
            raise NotConnectedError(BusyError()) from None

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    # Readers and a writer do not wait for each other then. What may only be read, or is being opened by another process
    # too, works without; whatever else is wrong is found by the next statement.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # what is committed is on disk
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a writing transaction with the lock: one that gets it later may have read what is no longer so."""
    writes = connection.get_execution_options().get("nomos_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
