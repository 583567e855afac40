"""The durations of a whole history: read from the database, kept for a while, and computed beside the reads."""

from datetime import timedelta

import pytest

from nomos_mcp.database.database import IN_MEMORY, DatabaseError
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.statistics import KEPT, Durations
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE
from tests.conftest import NOW

DAY = timedelta(days=1)


def _look(number: int, days_ago: float, status: str) -> OrderLook:
    return OrderLook(
        order_id=f"prdo_{number}",
        subscription_id=f"sub_{number}",
        customer_id=f"cus_{number}",
        api_version=CURIE,
        status=status,
        created_at=NOW - 50 * DAY,
        seen_at=NOW - days_ago * DAY,
        seen_by="poll",
    )


async def test_every_order_of_a_large_history_is_counted_once(history: History) -> None:
    await history.record(_look(number, 50, "created") for number in range(1_100))
    await history.record(_look(number, 40, "placed") for number in range(1_100))
    known = await history.durations(60)
    assert known
    created = known.steps[CURIE, "created"]
    assert (created.cases, created.orders, created.finished) == (1_100, 1_100, 1_100)
    assert created.median == 5 * DAY
    assert known.steps[CURIE, "placed"].waiting == 1_100


async def test_what_is_known_is_told_until_it_is_old_and_while_it_is_computed_anew(history: History) -> None:
    seconds = 0.0
    durations = Durations(history.database, lambda: NOW, lambda: seconds)
    await history.record([_look(1, 50, "created")])
    first = await durations.get(60)
    assert first
    await history.record([_look(2, 50, "created")])
    assert await durations.get(60) is first
    seconds = KEPT
    assert await durations.get(60) is first
    while (later := await durations.get(60)) is first:
        await history.last_number()
    assert later
    assert later.steps[CURIE, "created"].waiting == 2
    await durations.aclose()


async def test_who_does_not_wait_gets_nothing_yet(history: History) -> None:
    await history.record([_look(1, 50, "created")])
    assert await history.durations(0) is None
    assert await history.durations(60)


async def test_only_who_asks_first_waits() -> None:
    seconds = 0.0
    history = History(IN_MEMORY, lambda: NOW)
    durations = Durations(history.database, lambda: NOW, lambda: seconds)
    await history.record([_look(1, 50, "created")])
    async with history.database.writing():  # nobody else gets a turn, so they cannot be computed
        assert await durations.get(0.01) is None
        seconds = 0.02
        assert await durations.get(0.01) is None
    assert await durations.get(60)
    await durations.aclose()
    await history.aclose()


async def test_a_customers_view_has_no_statistics(history: History) -> None:
    await history.record([_look(1, 50, "created")])
    assert await history.for_customer("cus_1").durations(60) is None


async def test_a_database_that_does_not_answer_is_an_error_and_is_asked_again_later() -> None:
    history = History("/nowhere/at/all.db", lambda: NOW)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await history.durations(60)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await history.durations(60)
    await history.aclose()
