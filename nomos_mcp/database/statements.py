"""What a database is asked and how long it takes, and the state of its pool: read by the metrics."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

OPERATIONS: Final = ("BEGIN", "COMMIT", "DELETE", "INSERT", "SELECT", "UPDATE", "other")

StatementObserver = Callable[[str, float], object]
"""Is told of each statement: one of `OPERATIONS`, and its seconds. Must neither raise nor wait."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How many connections of a pool are in use and idle, how many it has at most, and how many transactions wait."""

    used: int = 0
    idle: int = 0
    maximum: int = 0
    waiting: int = 0


def connections_of(engine: AsyncEngine | None, transactions: int) -> Connections:
    """Return the state of an engine's pool while so many transactions are under way; one without a pool has none."""
    pool = engine.pool if engine else None
    if not isinstance(pool, QueuePool):
        return Connections()
    used = pool.checkedout()
    return Connections(used, pool.checkedin(), pool.size(), max(0, transactions - used))


def operation_of(statement: str) -> str:
    """Return which of `OPERATIONS` a statement is."""
    word = statement.lstrip().partition(" ")[0].upper()
    return word if word in OPERATIONS else "other"


async def commit(connection: AsyncConnection, observer: StatementObserver | None) -> None:
    """Commit, and tell the observer of it."""
    began = time.monotonic()
    await connection.commit()
    if observer:
        observer("COMMIT", time.monotonic() - began)


def observe_statements(engine: AsyncEngine, observer: StatementObserver) -> None:
    """Tell an observer of each statement of an engine that is executed, and not of those that fail."""

    def begin(*executed: Any) -> None:
        executed[0].info["nomos_began"] = time.monotonic()

    def end(*executed: Any) -> None:
        observer(operation_of(executed[2]), time.monotonic() - executed[0].info["nomos_began"])

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
