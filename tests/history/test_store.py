"""`History`: what is recorded of looks at orders, and how it is told."""

from nomos_mcp.history.store import History
from tests.databases import Clock
from tests.history.looks import look


async def test_the_same_state_is_recorded_once(history: History, clock: Clock) -> None:
    first = look(clock)
    await history.record([first])
    clock.advance(days=1)
    assert await history.record([look(clock)]) == []
    assert await history.looks("prdo_1") == [first]
