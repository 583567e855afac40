"""The change feed as a whole: whatever happened is told once, over however many pages, while more happens."""

import base64
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings, strategies as st
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.server import create_server, pagination
from nomos_mcp.server.tool_factory import MAX_BYTES
from nomos_mcp.settings import Settings
from tests.conftest import NOW
from tests.server.conftest import answer_of
from tests.server.test_list_order_changes import DAY, ran

TOOL = "list_order_changes"
Json = dict[str, Any]
Told = tuple[str, str]
"""An order's ID and what became of it."""


class Upstream:
    """Orders newest first, in pages. Its cursors count orders, so that a new one moves all behind it, or name one."""

    def __init__(self, version: ApiVersion, *, anchored: bool) -> None:
        self.version = version
        self.anchored = anchored
        self.orders: list[Json] = []
        self.requests = 0

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.requests += 1
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        since = query.get("filter[updated_at][gte]", "")
        shown = [order for order in self.orders if not since or moment(order["updated_at"]) >= moment(since)]
        begin, size = self._begin(shown, query.get("cursor", "")), 3  # whatever is asked for: the vendor may have less
        page, more = shown[begin : begin + size], begin + size < len(shown)
        after = json.dumps({"id": page[-1]["id"], "created_at": page[-1]["created_at"]}) if page else ""
        cursor = base64.urlsafe_b64encode(after.encode()).decode() if self.anchored else str(begin + size)
        body = {"object": "list", "items": page, "has_more": more, "next_page": cursor if more else None}
        headers = [(b"content-type", b"application/json"), (b"x-api-version", self.version.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def _begin(self, shown: list[Json], cursor: str) -> int:
        if not (self.anchored and cursor):
            return int(cursor or 0)
        last = json.loads(base64.urlsafe_b64decode(cursor))["id"]
        return next(place for place, order in enumerate(shown) if order["id"] == last) + 1


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def made(rng: random.Random, number: int, created: datetime, version: ApiVersion) -> tuple[Json, dict[str, datetime]]:
    """Make an order up, and say what happened to it when."""
    order: Json = {"id": f"prdo_{number}", "subscription": f"sub_{number}", "customer": f"cus_{number % 3}"}
    order |= {"object": "meter_order", "provider": "metrify", "status": "placed", "created_at": created.isoformat()}
    happened = {"created": created}

    def later() -> datetime:
        last = max(happened.values())
        return last + (NOW - last) * rng.random()

    if version == EDISON:
        order |= {"status": "ordered", "updated_at": created.isoformat()}
        if rng.random() < 0.7:
            happened["updated"] = later()
            order["updated_at"] = happened["updated"].isoformat()
        return order, happened
    for status in ("installed", "activated", "cancelled"):
        if rng.random() < 0.4:
            reached = f"{status}: customer_request" if status == "cancelled" else status
            happened[reached] = later()
            order |= {"status": status, f"{status}_at": happened[reached].isoformat()}
    if order["status"] == "cancelled":
        order["cancelled_reason"] = "customer_request"
    elif order["status"] == "placed" and rng.random() < 0.5:
        happened["blocked: check_missing"] = later()
        order |= {"blocked_reason": "check_missing", "blocked_at": happened["blocked: check_missing"].isoformat()}
    return order, happened


@asynccontextmanager
async def connected(upstream: Upstream, history: History | None = None) -> AsyncIterator[Client]:
    nomos = NomosClient(
        access_token="t",
        base_url="http://127.0.0.1",
        app=upstream,
        api_version=upstream.version,
        requests_per_second=100_000,
    )
    async with nomos, Client(create_server(Settings(), client=nomos, clock=lambda: NOW, history=history)) as client:
        yield client


async def pages(client: Client, arguments: Json, between: Callable[[], Any] = lambda: None) -> list[Json]:
    """Read the whole feed; `between` two pages, something happens."""
    answers = [answer_of(await client.call_tool(TOOL, arguments))]
    while answers[-1]["has_more"]:
        assert not answers[-1]["complete"]
        between()
        cursor = answers[-1]["next_cursor"]
        answers.append(answer_of(await client.call_tool(TOOL, {**arguments, "cursor": cursor})))
        assert len(answers) < 500, "the feed does not end"
    return answers


def told_in(answers: list[Json]) -> Counter[Told]:
    lines = [re.fullmatch(r"(\S+) \S+: (.*); .*; turn: .*", line) for answer in answers for line in answer["changes"]]
    return Counter((line[1], line[2].rpartition("→ ")[2]) for line in lines if line)


async def walked(seed: int, upstream: Upstream, newcomers: int) -> tuple[set[Told], set[Told], set[str]]:
    """Read the feed of invented orders; return what it told of them, what happened to them, and what it left out."""
    rng = random.Random(seed)  # noqa: S311  invented data, the same in every run
    truth: set[Told] = set()
    since = NOW - rng.uniform(1, 40) * DAY
    for number in range(rng.randrange(25)):
        order, happened = made(rng, number, NOW - (number + 1) * 2 * DAY, upstream.version)
        upstream.orders.append(order)
        truth |= {(order["id"], what) for what, when in happened.items() if when >= since}
    most = len(upstream.orders) + newcomers

    def order_more() -> None:
        for _ in range(rng.choice((0, 0, 1, 3))):
            if len(upstream.orders) < most:
                upstream.orders.insert(0, made(rng, 1000 + len(upstream.orders), NOW, upstream.version)[0])

    async with connected(upstream) as client:
        answers = await pages(client, {"since": since.isoformat(), "limit": rng.randrange(1, 8)}, order_more)
    told = told_in(answers)
    assert max(told.values(), default=1) == 1, f"seed {seed}: told twice"
    assert not any(answer["complete"] for answer in answers)
    left_out = {why for answer in answers for why in answer["not_covered"][1:] if "not read yet" not in why}
    return {(order, what) for order, what in told if int(order[5:]) < 1000}, truth, left_out


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("max_pages", [1, 2, 100])
async def test_without_a_history_whatever_is_dated_is_told_once_while_orders_come_in(
    version: ApiVersion, *, anchored: bool, max_pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", max_pages)
    newcomers = 3 * (max_pages if anchored else max_pages - 1)
    for seed in range(10):
        told, truth, left_out = await walked(seed, Upstream(version, anchored=anchored), newcomers)
        assert (told, left_out) == (truth, set()), f"seed {seed}"


@pytest.mark.parametrize("anchored", [True, False])
async def test_where_more_orders_come_in_than_can_be_read_what_is_missing_is_not_hidden(
    *, anchored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", 1)
    lost = 0
    for seed in range(10):
        told, truth, left_out = await walked(seed, Upstream(CURIE, anchored=anchored), 30)
        assert told <= truth
        assert told == truth or left_out, f"seed {seed}"
        lost += len(truth - told)
    assert lost


async def test_a_walk_that_stops_says_where_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", 2)
    upstream = Upstream(CURIE, anchored=True)
    upstream.orders = [made(random.Random(0), number, NOW - number * DAY, CURIE)[0] for number in range(8)]  # noqa: S311
    async with connected(upstream) as client:
        first = answer_of(await client.call_tool(TOOL, {"since": "2026-01-01", "limit": 100}))
        cursor = first["next_cursor"]
        last = answer_of(await client.call_tool(TOOL, {"since": "2026-01-01", "limit": 100, "cursor": cursor}))
    assert "orders created before 10 Jun 2026: not read yet, go on with next_cursor" in first["not_covered"]
    assert (last["has_more"], len(last["not_covered"])) == (False, 1)
    assert upstream.requests == 3


STEPS = ("placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated")
schedules = st.lists(  # for each order: on which days it takes a step
    st.sets(st.integers(min_value=1, max_value=18), max_size=len(STEPS) - 1), min_size=1, max_size=6
)


@pytest.mark.slow
@settings(max_examples=25)
@given(schedule=schedules, limit=st.integers(min_value=1, max_value=7), missed=st.sets(st.integers(1, 18), max_size=4))
async def test_with_a_history_every_step_is_told_once_with_bounds_that_hold_it(
    schedule: list[set[int]], limit: int, missed: set[int]
) -> None:
    """Polled at midnight of each day but those missed; each step is taken at noon of its day."""
    begun = NOW - 20 * DAY
    history = History(IN_MEMORY, lambda: NOW)
    polls = [begun + day * DAY for day in range(20) if day not in missed]
    for poll in polls:
        looks = [look_at(number, steps, begun, poll) for number, steps in enumerate(schedule)]
        await history.record(looks)
        await ran(history, poll)
    arguments = {"since": begun.isoformat(), "until": polls[-1].isoformat(), "limit": limit}
    async with connected(Upstream(CURIE, anchored=True), history) as client:
        answers = await pages(client, arguments)
        whole = await history.changes(since=begun, until=polls[-1], limit=1000)
    await history.aclose()
    looks = [look_at(number, steps, begun, poll) for number, steps in enumerate(schedule) for poll in polls]
    seen = {(look.order_id, look.status) for look in looks if look.status != STEPS[0]}
    dated = {(look.order_id, "installed") for look in looks if look.installed_at}
    assert told_in(answers) == Counter(seen | dated)
    days_missed = any(later - earlier > timedelta(hours=36) for earlier, later in itertools.pairwise(polls))
    assert answers[-1]["complete"] is not days_missed
    for change in whole:
        number = int(change.order_id[5:])
        if change.after in STEPS[1:]:
            days = sorted(schedule[number])
            taken = begun + (days[STEPS.index(change.after) - 1] + 0.5) * DAY
            assert change.earliest <= taken <= change.latest


def look_at(number: int, steps: set[int], begun: datetime, poll: datetime) -> OrderLook:
    taken = [begun + (day + 0.5) * DAY for day in sorted(steps)]
    reached = sum(when < poll for when in taken)
    look = OrderLook(
        order_id=f"prdo_{number}",
        subscription_id=f"sub_{number}",
        customer_id="cus_1",
        api_version=CURIE,
        status=STEPS[reached],
        created_at=begun - DAY,
        seen_at=poll,
        seen_by="poll",
    )
    installed_at, activated_at = (taken[place - 1] if place <= reached else None for place in (4, 5))
    return replace(look, installed_at=installed_at, activated_at=activated_at)


async def test_what_is_recorded_while_pages_are_read_makes_no_change_twice_or_lost() -> None:
    history = History(IN_MEMORY, lambda: NOW)
    looks = [look_at(number, set(), NOW - 20 * DAY, NOW - 10 * DAY) for number in range(9)]
    await history.record(looks)
    async with connected(Upstream(CURIE, anchored=True), history) as client:
        arguments: Json = {"since": "2026-01-01", "limit": 2}
        answers: list[Json] = []
        for number in range(20):
            answers.append(answer_of(await client.call_tool(TOOL, arguments)))
            if not answers[-1]["has_more"]:
                break
            arguments["cursor"] = answers[-1]["next_cursor"]
            moved = replace(looks[number], status="check_submitted", seen_at=NOW - (9 - number) * DAY)
            await history.record([moved])
    await history.aclose()
    told = told_in(answers)
    assert {order for order, what in told if what == "created"} == {look.order_id for look in looks}
    assert max(told.values()) == 1


async def test_a_later_page_is_not_called_complete_where_an_earlier_one_was_not() -> None:
    history = History(IN_MEMORY, lambda: NOW)
    await ran(history, NOW - 30 * DAY, NOW - 29 * DAY)
    await history.record([look_at(number, set(), NOW - 29 * DAY, NOW - 29 * DAY) for number in range(3)])
    arguments = {"since": "2026-05-16T12:00+02:00", "until": "2026-05-18T00:00+02:00", "limit": 2}
    async with connected(Upstream(CURIE, anchored=True), history) as client:
        first = answer_of(await client.call_tool(TOOL, arguments))
        await ran(history, NOW - 28 * DAY)
        last = answer_of(await client.call_tool(TOOL, {**arguments, "cursor": first["next_cursor"]}))
        again = answer_of(await client.call_tool(TOOL, {**arguments, "limit": 100}))
    await history.aclose()
    assert "after the last complete look" in first["not_covered"][0]
    assert last["not_covered"] == ["what not_covered of an earlier page names"]
    assert (last["complete"], again["complete"]) == (False, True)


async def test_a_page_that_would_be_too_large_ends_earlier_and_loses_nothing() -> None:
    history = History(IN_MEMORY, lambda: NOW)
    look = replace(look_at(0, set(), NOW - 20 * DAY, NOW - 10 * DAY), customer_id=f"cus_{'c' * 64}", created_at=None)
    orders = [f"prdo_{number:064}" for number in range(90)]
    await history.record(replace(look, order_id=order) for order in orders)
    await history.record(replace(look, order_id=order, status="s" * 64, seen_at=NOW - 9 * DAY) for order in orders)
    async with connected(Upstream(CURIE, anchored=True), history) as client:
        answers = await pages(client, {"since": "2026-01-01", "limit": 100})
    await history.aclose()
    assert len(answers) > 1
    assert all(len(json.dumps(answer, ensure_ascii=False).encode()) <= MAX_BYTES for answer in answers)
    assert told_in(answers) == Counter((order, "s" * 64) for order in orders)
