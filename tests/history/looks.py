"""Looks at orders and runs of watching, as the tests of the history need them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nomos_mcp.history.changes import Change, OrderLook
from nomos_mcp.lifecycle import CURIE, EDISON
from tests.databases import Clock

if TYPE_CHECKING:
    from nomos_mcp.history.store import History

BLOCKED: dict[str, Any] = {"blocked_reason": "check_missing"}

CREATED = datetime.fromisoformat("2026-05-01T08:00:00Z")


def look(clock: Clock, status: Any = "placed", **said: Any) -> OrderLook:
    """A look, now, at an order that was created on the first of May."""
    usual = {"order_id": "prdo_1", "subscription_id": "sub_1", "customer_id": "cus_1", "api_version": CURIE}
    seen = {"created_at": CREATED, "seen_at": clock.now, "seen_by": "poll"}
    return OrderLook(status=status, **{**usual, **seen, **said})


def ago(clock: Clock, **time: float) -> datetime:
    return clock.now - timedelta(**time)


async def run(history: "History", started_at: datetime, *, not_covered: str = "", finished: bool = True) -> None:
    """Record a run of watching."""
    from sqlalchemy import insert  # noqa: PLC0415  slow to load

    from nomos_mcp.database.tables import runs  # noqa: PLC0415  as above

    values = {"holder": "test", "heartbeat_at": started_at, "requests": 1, "orders_read": 1, "changes": 0}
    finished_at = started_at if finished else None
    async with history.database.writing() as connection:
        row = {**values, "started_at": started_at, "finished_at": finished_at, "not_covered": not_covered}
        await connection.execute(insert(runs).values(row))


def words(told: Sequence[Change]) -> list[str]:
    return [f"{change.before} -> {change.after}" for change in told]


async def three_days(history: "History", clock: Clock) -> list[Change]:
    """Record an order on three days, and another customer's beside it."""
    told = []
    for status in ("placed", "check_submitted", "scheduled"):
        other = look(clock, status, order_id="prdo_2", customer_id="cus_2", api_version=EDISON)
        told += await history.record([look(clock, status), other])
        clock.advance(days=1)
    return told
