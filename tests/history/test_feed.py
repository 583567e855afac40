"""`History`: reading what was recorded, as everybody and as one customer."""

from datetime import timedelta

import pytest

from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.history.changes import Change
from nomos_mcp.history.store import History, Place
from tests.databases import Clock
from tests.history.looks import BLOCKED, look, three_days, words


async def test_the_feed_is_read_newest_first_and_page_by_page(history: History, clock: Clock) -> None:
    told = await three_days(history, clock)
    read: list[Change] = []
    place = None
    while page := await history.changes(behind=place, limit=2):
        place = Place(page[-1].latest, page[-1].number)
        read += page
    assert sorted(read, key=lambda change: change.number) == told
    assert read == sorted(read, key=lambda change: (change.latest, change.number), reverse=True)


async def test_a_change_that_comes_while_the_feed_is_read_moves_no_page(history: History, clock: Clock) -> None:
    told = await three_days(history, clock)
    first = await history.changes(limit=3)
    await history.record([look(clock, "installed", installed_at=clock.now)])
    second = await history.changes(behind=Place(first[-1].latest, first[-1].number), limit=9)
    assert sorted(change.number for change in first + second) == [change.number for change in told]


async def test_the_feed_can_be_narrowed(history: History, clock: Clock) -> None:
    await three_days(history, clock)
    await history.record([look(clock, "scheduled", blocked_at=clock.now, **BLOCKED)])

    async def found(**filters: object) -> list[str]:
        return words(await history.changes(limit=20, **filters))  # type: ignore[arg-type]

    assert await found(order_id="prdo_2") == [
        "check_submitted -> scheduled", "placed -> check_submitted", " -> created"
    ]  # fmt: skip
    assert await found(customer_id="cus_2") == await found(order_id="prdo_2")
    assert await found(customer_id="cus_2", order_id="prdo_1") == []
    assert await found(kind="blocked") == ["scheduled -> blocked: check_missing"]
    assert await found(kind="status", customer_id="cus_1") == await found(order_id="prdo_2")


async def test_a_time_span_finds_what_may_have_happened_in_it(history: History, clock: Clock) -> None:
    start = clock.now
    await three_days(history, clock)  # changed between the first and the second day, and between that and the third

    async def found(since: float | None, until: float | None) -> list[str]:
        bounds = [None if day is None else start + timedelta(days=day) for day in (since, until)]
        seen = await history.changes(since=bounds[0], until=bounds[1], order_id="prdo_1", limit=9)
        return [change.after for change in seen]

    assert await found(None, None) == ["scheduled", "check_submitted", "created"]
    assert await found(0.5, 0.6) == ["check_submitted"]
    assert await found(0.5, 1.5) == ["scheduled", "check_submitted"]
    assert await found(1.5, None) == ["scheduled"]
    assert await found(2.1, None) == []
    assert await found(None, -1) == ["created"]


async def test_a_view_of_a_customer_shows_nothing_else(history: History, clock: Clock) -> None:
    await three_days(history, clock)
    view = history.for_customer("cus_2")
    everything = [*await view.changes(limit=99), *await view.changes_after(0, 99)]
    everything += await view.changes(customer_id="cus_1", limit=99)
    everything += await view.changes(order_id="prdo_1", limit=99)
    assert len(everything) == 6
    looks = [*await view.looks("prdo_2"), *await view.looks("prdo_1"), *[each async for each in view.exported()]]
    assert len(looks) == 6
    assert {each.customer_id for each in everything} == {each.customer_id for each in looks} == {"cus_2"}
    assert {each.customer_id for each in await history.changes(limit=99)} == {"cus_1", "cus_2"}


def test_a_view_of_nobody_would_show_everything_and_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="customer"):
        History(IN_MEMORY, clock).for_customer("")


async def test_everything_is_exported_in_pages(history: History, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.history.store._EXPORTED_AT_ONCE", 2)
    await three_days(history, clock)
    assert [each.status async for each in history.exported()] == [
        "placed", "placed", "check_submitted", "check_submitted", "scheduled", "scheduled"
    ]  # fmt: skip
