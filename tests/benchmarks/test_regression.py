"""Whether the check of what a call costs fails when it should, and only then."""

from pathlib import Path

import pytest

from benchmarks import regression
from benchmarks.figures import Figure
from benchmarks.measure_process import MEMORY, START_CPU

KEPT = dict.fromkeys(regression.GUARDED, 1.2)


def test_what_costs_as_much_as_before_passes() -> None:
    assert "**more**" not in "".join(regression.check(lambda: dict.fromkeys(KEPT, 1.4), KEPT))


@pytest.mark.parametrize("name", regression.GUARDED)
def test_one_figure_that_costs_more_twice_fails_by_its_name(name: str) -> None:
    with pytest.raises(SystemExit, match=name):
        list(regression.check(lambda: {**KEPT, name: 1.6}, KEPT))


def test_one_that_costs_more_only_once_passes() -> None:
    found = iter([{**KEPT, MEMORY: 1.6}, KEPT])
    assert list(regression.check(lambda: next(found), KEPT))


def test_a_round_that_was_disturbed_changes_no_ratio() -> None:
    figure = Figure(START_CPU, "ms")
    for ours, bare in ((120, 100), (900, 100), (240, 200)):
        figure.add("ours", ours)
        figure.add("bare", bare)
    assert regression.ratios([figure], "ours", "bare") == {START_CPU: 1.2}


def test_without_kept_ratios_it_says_what_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "RATIOS", Path("missing.json"))
    with pytest.raises(SystemExit, match="make bench"):
        regression.kept()
