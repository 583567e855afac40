"""PostgreSQL: the engine of a process, and the one connection beside it for single statements and notifications.

`asyncpg`, the driver, is an extra and is imported with the first connection.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from pydantic import SecretStr
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from nomos_mcp.database.errors import DatabaseError, NotConnectedError, PooledError, reason_of
from nomos_mcp.database.statements import StatementObserver, operation_of
from nomos_mcp.organisations_file import ORGANISATION

BUSY: Final = 5.0
"""Seconds to wait for another writer, or a connection."""

HUNG: Final = 5.0
"""Seconds for which a process may stand still in a transaction that others may wait for."""

CHANGES_CHANNEL: Final = "nomos_changes"
"""The channel of the notifications that changes were recorded. Each carries the schema in which they were."""

_log = logging.getLogger(__name__)
_WRITERS: Final = 0x6E6F6D6F73  # what writers lock to take turns
_CONNECTIONS: Final = 5
_CHECKED_EVERY: Final = 5.0  # seconds between two signs of life that are asked of an idle connection
_RETRIED_AFTER: Final = 1.0  # seconds for which a database that let nobody connect is not asked again


def require_asyncio() -> None:
    """Refuse to work under trio, for which the drivers are not made.

    Raises:
        DatabaseError: No event loop of asyncio runs here.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise DatabaseError("It works under asyncio only, and this program runs under trio.") from None


def schema_of(organisation: str) -> str:
    """Return the schema of an organisation's tables; empty for the one that the URL leads to."""
    if organisation and not ORGANISATION.fullmatch(organisation):
        raise ValueError(f"{organisation!r} is no name of an organisation")
    return f"nomos_{organisation}" if organisation else ""


def turn_to_write(schema: str) -> TextClause:
    """Return the statement that waits for the turn to write in a schema, until the end of the transaction."""
    # A process that hangs in its transaction must not stop the others for ever.
    return text(
        f"SELECT set_config('lock_timeout', '{BUSY * 1000:.0f}ms', true), "
        "set_config('idle_in_transaction_session_timeout', '60s', true), "
        f"pg_advisory_xact_lock({_WRITERS} # hashtextextended('{schema}', 0))"
    )


def end_if_hung() -> TextClause:
    """Return the statement that lets PostgreSQL undo the transaction if its process hangs in it, or is out of reach.

    Others may wait for its rows, and the end of a machine is noticed by nothing else for hours.
    """
    return text(f"SELECT set_config('idle_in_transaction_session_timeout', '{HUNG * 1000:.0f}ms', true)")


def notice_of_changes(schema: str) -> TextClause:
    """Return the statement that notifies those who listen, once the transaction is committed, that changes are new."""
    return text(f"SELECT pg_notify('{CHANGES_CHANNEL}', '{schema}')")


def postgresql_engine(url: SecretStr, schema: str) -> AsyncEngine:
    async def new_connection() -> Any:
        return await connect(url, schema)

    try:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=new_connection,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise NotConnectedError(error) from None


async def connect(url: SecretStr, schema: str = "", longest: float = 0.0) -> Any:
    """Connect as the driver reads the URL, which is as all programs of PostgreSQL do: `sslmode` and the like.

    Args:
        url: `NOMOS_MCP_DATABASE`.
        schema: Where tables are found and made; made itself if it does not exist.
        longest: Seconds after which PostgreSQL itself ends a statement; 0 leaves that to its configuration.

    Raises:
        NotConnectedError: There is no connection, or one through a pooler.
        OSError: The host cannot be reached.
    """
    try:
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415  an extra, which ships no types
    except ModuleNotFoundError:
        raise NotConnectedError(ModuleNotFoundError()) from None
    # Whoever waits for a lock must see what was committed meanwhile, whatever the server's configuration says.
    settings = {"default_transaction_isolation": "read committed"} | ({"search_path": schema} if schema else {})
    settings |= {"statement_timeout": f"{longest * 1000:.0f}"} if longest else {}
    try:
        connection = await asyncpg.connect(
            url.get_secret_value(), timeout=BUSY, command_timeout=2 * BUSY, server_settings=settings
        )
        try:
            # A pooler names process numbers that are none. Without a prepared statement: through a pooler, another
            # client's may stand in the way.
            await connection.execute(f"SELECT 1 / (pg_backend_pid() = {connection.get_server_pid():d})::int")
            if schema and not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema):
                with contextlib.suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateSchemaError):  # made meanwhile
                    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        except BaseException:
            connection.terminate()
            raise
    except (asyncpg.DivisionByZeroError, asyncpg.ProtocolViolationError):  # the latter as it knows no such settings
        raise NotConnectedError(PooledError()) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError) as error:
        raise NotConnectedError(error) from None
    return connection


class SharedConnection:
    """One connection of a process, for single statements that must not wait for transactions, and for notifications.

    It connects with the first statement, and again after a failure. Statements take turns. Of one event loop of
    asyncio, until it is closed.

    Args:
        url: `NOMOS_MCP_DATABASE`.
        opened: Awaited before the first connection is used, so that the tables are there.
        timeout: Seconds that a statement may take, its connection and its turn included.
        sign: The statement that `keep` asks for as a sign of life. Where it fails, the database is as good as away.
    """

    def __init__(
        self, url: SecretStr, opened: Callable[[], Awaitable[object]], timeout: float = 2.0, sign: str = "SELECT 1"
    ) -> None:
        self._url = url
        self._opened = opened
        self._is_opened = False
        self._timeout = timeout
        self._sign = sign
        self._is_well = False  # as the last sign of life says
        self.observer: StatementObserver | None = None
        self._connection: Any = None
        self._connecting: asyncio.Task[DatabaseError | None] | None = None
        self._refused = 0.0, DatabaseError()  # until when nobody connects again, and why
        self._turn = asyncio.Lock()
        self._listeners: list[tuple[str, Callable[[str | None], object]]] = []
        self._lost = anyio.Event()

    async def fetch(self, statement: str, *values: object) -> list[Mapping[str, Any]]:
        """Run one statement, in a transaction of its own, and return its rows.

        Whoever is cancelled in the middle of a statement ends the connection; the next one makes another.

        Raises:
            DatabaseError: The database does not answer in time. Whether the statement took effect is not known then.
        """
        require_asyncio()
        try:
            async with asyncio.timeout(self._timeout):
                async with self._turn:
                    connection = await self._connected()
                    began = time.monotonic()
                    try:
                        return await connection.fetch(statement, *values)  # type: ignore[no-any-return]
                    except BaseException:
                        self._drop(connection)
                        raise
                    finally:
                        if self.observer:
                            self.observer(operation_of(statement), time.monotonic() - began)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  the driver's are of many kinds, and their texts quote
            why = reason_of(error)
        raise DatabaseError(why)

    def listen(self, channel: str, heard: Callable[[str | None], object]) -> None:
        """Call `heard` with the payload of each notification on a channel, for as long as `keep` runs.

        Notifications that are sent while there is no connection are lost: `heard` is called with None after each new
        connection.
        """
        self._listeners.append((channel, heard))
        self._drop(self._connection)  # the next one listens

    async def keep(self) -> None:
        """Hold a connection until cancelled: notice when it is dead, and make another one."""
        was_away = False
        while True:
            try:
                await self.fetch(self._sign)
            except DatabaseError as error:
                if not was_away:
                    _log.warning("PostgreSQL is away. %s", error)
                was_away = True
            else:
                if was_away:
                    _log.warning("PostgreSQL answers again.")
                was_away = False
            self._is_well = not was_away
            if self.is_connected:
                with anyio.move_on_after(_CHECKED_EVERY):
                    await self._lost.wait()
            else:
                await anyio.sleep(_RETRIED_AFTER)

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    @property
    def is_well(self) -> bool:
        """Whether there is a connection, and `keep` got its last sign of life."""
        return self._is_well and self.is_connected

    async def aclose(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        self._drop(self._connection)

    async def _connected(self) -> Any:
        if not self.is_connected:
            until, failure = self._refused
            if time.monotonic() < until:
                raise DatabaseError(*failure.args)
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
            # Who gives up waiting does not end it: the first one makes the tables, which takes longer than a statement.
            connecting = self._connecting
            await asyncio.wait([connecting])
            failed = DatabaseError("The connection is closed.") if connecting.cancelled() else connecting.result()
            if failed is not None:
                raise failed
        return self._connection

    async def _connect(self) -> DatabaseError | None:
        try:
            async with asyncio.timeout(4 * BUSY):
                if not self._is_opened:
                    await self._opened()
                    self._is_opened = True
                # PostgreSQL does not notice who gave up waiting: each attempt would leave a process that waits on.
                connection = await connect(self._url, longest=self._timeout)
                try:
                    for channel, heard in self._listeners:
                        await connection.add_listener(channel, lambda *news, heard=heard: heard(news[-1]))
                except BaseException:
                    connection.terminate()
                    raise
        except Exception as error:  # noqa: BLE001  as above
            failure = error if isinstance(error, DatabaseError) else DatabaseError(reason_of(error))
            self._refused = time.monotonic() + _RETRIED_AFTER, failure
            return failure
        finally:
            self._connecting = None
        self._lost = anyio.Event()
        connection.add_termination_listener(lambda _, lost=self._lost: lost.set())
        self._connection = connection
        for _, heard in self._listeners:
            heard(None)
        return None

    def _drop(self, connection: Any) -> None:
        if connection is not None:
            connection.terminate()
            if connection is self._connection:
                self._connection = None
