"""A thousand schedules of faults, drawn from seeds. The simulator's ledger is the judge.

What may never happen, whatever goes wrong on the way: two orders, `ordered` without one, `refused` or `declined` where
there is one, `outcome_unknown` although looking worked.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import pytest
from mcp import Client

from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW
from tests.ordering.conftest import SUBSCRIPTION, TOOL
from tests.ordering.faults import POST_FAULTS, READ_FAULTS, Faulty
from tests.ordering.test_placing import trusted

SCHEDULES = 1200


@dataclass
class Schedule:
    """What goes wrong with one order.

    Attributes:
        posts: Faults of the requests to order.
        reads: Faults of the reads after the first of them.
        callers: How many order at the same time.
        leaves: Whether a caller goes away while its order is on the way.
        expires: Whether the access token is refused on the way.
    """

    posts: list[str]
    reads: list[str]
    callers: int
    leaves: bool
    expires: bool

    @classmethod
    def drawn(cls, seed: int) -> "Schedule":
        """Draw a schedule; the same seed gives the same one."""
        draw = random.Random(seed)  # noqa: S311  no secret is made of it
        return cls(
            posts=[draw.choice((*POST_FAULTS, "")) for _ in range(draw.randint(0, 3))],
            reads=[draw.choice((*READ_FAULTS, "", "")) for _ in range(draw.randint(0, 6))],
            callers=draw.choice((1, 1, 2)),
            leaves=draw.random() < 0.2,
            expires=draw.random() < 0.2,
        )


@dataclass
class Trial:
    """One schedule, run.

    Attributes:
        orders: How many orders the ledger holds in the end.
        recorded: The lines that went on record.
        answers: What the callers that stayed were told.
        read_failed: Whether a read met a fault after an order was sent.
    """

    orders: list[str]
    recorded: list[dict[str, str]]
    answers: list[dict[str, object]] = field(default_factory=list)
    read_failed: bool = False


async def run(client: Client, upstream: Faulty, schedule: Schedule, capfd: pytest.CaptureFixture[str]) -> Trial:
    """Run a schedule against a fresh world."""
    upstream.simulator = Simulator(now=lambda: NOW)
    upstream.posts, upstream.reads = list(schedule.posts), list(schedule.reads)
    upstream.posted, upstream.read_failed, upstream.late = 0, False, []
    gone = anyio.CancelScope()
    upstream.on_post = gone.cancel if schedule.leaves else None
    if schedule.expires:
        upstream.posts.insert(0, "401_before")
    answers: list[dict[str, object]] = []

    async def call(scope: anyio.CancelScope) -> None:
        with scope:
            result = await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
            answers.append(result.structured_content or {})

    capfd.readouterr()
    async with anyio.create_task_group() as callers:
        for number in range(schedule.callers):
            callers.start_soon(call, gone if number == 0 else anyio.CancelScope())
    recorded = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    orders = [entry.order_id for entry in upstream.simulator.ledger]
    return Trial(orders, recorded, answers, upstream.read_failed)


def judge(trial: Trial) -> list[str]:
    """Return what must not have happened and did."""
    outcomes = [line["outcome"] for line in trial.recorded]
    broken = []
    if len(trial.orders) > 1:
        broken.append("two orders")
    if any(
        line["outcome"] in {"ordered", "already_ordered"} and [line["order"]] != trial.orders for line in trial.recorded
    ):
        broken.append("an order that is not there")
    if trial.orders and not set(outcomes) & {"ordered", "already_ordered", "outcome_unknown"}:
        broken.append("an order that nobody was told of")
    if len(outcomes) == 1 and outcomes[0] in {"refused", "declined"} and trial.orders:
        broken.append("refused, and ordered")
    if "outcome_unknown" in outcomes and not trial.read_failed:
        broken.append("unknown, although looking worked")
    if any(answer["outcome"] not in outcomes for answer in trial.answers):
        broken.append("an answer that is not on record")
    return broken


async def test_no_schedule_of_faults_breaks_a_promise(
    capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    upstream = Faulty(Simulator(now=lambda: NOW))
    counts: Counter[str] = Counter()
    async with trusted(upstream) as client:
        for seed in range(SCHEDULES):
            trial = await run(client, upstream, Schedule.drawn(seed), capfd)
            assert judge(trial) == [], f"seed {seed}: {Schedule.drawn(seed)} gave {trial}"
            counts.update(line["outcome"] for line in trial.recorded)
            counts["orders in the ledgers"] += len(trial.orders)
    assert counts["ordered"] > SCHEDULES // 3
    shown = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
    record_property("figures", f"fault campaign, {SCHEDULES} schedules: {shown}")


def test_the_judge_notices_each_broken_promise() -> None:
    line = {"outcome": "ordered", "order": DEMO.orders["placed"]}
    there = [DEMO.orders["placed"]]
    assert judge(Trial(there * 2, [line]))
    assert judge(Trial([], [line]))
    assert judge(Trial(there, [{"outcome": "refused"}]))
    assert judge(Trial([], [{"outcome": "outcome_unknown"}]))
    assert judge(Trial(there, [line], [{"outcome": "declined"}]))
    assert not judge(Trial(there, [line], [{"outcome": "ordered"}]))
