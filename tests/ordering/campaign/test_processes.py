"""Processes that are ended in the middle of an order. `CAMPAIGN=full` ends one at each moment in each way."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import anyio
import pytest

from tests.ordering.campaign.processes import (
    CONFIRMS,
    ENDS,
    MOMENTS,
    RULES,
    Ending,
    Remains,
    end_one,
    judge_remains,
    order_with_broken_stderr,
)
from tests.ordering.campaign.schedules import ERAS
from tests.ordering.campaign.test_campaign import FULL
from tests.ordering.campaign.upstream import SUBSCRIPTION

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

AT_ONCE = 3
SOME = (
    (Ending("the request arrived, and the order is made afterwards", "SIGKILL"), True),
    (Ending("the order is made, and not answered", "SIGKILL", "legacy"), False),
    (Ending("looking, and it is there", "SIGKILL"), False),
    (Ending("during the last look", "SIGTERM", "legacy"), False),
    (Ending("the order is made, and not answered", "SIGTERM"), False),
    (Ending("during the last look", "stdin closed"), False),
)
ALL = tuple((Ending(*ways), True) for ways in product(MOMENTS, ENDS, ERAS, CONFIRMS))
STDERR = ("closed", "full disk", "broken pipe", "full pipe")


@pytest.mark.slow
async def test_what_a_process_that_is_ended_leaves_behind_is_true(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found: dict[Ending, list[str]] = {}
    counts: Counter[str] = Counter()
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int, ending: Ending, again: bool) -> None:  # noqa: FBT001  by tasks
        async with limiter:
            remains = await end_one(ending, tmp_path / str(number), again=again)
        found[ending] = judge_remains(remains)
        counts.update([ending.moment, *(f"{ending.end}, on record: {line['outcome']}" for line in remains.lines)])
        counts["orders in the ledgers"] += len(remains.ledger)

    async with anyio.create_task_group() as tasks:
        for number, (ending, again) in enumerate(ALL if FULL else SOME):
            tasks.start_soon(one, number, ending, again)
    figures = "; ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    record_property("figures", f"processes ended in the middle of an order, {len(found)}: {figures}")
    broken = [f"{ending}: {flaw}" for ending, flaws in found.items() for flaw in flaws]
    assert not broken, f"{sum(map(bool, found.values()))} of {len(found)}\n" + "\n".join(broken)


@pytest.mark.slow
@pytest.mark.parametrize("stderr", STDERR if FULL else ("closed", "broken pipe"))
async def test_a_process_whose_stderr_is_broken_orders_records_and_answers(tmp_path: Path, stderr: str) -> None:
    answer, made, lines = await order_with_broken_stderr(stderr, tmp_path)
    assert (answer or {}).get("outcome") == "ordered"
    assert len(made) == 1
    assert [(line["outcome"], line["order"]) for line in lines] == [("ordered", made[0])]


MADE = "prdo_1"
LINE = {"time": "2026-06-15T10:00:00+00:00", "caller": "local", "subscription": SUBSCRIPTION}
BEGUN = LINE | {"outcome": "begun"}
KILLED = Remains(
    Ending("the order is made, and not answered", "SIGKILL"),
    met=True,
    requests=1,
    before=1,
    made=[MADE],
    ledger=[MADE],
    lines=[BEGUN],
    second={"outcome": "already_ordered", "order": {"id": MADE}},
)
STOPPED = Remains(Ending("during the last look", "SIGTERM"), met=True)
LIES = {
    "two orders": ("two orders", replace(KILLED, ledger=[MADE, "prdo_2"])),
    "nothing happened": ("the moment was not met", replace(KILLED, met=False)),
    "no end": ("it did not end", replace(KILLED, ended=False)),
    "ordered after the end": (
        "a request to order after the end",
        replace(STOPPED, requests=1, made=[MADE], ledger=[MADE], lines=[LINE | {"outcome": "ordered", "order": MADE}]),
    ),
    "a blank line": ("a line on record that says nothing", replace(KILLED, broken=[" "])),
    "no line": ("a request to order that is not on record", replace(KILLED, lines=[])),
    "a line that names no subscription": (
        "a request to order that is not on record",
        replace(KILLED, lines=[{"time": "now", "caller": "local", "outcome": "begun"}]),
    ),
    "a line about the preview alone": (
        "a request to order that is not on record",
        replace(KILLED, lines=[LINE | {"outcome": "confirmation_required"}]),
    ),
    "a line that says refused": ("a false line on record", replace(KILLED, lines=[LINE | {"outcome": "refused"}])),
    "a line that says cancelled": ("a false line on record", replace(KILLED, lines=[LINE | {"outcome": "cancelled"}])),
    "a line about another order": (
        "a false line on record",
        replace(KILLED, lines=[LINE | {"outcome": "ordered", "order": "prdo_2"}]),
    ),
    "an answer that says refused": ("a false answer", replace(KILLED, answer={"outcome": "refused"})),
    "an answer that knows nothing of nothing": (
        "a false answer",
        replace(STOPPED, answer={"outcome": "outcome_unknown"}),
    ),
    "a second order": (
        "a false answer of the second process",
        replace(KILLED, second={"outcome": "ordered", "order": {"id": MADE}}),
    ),
}
TRUTHS = {
    "begun": KILLED,
    "ordered": replace(KILLED, lines=[LINE | {"outcome": "ordered", "order": MADE}]),
    "unknown": replace(KILLED, lines=[LINE | {"outcome": "outcome_unknown"}]),
    "stopped before it ordered": replace(STOPPED, answer={"outcome": "refused"}),
    "stopped before it ordered, and the second did": replace(
        STOPPED, lines=[BEGUN], ledger=[MADE], second={"outcome": "ordered", "order": {"id": MADE}}
    ),
}


@pytest.mark.parametrize(("rule", "lie"), LIES.values(), ids=LIES.keys())
def test_a_planted_lie_is_named(rule: str, lie: Remains) -> None:
    flaws = judge_remains(lie)
    assert rule in {flaw.partition(":")[0] for flaw in flaws}
    assert {flaw.partition(":")[0] for flaw in flaws} <= RULES


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())
def test_a_planted_truth_is_let_pass(truth: Remains) -> None:
    assert judge_remains(truth) == []


def test_every_rule_has_named_a_lie() -> None:
    assert {rule for rule, _ in LIES.values()} == RULES
