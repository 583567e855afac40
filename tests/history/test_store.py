"""`History`: what is recorded of looks at orders, and how it is told."""

from datetime import timedelta

from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE
from tests.databases import Clock


def look(clock: Clock, status: str = "placed", **said: object) -> OrderLook:
    """A look at an order that was created a month ago."""
    values: dict[str, object] = {
        "order_id": "prdo_1",
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "api_version": CURIE,
        "created_at": clock.now - timedelta(days=30),
        "seen_at": clock.now,
        "seen_by": "poll",
    }
    return OrderLook(status=status, **{**values, **said})  # type: ignore[arg-type]


async def test_the_same_state_is_recorded_once(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    first = look(clock)
    clock.advance(days=1)
    again = look(clock, created_at=first.created_at)
    assert await history.record([again]) == []
    assert await history.looks("prdo_1") == [first]
