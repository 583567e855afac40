"""`History`: what is recorded of looks at orders."""

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings, strategies
from sqlalchemy import select

from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.database.tables import changes, observations
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import EDISON
from tests.databases import Clock
from tests.history.looks import BLOCKED, CREATED, ago, look, run, words


async def statuses(history: History, order_id: str = "prdo_1") -> list[str]:
    return [each.status for each in await history.looks(order_id)]


async def test_the_same_state_is_recorded_once(history: History, clock: Clock) -> None:
    first = look(clock)
    await history.record([first])
    clock.advance(days=1)
    assert await history.record([look(clock)]) == []
    assert await history.looks("prdo_1") == [first]


async def test_what_changed_is_recorded_and_numbered_as_it_is_told(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    clock.advance(days=1)
    told = await history.record([look(clock, "check_submitted"), look(clock, order_id="prdo_2")])
    assert words(told) == ["placed -> check_submitted", " -> created"]
    assert [change.number for change in told] == [2, 3]
    assert await history.changes_after(1, limit=9) == told
    assert await history.last_number() == 3


async def test_every_field_of_a_look_comes_back(history: History, clock: Clock) -> None:
    moment = datetime.fromisoformat("2026-06-01T10:00:00.123456Z")
    times = ("updated_at", "blocked_at", "appointment_at", "installed_at", "activated_at", "cancelled_at")
    whole = look(
        clock,
        **BLOCKED,
        **dict.fromkeys(times, moment),
        cancelled_reason="pre_existing",
        seen_by="webhook",
        event_id="e",
    )
    await history.record([whole])
    assert await history.looks("prdo_1") == [whole]
    assert [each async for each in history.exported()] == [whole]


async def test_several_looks_at_one_order_are_recorded_in_the_order_of_their_times(
    history: History, clock: Clock
) -> None:
    looks = []
    for status in ("created", "placed", "check_submitted", "check_reviewed"):
        looks.append(look(clock, status))
        clock.advance(hours=1)
    told = await history.record(reversed(looks))
    assert words(told)[1:] == [
        "created -> placed", "placed -> check_submitted", "check_submitted -> check_reviewed"
    ]  # fmt: skip
    assert await history.looks("prdo_1") == looks


async def test_a_look_that_began_before_the_last_recorded_one_says_nothing_new(history: History, clock: Clock) -> None:
    late = look(clock, "placed")
    clock.advance(hours=1)
    await history.record([look(clock, "check_submitted")])
    assert await history.record([late]) == []
    assert await statuses(history) == ["check_submitted"]


@pytest.mark.parametrize(
    ("before", "lagging"),
    [
        ({"status": "check_submitted"}, {"status": "placed"}),
        ({"status": "activated"}, {"status": "installed"}),
        ({"status": "cancelled"}, {"status": "placed"}),
        ({"status": "installed", "installed_at": CREATED}, {"status": "installed"}),
        ({}, {"blocked_at": CREATED + timedelta(days=2), **BLOCKED}),
        (
            {"blocked_at": CREATED + timedelta(days=2), **BLOCKED},
            {"blocked_at": CREATED + timedelta(days=1), **BLOCKED},
        ),
        (
            {"api_version": EDISON, "status": "blocked", "updated_at": CREATED + timedelta(days=2)},
            {"api_version": EDISON, "status": "ordered", "updated_at": CREATED + timedelta(days=1)},
        ),
    ],
    ids=["back", "from the end", "from a cancellation", "without its time", "blocked", "blocked before", "edison"],
)
async def test_a_read_that_lags_is_not_told_even_if_it_shows_what_was_never_recorded(
    before: dict[str, object], lagging: dict[str, object], history: History, clock: Clock
) -> None:
    await history.record([look(clock, **before)])
    clock.advance(minutes=5)
    assert await history.record([look(clock, **lagging)]) == []
    clock.advance(minutes=5)
    assert await history.record([look(clock, **before)]) == []
    assert len(await history.looks("prdo_1")) == 1


async def test_a_read_that_lags_shows_a_recorded_state_again(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    clock.advance(days=1)
    await history.record([look(clock, blocked_at=clock.now, **BLOCKED)])
    clock.advance(minutes=14)
    assert await history.record([look(clock)]) == []
    clock.advance(minutes=2)
    assert words(await history.record([look(clock)])) == ["blocked: check_missing -> placed"]


async def test_an_order_that_went_back_is_told_later_with_a_bound_that_is_true(history: History, clock: Clock) -> None:
    await history.record([look(clock, "check_submitted")])
    await run(history, clock.advance(minutes=5))
    clock.advance(minutes=5)
    assert await history.record([look(clock, "placed")]) == []
    seen = ago(clock, minutes=5)
    await run(history, clock.advance(hours=1))  # did not see the order in the later state
    clock.advance(days=1)
    [change] = await history.record([look(clock, "placed")])
    assert (change.not_before, change.seen_at) == (seen, clock.now)


async def test_a_doubt_ends_when_the_later_state_is_seen_again(history: History, clock: Clock) -> None:
    await history.record([look(clock, "check_submitted")])
    for status in ("placed", "check_submitted"):
        clock.advance(minutes=5)
        await history.record([look(clock, status)])
    await run(history, clock.advance(days=1))
    seen = clock.now
    clock.advance(days=1)
    [change] = await history.record([look(clock, "check_reviewed")])
    assert change.not_before == seen


async def test_a_state_was_last_seen_by_the_last_complete_run_before_the_look(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    for _ in range(5):
        await run(history, clock.advance(days=1))
    seen = clock.now
    await run(history, clock.advance(hours=1), not_covered="some orders")
    await run(history, clock.advance(hours=1), finished=False)
    clock.advance(hours=1)
    await run(history, clock.now + timedelta(minutes=1))  # began after the look, and was recorded before it
    [change] = await history.record([look(clock, "check_submitted")])
    assert (change.not_before, change.seen_at) == (seen, clock.now)


async def test_no_run_looks_at_what_is_final(history: History, clock: Clock) -> None:
    await history.record([look(clock, "cancelled")])
    seen = clock.now
    await run(history, clock.advance(days=1))
    clock.advance(days=1)
    [change] = await history.record([look(clock, "placed")])
    assert change.not_before == seen


async def test_an_order_that_is_new_since_watching_began_is_told_with_its_status(
    history: History, clock: Clock
) -> None:
    await run(history, CREATED - timedelta(days=1))
    assert words(await history.record([look(clock)])) == [" -> created", " -> placed"]
    assert words(await history.record([look(clock, order_id="prdo_2", created_at=CREATED - timedelta(days=9))])) == [
        " -> created"
    ]


async def test_a_clock_that_was_far_ahead_hides_nothing(history: History, clock: Clock) -> None:
    clock.advance(days=3000)
    await history.record([look(clock)])
    for hours in range(3):
        await run(history, clock.now + timedelta(hours=hours))
    clock.advance(days=-3000)
    [change] = await history.record([look(clock, "check_submitted")])
    assert (change.not_before, change.seen_at) == (None, clock.now)
    for _ in range(2):
        await run(history, clock.advance(days=1))
    seen = clock.now
    clock.advance(days=1)
    [change] = await history.record([look(clock, "check_reviewed")])
    assert change.not_before == seen


async def test_a_clock_that_goes_back_hides_nothing_for_long(history: History, clock: Clock) -> None:
    await history.record([look(clock)])
    clock.advance(hours=-1)
    assert words(await history.record([look(clock, "check_submitted")])) == ["placed -> check_submitted"]


async def test_nothing_was_seen_later_than_now(history: History, clock: Clock) -> None:
    await history.record([look(clock, seen_at=clock.now + timedelta(days=9))])
    assert [each.seen_at for each in await history.looks("prdo_1")] == [clock.now]


_RECORDER = """
import sys
import anyio
from datetime import datetime, UTC, timedelta
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History

START = datetime(2026, 6, 15, tzinfo=UTC)
STATUSES = ["placed", "check_submitted", "check_reviewed", "scheduled"]

async def main():
    history = History(sys.argv[1], lambda: START + timedelta(days=30))
    for day, status in enumerate(STATUSES):
        await history.record([OrderLook(
            order_id=f"prdo_{number}", subscription_id="sub_1", customer_id="cus_1", api_version="2026-05-27.curie",
            status=status, created_at=START, seen_at=START + timedelta(days=day), seen_by="poll",
        ) for number in range(20)])
    await history.aclose()

anyio.run(main)
"""


@pytest.mark.slow
async def test_processes_that_see_the_same_tell_it_once(history: History, database_url: str) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", _RECORDER, database_url]) for _ in range(3)]  # noqa: ASYNC220
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    async with history.database.reading() as connection:
        told = (await connection.execute(select(changes.c.order_id, changes.c.after))).all()
        latest = (await connection.execute(select(observations.c.status).where(observations.c.is_latest))).all()
    assert len(told) == len(set(told)) == 20 * 4
    assert [row.status for row in latest] == ["scheduled"] * 20


STEPS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(["placed", "check_submitted", "check_reviewed", "scheduled"]),
        strategies.booleans(),
        strategies.integers(1, 40),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=25)
@given(steps=STEPS)
async def test_looks_that_are_told_twice_late_or_in_disorder_change_nothing(
    steps: list[tuple[str, bool, int]],
) -> None:
    clock = Clock(datetime.fromisoformat("2026-06-15T10:00:00Z"))
    once, again = History(IN_MEMORY, clock), History(IN_MEMORY, clock)
    looks: list[OrderLook] = []
    for status, is_blocked, minutes in steps:
        clock.advance(minutes=minutes)
        looks.append(look(clock, status, **(BLOCKED if is_blocked else {})))
    for each in looks:
        await once.record([each])
        await again.record([each])
        await again.record([*looks[: looks.index(each)], each])
    await again.record(reversed(looks))
    assert await again.looks("prdo_1") == await once.looks("prdo_1")
    assert await again.changes(limit=99) == await once.changes(limit=99)
    await once.aclose()
    await again.aclose()


async def test_an_order_that_went_back_is_not_moved_on_again_by_a_read_that_lags(
    history: History, clock: Clock
) -> None:
    for status in ("placed", "check_submitted", "placed"):
        clock.advance(days=1)
        await history.record([look(clock, status)])
    clock.advance(minutes=1)
    assert await history.record([look(clock, "check_submitted")]) == []
    clock.advance(days=1)
    (change,) = await history.record([look(clock, "check_submitted")])
    assert (change.before, change.after) == ("placed", "check_submitted")
