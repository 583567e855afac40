"""Statuses that the results name in prose, not as values."""

from datetime import date

import pytest

from evals.invented import invented


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("dort am nächsten (abgeleitet): cancelled (pre_existing).", "cancelled"),
        ("waiting (Order accepted) → ordered (With the installation partner) → activated (Active)", "ordered"),
        ("Ask for one of these: created, placed, scheduled; intended, waiting.", "scheduled"),
        ("the subscription has its one order, prdo_1, status placed.", "placed"),
    ],
)
def test_a_status_that_a_result_lists_without_quotes_was_read(source: str, status: str) -> None:
    assert not list(invented(f"It is `{status}`.", [source], set(), date(2026, 6, 15)))


@pytest.mark.parametrize(
    ("source", "status"),
    [("Nothing is ordered yet.", "ordered"), ("The order is waiting on the customer", "waiting")],
)
def test_an_everyday_word_of_a_result_is_no_status(source: str, status: str) -> None:
    assert list(invented(f"It is `{status}`.", [source], set(), date(2026, 6, 15)))
