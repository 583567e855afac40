"""The check of several replicas can fail. `.ci/run` runs it with PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.replicas import promises
from tools.replicas.callers import ANSWERED, BROKEN, HUNG, READ, Call
from tools.replicas.promises import Span

EVEN = [number / 9.9 for number in range(100)]


def call(kind: str, *, caller: int = 0, began: float = 0.0, ended: float = 1.0) -> Call:
    return Call(caller, READ, "prdo_1", began, ended, kind)


@pytest.mark.parametrize(
    ("moments", "most"),
    [
        ([], 0),
        ([0.0, 1.0], 1),
        ([0.0, 0.999], 2),
        (EVEN, 10),
        ([*EVEN, 5.05], 11),
        ([0.95] * 6 + [1.05] * 5, 11),  # no more than six in any second of the clock
        ([3.0, 1.5, 2.0], 2),
    ],
)
def test_the_fullest_second_may_begin_at_any_moment(moments: list[float], most: int) -> None:
    assert promises.most_in_a_second(moments) == most
    assert (promises.closest_eleventh(moments) >= 1) == (most <= promises.PER_SECOND)
    assert promises.rate_limit(moments, "").kept == (most <= promises.PER_SECOND)


def test_a_budget_that_is_not_used_is_a_broken_promise() -> None:
    assert promises.throughput(EVEN, [], 0, 10).kept
    assert not promises.throughput(EVEN[::2], [], 0, 10).kept


def test_a_caller_with_less_than_half_of_the_answers_of_the_others_is_starved() -> None:
    calls = [call(ANSWERED, caller=caller) for caller in (0, 0, 0, 1, 1, 1, 2)]
    assert not promises.fairness(calls, 3).kept
    assert promises.fairness([*calls, call(ANSWERED, caller=2)], 3).kept
    assert not promises.fairness(calls[:6], 3).kept


def test_a_connection_may_break_only_while_something_is_killed() -> None:
    lost = [call(BROKEN, began=5, ended=9)]
    assert promises.losses_explained(lost, [Span(8, 12)]).kept
    assert not promises.losses_explained(lost, [Span(9.5, 12)]).kept
    assert not promises.losses_explained(lost, []).kept


def test_a_call_that_hangs_is_a_broken_promise() -> None:
    assert promises.nothing_hangs([call(ANSWERED)], unfinished=False).kept
    assert not promises.nothing_hangs([call(ANSWERED), call(HUNG)], unfinished=False).kept
    assert not promises.nothing_hangs([call(ANSWERED)], unfinished=True).kept


def test_a_secret_in_a_log_is_a_broken_promise() -> None:
    assert promises.left_out("all is well", ["hidden"]).kept
    assert not promises.left_out("the password is hidden", ["hidden"]).kept
    assert not promises.left_out("Traceback (most recent call last)", []).kept


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_a_shared_budget_the_check_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.replicas", "--without-database", "--seconds", "3", "--callers", "16"]
    here = {**os.environ, "TMPDIR": str(tmp_path)}  # it keeps its logs
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=here)
    broken = [line for line in done.stdout.splitlines() if "BROKEN" in line]
    assert done.returncode == 1, done.stderr
    assert [line for line in broken if "in any one second" in line], done.stdout
