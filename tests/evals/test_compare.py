"""Two runs compared: what got better, what got worse, and figures of the same cases only."""

from evals import report
from tests.evals.made_records import made_case, made_run


def test_what_got_better_worse_and_stayed_is_told_apart() -> None:
    before = made_run(made_case("a", "wrong"), made_case("b"), made_case("c", "partly"), made_case("d"))
    after = made_run(made_case("a", "partly"), made_case("b", "wrong"), made_case("c", "partly"), made_case("d"))
    compared = report.compare(before, after)
    assert [(each.case, each.before, each.after) for each in compared.better] == [("a", "wrong", "partly")]
    assert [(each.case, each.before, each.after) for each in compared.worse] == [("b", "right", "wrong")]
    assert compared.same == 2


def test_only_what_both_runs_hold_is_counted() -> None:
    compared = report.compare(made_run(made_case("a"), made_case("b")), made_run(made_case("b"), made_case("c")))
    assert compared.left_out == ["a", "c"]
    assert [(before.cases, after.cases) for before, after in compared.rows] == [(1, 1), (1, 1)]


def test_a_case_that_was_moved_to_another_kind_is_not_the_same_case() -> None:
    compared = report.compare(made_run(made_case("a")), made_run(made_case("a", kind="ordering")))
    assert compared.rows == []
    assert compared.left_out == ["a", "a"]


def test_of_a_case_that_was_asked_several_times_the_average_counts() -> None:
    before = made_run(made_case("a [1/2]"), made_case("a [2/2]", "wrong"))
    compared = report.compare(before, made_run(made_case("a [1/2]"), made_case("a [2/2]", "partly")))
    assert [(each.before, each.after) for each in compared.better] == [("right, wrong", "right, partly")]
    assert not report.compare(before, made_run(made_case("a", "partly"))).better


def test_figures_stand_side_by_side_where_they_differ() -> None:
    compared = report.compare(made_run(made_case("a", "wrong")), made_run(made_case("a"), model="made:other"))
    text = "\n".join(report.compared_lines(compared))
    assert "| 0 → 1" in text
    assert "made:other" in text
    page = report.page([compared.before, compared.after], compared)
    assert "0 → 1" in page
    assert "Better: 1" in page
