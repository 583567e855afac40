"""Faults that the campaign must find: each takes away one thing that keeps the promise."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import func, text, update

from nomos_mcp.client import MeterOrder, NomosError
from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import order_attempts
from nomos_mcp.replicas.order_attempts import OrderAttempts
from nomos_mcp.server.ordering.shared_record import RowOfAttempt
from nomos_mcp.server.ordering.submit import Submission


def _no_index(database: str) -> None:
    """Two attempts at a subscription may be open."""

    async def drop() -> None:
        opened = Database(database)
        async with opened.unordered() as connection:
            await connection.execute(text("DROP INDEX open_attempt_of_a_subscription"))
        await opened.aclose()

    async def open_anyhow(of: OrderAttempts, number: int, *_: object) -> str:
        async with of.database.unordered() as connection:
            row = update(order_attempts).where(order_attempts.c.number == number)
            await connection.execute(row.values(is_open=True, sent_at=func.clock_timestamp()))
        return "open"

    asyncio.run(drop())
    OrderAttempts.open = open_anyhow  # type: ignore[assignment,method-assign]


def _repeat(_: str) -> None:
    """A lost answer is followed by a second request, as without a shared record."""
    find = Submission._find

    async def found(submission: Submission, seconds: float) -> MeterOrder | None:
        order = await find(submission, seconds)
        if order is None and submission.sent == 1:
            with suppress(NomosError):
                await submission._create()
        return order

    Submission._find = found  # type: ignore[method-assign,assignment]


def _trusting(_: str) -> None:
    """A commit whose end is not known counts as done."""

    async def trust(*_: object) -> None:
        pass

    RowOfAttempt._require_open = trust  # type: ignore[method-assign,assignment]


def _guess(_: str) -> None:
    """An unknown outcome is written down as a refusal."""
    complete = OrderAttempts.complete

    async def guessed(of: OrderAttempts, number: int, subscription_id: str, outcome: str, **more: str) -> Any:
        outcome = "refused" if outcome == "outcome_unknown" else outcome
        return await complete(of, number, subscription_id, outcome, **more)

    OrderAttempts.complete = guessed  # type: ignore[method-assign,assignment]


FAULTS: Final[dict[str, Callable[[str], None]]] = {
    "two may be open": _no_index,
    "a lost answer is repeated": _repeat,
    "a commit is trusted": _trusting,
    "an outcome is guessed": _guess,
}
