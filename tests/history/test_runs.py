"""The runs of watching: what they covered."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import insert

from nomos_mcp.history.database import IN_MEMORY
from nomos_mcp.history.runs import Gap
from nomos_mcp.history.store import History
from nomos_mcp.history.tables import runs
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture
async def history() -> AsyncIterator[History]:
    made = History(IN_MEMORY, lambda: NOW)
    yield made
    await made.aclose()


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


async def test_a_time_without_length_has_no_gap(history: History) -> None:
    assert await _gaps(history, 1, 1) == []
    assert await _gaps(history, 0, 1) == []
