"""Lists while orders move: what is called complete is complete, and no order is handed out twice."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Any, get_args

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from tests.conftest import NOW
from tests.server.moving import (
    ABSENT,
    NEW,
    PROVIDERS,
    Cursors,
    Figures,
    Json,
    Moving,
    NotFilter,
    State,
    Walk,
    matches,
    walked,
)

RUNS = 200 if os.environ.get("CAMPAIGN") == "full" else 50


def run(seed: int) -> tuple[Moving, Json]:
    """Make up an upstream and a question."""
    rng = Random(seed)  # noqa: S311  invented data, the same in every run
    limit = rng.choice((0, 0, 7, 20, 20, 100))
    versions: tuple[ApiVersion, ...] = (CURIE, CURIE, EDISON)
    version = rng.choice(versions)
    cursors: Cursors = rng.choice(get_args(Cursors))
    not_filters: tuple[NotFilter, ...] = ("combined", "combined", "combined", "combined", *get_args(NotFilter))
    not_filter = rng.choice(not_filters)
    status = rng.choice(("blocked", "open", "open", "open", "all", "placed" if version == CURIE else "ordered", NEW))
    size = rng.randrange(100, 500 if limit in {0, 100} else 200)
    undated = rng.choice((0, 0, 0, 0, 0, 3))
    upstream = Moving(seed, size, rng.choice((0, 3, 10, 30, 30)), cursors, not_filter, version, undated)
    return upstream, {"status": status, "limit": limit, **filters(rng, upstream)}


def filters(rng: Random, upstream: Moving) -> Json:
    """Make up what else is asked for, in every second question."""
    first, last = sorted(rng.choice(upstream.orders)["created_at"] for _ in range(2))
    asked = {
        "created_after": first,
        "created_before": last,
        "overdue": True,
        "waiting_on": rng.choice(("customer", "nomos", "installation_partner", "grid_operator", "nobody", "unknown")),
        "provider": rng.choice(PROVIDERS),
    }
    return {name: value for name, value in asked.items() if rng.random() < 0.3} if rng.random() < 0.5 else {}


class Servers:
    """A server for each upstream, except that those which understand every filter share one: making one takes long."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._shared: dict[ApiVersion, Client] = {}
        self._upstream: Moving | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self._upstream is not None
        await self._upstream(scope, receive, send)

    async def client_of(self, upstream: Moving) -> Client:
        self._upstream = upstream
        version = upstream.version
        if upstream.not_filter == "combined" and version in self._shared:
            return self._shared[version]
        nomos = NomosClient(
            access_token="t", base_url="http://127.0.0.1", api_version=version, app=self, requests_per_second=100_000
        )
        await self._stack.enter_async_context(nomos)
        server = create_server(Settings(), client=nomos, clock=lambda: NOW)
        client = await self._stack.enter_async_context(Client(server))
        return self._shared.setdefault(version, client) if upstream.not_filter == "combined" else client


async def asked(seed: int, servers: Servers) -> tuple[Moving, Json, Walk]:
    upstream, arguments = run(seed)
    return upstream, arguments, await walked(await servers.client_of(upstream), upstream, arguments)


@pytest.mark.slow
async def test_no_answer_about_moving_orders_is_untrue(record_property: Callable[[str, object], None]) -> None:
    figures = Figures(f"lists in motion, {RUNS} runs")
    lies: list[str] = []
    async with AsyncExitStack() as stack:
        servers = Servers(stack)
        walks = [(seed, *await asked(seed, servers)) for seed in range(RUNS)]
    doubts = 0
    for seed, upstream, arguments, walk in walks:
        figures.add(walk, kind=f"{upstream.cursors} cursors")
        lies += [f"run {seed} {arguments}: {lie}" for lie in walk.lies()]
        if "did not list newest first" in str([answer.get("not_covered") for answer in walk.answers]):
            # Where cursors count items, many new ones at once look like one that was listed late.
            assert upstream.cursors == "offset", f"run {seed}"
            doubts += 1
        elif not walk.complete:
            assert walk.answers[-1]["not_covered"], f"run {seed}"
            misunderstood = arguments["status"] in {"blocked", "open"} and upstream.not_filter != "combined"
            assert misunderstood or upstream.undated or walk.is_unclear(), f"run {seed} {arguments}"
    record_property("figures", str(figures))
    assert not lies
    assert doubts <= RUNS // 50


def walk_of(asked: str, ids: list[str], ledger: dict[str, list[State]], **more: Any) -> Walk:
    lines = [{"id": each} for each in ids]
    return Walk(
        lambda _, state: matches(asked, state, curie=True),
        lambda _, state: {f"by_status {state[0]}"},
        answers=[{"orders": lines, "complete": True, "has_more": False, **more}],
        ledger=ledger,
    )


LEDGER: dict[str, list[State]] = {
    "stays": [("placed", ""), ("scheduled", "")],
    "ends": [("placed", ""), ("cancelled", "")],
    "ended": [("cancelled", "")],
    "comes": [ABSENT, ("created", "")],
}


@pytest.mark.parametrize("ids", [["stays"], ["stays", "ends"], ["comes", "stays", "ends"]])
def test_the_judge_takes_what_changed_as_found_or_not(ids: list[str]) -> None:
    assert walk_of("open", ids, LEDGER).lies() == []


@pytest.mark.parametrize(
    ("ids", "lie"),
    [
        ([], "lost: stays"),
        (["ends"], "lost: stays"),
        (["stays", "stays"], "repeated: stays"),
        (["stays", "ended"], "never matched: ended"),
        (["stays", "invented"], "never matched: invented"),
    ],
)
def test_the_judge_finds_a_planted_lie(ids: list[str], lie: str) -> None:
    assert walk_of("open", ids, LEDGER).lies() == [lie]


def test_the_judge_takes_a_loss_that_is_told_but_no_repetition() -> None:
    assert walk_of("open", [], LEDGER, complete=False).lies() == []
    assert walk_of("open", ["stays", "stays"], LEDGER, complete=False).lies() == ["repeated: stays"]


def test_the_judge_finds_complete_beside_a_cursor() -> None:
    assert walk_of("open", ["stays"], LEDGER, next_cursor="x").lies() == ["call 0: complete with a cursor"]


@pytest.mark.parametrize(
    ("total", "by_status", "lies"),
    [
        (1, {"placed": 1}, 0),
        (3, {"placed": 1, "scheduled": 1, "created": 1}, 0),
        (0, {}, 1),
        (4, {"placed": 2, "scheduled": 1, "created": 1}, 1),
        (2, {"placed": 1, "cancelled": 1}, 1),
        (3, {"created": 2, "placed": 1}, 1),
    ],
)
def test_the_judge_finds_a_planted_miscount(total: int, by_status: dict[str, int], lies: int) -> None:
    counts = {"total": total, "by_status": by_status}
    assert len(walk_of("open", [], LEDGER, counts=counts).lies()) == lies
