"""The runs of watching: what they covered, and who walks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from nomos_mcp.database.tables import runs
from nomos_mcp.history.runs import LEASE, RETRY_AFTER, Gap, Run, WatchError
from nomos_mcp.history.store import History
from tests.conftest import NOW
from tests.databases import Clock

DAY = timedelta(days=1)


async def _ran(history: History, *days_ago: float, not_covered: str = "", finished: bool = True) -> None:
    for days in days_ago:
        start = NOW - days * DAY
        async with history.database.writing() as connection:
            await connection.execute(
                insert(runs).values(
                    started_at=start,
                    holder="",
                    heartbeat_at=start,
                    requests=1,
                    orders_read=1,
                    changes=0,
                    finished_at=start if finished else None,
                    not_covered=not_covered,
                )
            )


async def _gaps(history: History, since: float, until: float) -> list[tuple[float, float, str]]:
    found = await history.runs.gaps(NOW - since * DAY, NOW - until * DAY)
    assert all(isinstance(gap, Gap) for gap in found)
    return [((NOW - gap.start) / DAY, (NOW - gap.end) / DAY, gap.why) for gap in found]


async def test_without_a_run_nothing_is_covered(history: History) -> None:
    assert await _gaps(history, 7, 0) == [(7, 0, "nothing was watched")]


async def test_daily_runs_cover_the_time_between_them(history: History) -> None:
    await _ran(history, 9, 8, 7, 6, 5)
    assert await _gaps(history, 8.5, 5.5) == []
    assert await _gaps(history, 9, 5) == []


async def test_a_run_may_be_half_a_day_late_and_no_later(history: History) -> None:
    await _ran(history, 9, 7.5, 5.9)
    assert await _gaps(history, 9, 5.9) == [(7.5, 5.9, "no look for more than 36 hours")]


async def test_the_time_before_the_first_run_is_not_covered(history: History) -> None:
    await _ran(history, 3, 2)
    assert await _gaps(history, 5, 2) == [(5, 3, "before watching began")]
    assert await _gaps(history, 5, 4) == [(5, 4, "before watching began")]


async def test_the_time_after_the_start_of_the_last_run_is_not_covered(history: History) -> None:
    await _ran(history, 3, 2)
    assert await _gaps(history, 3, 0) == [(2, 0, "after the last complete look at all orders")]
    assert await _gaps(history, 1, 0) == [(1, 0, "after the last complete look at all orders")]


async def test_a_run_that_left_something_out_covers_nothing(history: History) -> None:
    await _ran(history, 4, 2)
    await _ran(history, 3, not_covered="1 order that could not be read")
    assert await _gaps(history, 4, 2) == [(4, 2, "the looks at that time did not reach every order")]


async def test_a_run_that_did_not_end_covers_nothing(history: History) -> None:
    await _ran(history, 4, finished=False)
    assert await _gaps(history, 5, 0) == [(5, 0, "the looks at that time did not reach every order")]


async def test_only_the_part_of_a_gap_that_was_asked_for_is_told(history: History) -> None:
    await _ran(history, 9, 2)
    assert await _gaps(history, 6, 4) == [(6, 4, "no look for more than 36 hours")]


async def test_a_run_of_a_clock_that_was_ahead_covers_nothing_yet(history: History) -> None:
    await _ran(history, 2, -3)
    assert await _gaps(history, 2, 0) == [(2, 0, "after the last complete look at all orders")]


async def test_a_single_moment_is_a_gap_unless_watching_covered_it(history: History) -> None:
    assert [why for _, _, why in await _gaps(history, 1, 1)] == ["nothing was watched"]
    await _ran(history, 2, 1)
    assert await _gaps(history, 1, 1) == []
    assert await _gaps(history, 0, 1) == []


async def _silent_for(history: History, silence: timedelta) -> None:
    """Let the last sign of life be so long ago, by the clock that leases run out by."""
    clock = datetime.now(UTC) if history.database.is_postgresql else history.now()
    async with history.database.writing() as connection:
        await connection.execute(update(runs).values(heartbeat_at=clock - silence))


async def _save(history: History, run: Run, *, finished: bool = False) -> None:
    async with history.database.writing() as connection:
        await history.runs.save(connection, run, finished_at=history.now() if finished else None)


async def test_one_process_walks(history: History) -> None:
    await history.runs.begin("one")
    with pytest.raises(WatchError, match="Another process is watching: its run began at 2026-06-15 10:00:00 UTC"):
        await history.runs.begin("two")


async def test_a_run_that_gave_no_sign_of_life_goes_on_where_it_was(history: History) -> None:
    first = await history.runs.begin("one")
    await _save(history, replace(first, progress="there", requests=7, orders_read=700, changes=3))
    await _silent_for(history, LEASE + timedelta(seconds=1))
    second = await history.runs.begin("two")
    assert second == Run(
        number=first.number,
        started_at=first.started_at,
        holder="two",
        progress="there",
        requests=7,
        orders_read=700,
        changes=3,
        resumed=True,
    )


async def test_a_sign_of_life_keeps_a_run(history: History) -> None:
    run = await history.runs.begin("one")
    await _silent_for(history, LEASE + timedelta(seconds=1))
    await history.runs.beat(run)
    with pytest.raises(WatchError, match="Another process is watching"):
        await history.runs.begin("two")


async def test_who_has_lost_a_run_records_nothing_and_keeps_nobody_out(history: History) -> None:
    lost = await history.runs.begin("one")
    await _silent_for(history, LEASE + timedelta(seconds=1))
    held = await history.runs.begin("two")
    for finished in (False, True):
        with pytest.raises(WatchError, match="has taken this run over"):
            await _save(history, replace(lost, progress="elsewhere"), finished=finished)
    await history.runs.release(lost)
    await history.runs.beat(lost)
    await _save(history, held, finished=True)
    assert not (await history.runs.begin("three")).resumed


async def test_a_released_run_goes_on_at_once(history: History) -> None:
    await history.runs.release(await history.runs.begin("one"))
    assert (await history.runs.begin("two")).resumed


async def test_a_run_whose_clock_was_set_back_keeps_nobody_out(history: History) -> None:
    await history.runs.begin("one")
    await _silent_for(history, timedelta(days=-1))
    assert (await history.runs.begin("two")).resumed


async def test_an_old_run_is_ended_and_a_new_one_begins(history: History, clock: Clock) -> None:
    first = await history.runs.begin("one")
    await history.runs.release(first)
    clock.advance(hours=13)
    second = await history.runs.begin("two")
    assert (second.number, second.resumed, second.started_at) == (first.number + 1, False, clock.now)
    with pytest.raises(WatchError, match="has taken this run over"):
        await _save(history, first)
    assert await history.runs.gaps(NOW, clock.now) != []


async def test_a_run_is_due_when_its_time_has_come(history: History, clock: Clock) -> None:
    assert await history.runs.is_due(DAY)
    await _save(history, await history.runs.begin("one"), finished=True)
    assert not await history.runs.is_due(DAY)
    clock.advance(hours=23, minutes=59)
    assert not await history.runs.is_due(DAY)
    clock.advance(minutes=1)
    assert await history.runs.is_due(DAY)


async def test_a_run_is_due_when_the_clock_was_set_back(history: History, clock: Clock) -> None:
    await _save(history, await history.runs.begin("one"), finished=True)
    clock.advance(days=-400)
    assert await history.runs.is_due(DAY)


async def test_a_run_that_walks_is_not_due_and_one_that_died_is(history: History) -> None:
    await history.runs.begin("one")
    assert not await history.runs.is_due(DAY)
    await _silent_for(history, LEASE + timedelta(seconds=1))
    assert await history.runs.is_due(DAY)


async def test_a_run_that_failed_is_taken_up_after_a_while(history: History) -> None:
    await history.runs.release(await history.runs.begin("one"))
    assert not await history.runs.is_due(DAY)
    await _silent_for(history, RETRY_AFTER)
    assert await history.runs.is_due(DAY)
