"""Walking a long list in parts: what is found, in which order, where it goes on, and what it costs upstream."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import anyio
import pytest

from nomos_mcp.client import CurieMeterOrder, Listing, MeterOrder, NotFoundError, Page
from nomos_mcp.server import walks
from nomos_mcp.server.cursors import Cursor, cursor_of
from nomos_mcp.server.parts import is_long, parts_of
from nomos_mcp.server.walks import Found, Parting, walk
from tests.conftest import NOW

STATUSES = ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed")
WEIGHTS = (3, 6, 2, 3, 4, 2)
QUERY = ("a query",)


class Upstream:
    """A list of orders, newest first, that counts the pages it is asked for and how many of them at once."""

    def __init__(self, orders: list[MeterOrder]) -> None:
        self.orders = orders
        self.asked: list[tuple[str, ...]] = []
        self.under_way = self.most_under_way = 0

    def listing(self, part: tuple[str, ...], cursor: str, size: int = 10) -> Listing[MeterOrder]:
        wanted = [order for order in self.orders if not part or order.status in part]

        async def fetch(at: str) -> Page[MeterOrder]:
            self.asked.append(part)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            await anyio.lowlevel.checkpoint()
            self.under_way -= 1
            begin = int(at or 0)
            more = len(wanted) > begin + size
            return Page(tuple(wanted[begin : begin + size]), more, str(begin + size) if more else "")

        return Listing(fetch, cursor)


def orders(size: int, blocked: float = 0.1, seed: int = 0, *, ties: bool = False) -> list[MeterOrder]:
    """Make up orders, newest first; with ties, several at one moment."""
    rng = Random(seed)  # noqa: S311  invented data, the same in every run
    return [
        CurieMeterOrder(
            id=f"prdo_{number}",
            subscription=f"sub_{number}",
            customer="cus_1",
            provider="metrify",
            status=rng.choices(STATUSES, WEIGHTS)[0],
            created_at=moment(number // 7 * 7 if ties else number),
            blocked_at=NOW if rng.random() < blocked else None,
        )
        for number in range(size)
    ]


def moment(number: int) -> datetime:
    return NOW - timedelta(hours=number)


def is_blocked(order: MeterOrder) -> bool:
    return isinstance(order, CurieMeterOrder) and order.blocked_at is not None


def parting(most: int = 4) -> Parting:
    return Parting(STATUSES, lambda: most)


async def found(upstream: Upstream, wanted: int, start: Cursor | None = None, most: int = 4) -> Found[MeterOrder]:
    return await walk(
        upstream.listing, start or Cursor(10), wanted=wanted, keep=is_blocked, parting=parting(most) if most else None
    )


async def to_the_end(upstream: Upstream, wanted: int, handed: Callable[[int], int] = lambda count: count) -> list[str]:
    """Follow the cursors as a client does; `handed` says how many of the finds fit into an answer."""
    ids: list[str] = []
    cursor = Cursor(10)
    while True:
        found_now = await found(upstream, wanted, cursor)
        count = handed(len(found_now.items))
        ids += [order.id for order in found_now.items[:count]]
        rest = found_now.next(count)
        if rest is None:
            return ids
        cursor = cursor_of(rest.text(QUERY), QUERY)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wanted", [1, 3, 20, 100])
@pytest.mark.parametrize("pages", [7, 20, 100])
async def test_following_the_cursors_finds_each_blocked_order_once_and_newest_first(
    seed: int, wanted: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "MAX_PAGES", pages)
    upstream = Upstream(orders(600, seed=seed))
    assert await to_the_end(upstream, wanted) == [order.id for order in upstream.orders if is_blocked(order)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("pages", [7, 100])
async def test_orders_of_one_moment_are_repeated_rather_than_lost(
    seed: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "MAX_PAGES", pages)
    upstream = Upstream(orders(600, seed=seed, ties=True))
    ids = await to_the_end(upstream, 5)
    moments = {order.id: order.created_at or NOW for order in upstream.orders}
    assert set(ids) == {order.id for order in upstream.orders if is_blocked(order)}
    assert [moments[each] for each in ids] == sorted((moments[each] for each in ids), reverse=True)


async def test_an_answer_that_holds_fewer_than_were_found_goes_on_after_the_last_it_held() -> None:
    upstream = Upstream(orders(600))
    ids = await to_the_end(upstream, 100, handed=lambda count: min(count, 2))
    assert ids == [order.id for order in upstream.orders if is_blocked(order)]


async def test_a_long_list_is_walked_in_parts_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "MAX_PAGES", 1000)
    upstream = Upstream(orders(3000, blocked=0.001))
    result = await found(upstream, 20)
    assert [order.id for order in result.items] == [order.id for order in upstream.orders if is_blocked(order)]
    assert result.next() is None
    assert upstream.most_under_way == 4
    fewest = 300
    assert len(upstream.asked) <= 1.05 * fewest


async def test_a_list_of_two_pages_is_read_with_two_requests() -> None:
    upstream = Upstream(orders(20))
    await found(upstream, 20)
    assert len(upstream.asked) == 2


async def test_a_walk_that_finds_enough_soon_is_not_parted() -> None:
    upstream = Upstream(orders(3000, blocked=0.5))
    result = await found(upstream, 20)
    assert len(result.items) == 20
    assert set(upstream.asked) == {()}
    assert len(upstream.asked) <= 5


@pytest.mark.parametrize("most", [0, 1])
async def test_where_one_walk_uses_the_rate_budget_there_is_only_one(most: int) -> None:
    upstream = Upstream(orders(500, blocked=0.0))
    await found(upstream, 20, most=most)
    assert upstream.most_under_way == 1
    assert len(upstream.asked) == 50


async def test_parts_are_read_little_further_than_the_newest_that_were_asked_for() -> None:
    upstream = Upstream(orders(3000, blocked=0.02))
    result = await found(upstream, 10)
    fewest = upstream.orders.index(result.items[-1]) // 10 + 1
    assert len(result.items) == 10
    assert len(upstream.asked) <= 1.5 * fewest


async def test_each_order_is_looked_at_once_when_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "MAX_PAGES", 1000)
    upstream = Upstream(orders(1000))
    looked: list[str] = []

    def count(order: MeterOrder) -> bool:
        looked.append(order.id)
        return False

    result = await walk(upstream.listing, Cursor(10), wanted=1, keep=count, parting=parting())
    assert sorted(looked) == sorted(order.id for order in upstream.orders)
    assert not result.items
    assert result.next() is None
    assert upstream.most_under_way == 4


async def test_progress_is_reported_after_each_page_but_the_first() -> None:
    upstream = Upstream(orders(95, blocked=0.0))
    told: list[int] = []

    async def report(read: int) -> None:
        told.append(read)

    await walk(upstream.listing, Cursor(10), wanted=20, keep=is_blocked, report=report)
    assert told == [20, 30, 40, 50, 60, 70, 80, 90, 95]


async def test_the_failure_of_one_part_is_the_failure_of_the_walk_and_no_group() -> None:
    upstream = Upstream(orders(3000, blocked=0.0))

    def failing(part: tuple[str, ...], cursor: str) -> Listing[MeterOrder]:
        async def fetch(at: str) -> Page[MeterOrder]:
            if "placed" in part:
                raise NotFoundError(404)
            return await upstream.listing(part, at)

        return Listing(fetch, cursor)

    with pytest.raises(NotFoundError):
        await walk(failing, Cursor(10), wanted=20, keep=is_blocked, parting=parting())


def test_parts_are_about_as_long_as_each_other_and_no_more_than_help() -> None:
    seen = {"created": 30, "placed": 60, "check_submitted": 20, "check_reviewed": 30, "scheduled": 40, "installed": 20}
    parts = parts_of(STATUSES, seen, most=6)
    assert sorted(status for part in parts for status in part) == sorted(STATUSES)
    assert [sum(seen[status] for status in part) for part in parts] == [60, 40, 30, 30, 20, 20]
    assert [sum(seen[status] for status in part) for part in parts_of(STATUSES, seen, most=3)] == [80, 60, 60]
    assert parts_of(STATUSES, seen, most=1) == [tuple(sorted(STATUSES, key=lambda status: -seen[status]))]
    assert len(parts_of(STATUSES, {"placed": 100}, most=6)) == 1
    assert len(parts_of(("placed",), {"placed": 100}, most=6)) == 1
    assert len(parts_of(STATUSES, {}, most=6)) == 1


@pytest.mark.parametrize(
    ("found_so_far", "wanted", "long"), [(0, 1, True), (0, 20, True), (5, 20, False), (10, 20, False), (2, 20, True)]
)
def test_a_walk_is_long_if_the_finds_so_far_promise_many_more_pages(
    found_so_far: int, wanted: int, *, long: bool
) -> None:
    assert is_long(found_so_far, wanted, pages=2) is long
