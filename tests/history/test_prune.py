"""Pruning: what is deleted is gone and not claimed; what remains goes on telling the truth."""

from datetime import timedelta

import pytest

from nomos_mcp.history.store import History
from tests.databases import Clock
from tests.history.looks import BLOCKED, ago, look, run, three_days, words


@pytest.mark.parametrize("at_once", [1, 2, 5000])
async def test_pruning_keeps_the_state_at_that_moment_and_what_came_after(
    at_once: int, history: History, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.history.store._PRUNED_AT_ONCE", at_once)
    start = clock.now
    for day in range(3):
        await run(history, start + timedelta(days=day))
    await three_days(history, clock)
    moment = start + timedelta(days=1, hours=12)
    assert await history.prune(moment) == 2
    assert [each.status for each in await history.looks("prdo_1")] == ["check_submitted", "scheduled"]
    assert {change.after for change in await history.changes(limit=99)} == {"scheduled"}
    [gap] = await history.runs.gaps(start, start + timedelta(days=2))
    assert (gap.start, gap.end) == (start, start + timedelta(days=2))


async def test_after_pruning_everything_the_next_look_tells_what_it_would_have_told(
    history: History, clock: Clock
) -> None:
    told = await three_days(history, clock)
    clock.advance(days=100)
    await run(history, ago(clock, days=50))
    await history.prune(clock.now)
    assert await history.record([look(clock, "scheduled")]) == []
    [change] = await history.record([look(clock, "installed")])
    assert words([change]) == ["scheduled -> installed"]
    assert change.number > max(each.number for each in told)  # who follows the numbers misses nothing


async def test_a_read_that_lags_is_known_even_if_what_it_shows_is_old_and_pruned_around(
    history: History, clock: Clock
) -> None:
    await history.record([look(clock)])
    clock.advance(days=500)
    await history.record([look(clock, blocked_at=clock.now, **BLOCKED)])
    await history.prune(ago(clock, days=400))
    clock.advance(minutes=5)
    assert await history.record([look(clock)]) == []
