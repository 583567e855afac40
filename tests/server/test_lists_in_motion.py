"""Lists while orders move: what is called complete is complete, and no order is handed out twice."""

from collections.abc import Callable
from random import Random
from typing import Any, get_args

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from tests.conftest import NOW
from tests.server.moving import ABSENT, NEW, Cursors, Figures, Json, Moving, NotFilter, State, Walk, walked

RUNS = 200


def run(seed: int) -> tuple[Moving, Json, str]:
    """Make up an upstream and a question; returns what kind of upstream it is, too."""
    rng = Random(seed)  # noqa: S311  invented data, the same in every run
    limit = rng.choice((0, 0, 7, 20, 50, 100))
    versions: tuple[ApiVersion, ...] = (CURIE, CURIE, EDISON)
    version = rng.choice(versions)
    cursors: Cursors = rng.choice(get_args(Cursors))
    not_filter: NotFilter = rng.choice(("combined", "combined", *get_args(NotFilter)))
    status = rng.choice(("blocked", "blocked", "open", "open", "all", "placed" if version == CURIE else "ordered", NEW))
    size = rng.randrange(50, 450 if limit in {0, 100} else 150)
    upstream = Moving(seed, size, rng.choice((0, 1, 3, 10, 30)), cursors, not_filter, version)
    return upstream, {"status": status, "limit": limit}, f"{cursors} cursors"


async def test_no_answer_about_moving_orders_is_untrue(record_property: Callable[[str, object], None]) -> None:
    figures = Figures(f"lists in motion, {RUNS} runs")
    lies: list[str] = []
    for seed in range(RUNS):
        upstream, arguments, kind = run(seed)
        nomos = NomosClient(
            access_token="t",
            base_url="http://127.0.0.1",
            api_version=upstream.version,
            app=upstream,
            requests_per_second=100_000,
        )
        async with nomos, Client(create_server(Settings(), client=nomos, clock=lambda: NOW)) as client:
            walk = await walked(client, upstream, arguments)
        figures.add(walk, kind=kind)
        lies += [f"run {seed} {arguments}: {lie}" for lie in walk.lies()]
        if not walk.complete:  # only where upstream does not understand that final orders are to be left out
            assert arguments["status"] in {"blocked", "open"}, f"run {seed}"
            assert upstream.not_filter != "combined", f"run {seed}"
            assert walk.answers[-1]["not_covered"], f"run {seed}"
    record_property("figures", figures)
    assert not lies


def walk_of(asked: str, ids: list[str], ledger: dict[str, list[State]], **more: Any) -> Walk:
    lines = [{"id": each} for each in ids]
    return Walk(
        asked, curie=True, answers=[{"orders": lines, "complete": True, "has_more": False, **more}], ledger=ledger
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
