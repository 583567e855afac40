"""The campaign of orders across replicas in short, and that it finds what is wrong."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nomos_mcp.replicas.order_attempts import OrderAttempt
from tests.conftest import NOW
from tests.ordering.replicas import planted
from tests.ordering.replicas.judge import RULES, Course, judge, rules
from tests.ordering.replicas.schedules import CUTTABLE, REQUESTS, STEPS, drawn
from tests.ordering.replicas.upstream import Post
from tests.postgresql_server import PostgresqlServer

ROOT = Path(__file__).parents[3]


def campaign(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it in a process of its own: it forks, which no process with threads may."""
    if not PostgresqlServer.is_installed():
        pytest.skip("PostgreSQL is not installed")
    command = [sys.executable, "-m", "tests.ordering.replicas", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_no_promise_is_broken(record_property: Any) -> None:
    run = campaign("--schedules", "60", "--seed", "1")
    record_property("figures", run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "promises broken        0" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("fault", planted.FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    run = campaign("--schedules", "60", "--plant", fault)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "BROKEN" in run.stdout


def test_every_trouble_and_every_fate_of_a_request_is_drawn() -> None:
    schedules = [drawn(0, number) for number in range(1000)]
    troubles = {(trouble.what, trouble.step) for each in schedules for trouble in each.troubles if trouble}
    assert {step for what, step in troubles if what == "killed"} == {*STEPS}
    assert {step for what, step in troubles if what.startswith("its connection")} == {*CUTTABLE}
    assert {each.requests[0] for each in schedules} == {*REQUESTS}
    assert {len(each.starts) for each in schedules} == {1, 2, 3}


def _post(replica: str = "r0", **more: Any) -> Post:
    post = Post(replica, "sub_1", "answered", 1.0, 200, "prdo_1", 1.0, 1.1)
    for name, value in more.items():
        setattr(post, name, value)
    return post


def _row(caller: str = "r0", **more: Any) -> OrderAttempt:
    values: dict[str, Any] = dict.fromkeys(OrderAttempt.__dataclass_fields__, "")
    values |= {"number": 1, "subscription_id": "sub_1", "began_at": NOW, "sent_at": NOW, "closed_at": NOW, "age": 0.0}
    values |= {"is_open": False, "outcome": "ordered", "made_by": "this_call", "order_id": "prdo_1"}
    return OrderAttempt(**{**values, "caller": caller, **more})


def _course(**more: Any) -> Course:
    answer = {"outcome": "ordered", "reason": "", "made_by": "this_call", "order": "prdo_1"}
    values = {"posts": [_post()], "ledger": ["prdo_1"], "visible": {"prdo_1": 1.0}, "answers": {"r0": answer}}
    return Course(drawn(0, 0), **{**values, "rows": [_row()], "ended": {"r0": "answered"}, **more})


_UNKNOWN = {"outcome": "outcome_unknown", "reason": "answer_lost", "made_by": "", "order": ""}
_LOST = {"status": 0, "order": "", "made": 0.0, "answered": 0.0}
LIES = {
    "two orders": _course(ledger=["prdo_1", "prdo_2"], visible={"prdo_1": 1.0, "prdo_2": 2.0}),
    "a second request of one call": _course(posts=[_post(), _post(arrived=2.0, order="")]),
    "a request while an earlier one was open": _course(
        visible={"prdo_1": 3.0},
        posts=[_post("r1", **_LOST), _post(arrived=2.0)],
        rows=[_row(), _row("r1", number=2, outcome="outcome_unknown")],
    ),
    "two attempts open at a time": _course(rows=[_row("r1", closed_at=None, is_open=True), _row()]),
    "a request without a record": _course(rows=[_row(sent_at=None)]),
    "an order without a record": _course(answers={"r0": _UNKNOWN}, rows=[_row(order_id="prdo_2")]),
    "no answer": _course(answers={}),
    "an answer without a record": _course(rows=[_row("r1")]),
    "a false ordered": _course(ledger=[], posts=[], visible={}),
    "ordered by this call, and it was another's": _course(
        posts=[_post("r1")], rows=[_row("r1"), _row(sent_at=None, outcome="declined", number=2)]
    ),
    "a false refused": _course(rows=[_row(outcome="refused")]),
    "open, and the order is there": _course(rows=[_row(is_open=True, outcome="outcome_unknown")]),
    "a replica failed": _course(ended={"r0": "exit code 1"}),
}


@pytest.mark.parametrize(("rule", "lie"), LIES.items(), ids=LIES.keys())
def test_a_planted_lie_is_named(rule: str, lie: Course) -> None:
    assert rule in rules(judge(lie))
    assert rules(judge(lie)) <= RULES


def test_every_rule_has_named_a_lie_and_the_truth_passes() -> None:
    assert LIES.keys() == RULES
    assert judge(_course()) == []
    killed = _course(answers={}, ended={"r0": "killed"}, rows=[_row(made_by="unknown", closed_by="reconcile")])
    assert judge(killed) == []
