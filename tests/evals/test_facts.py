"""Facts of a text: what is found in it."""

from typing import Final

import pytest

from evals.facts import facts_of

APPOINTMENT: Final = (2026, 6, 27)


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-27",
        "27 June 2026",
        "27 Jun 2026",
        "27th of June 2026",
        "June 27, 2026",
        "Jun 27th, 2026",
        "27. Juni 2026",
        "27.06.2026",
        "27.6.2026",
        "27.06.26",
        "27/06/2026",
        "06/27/2026",
        "the 27th June 2026",
    ],
)
def test_a_date_is_found_in_every_spelling(text: str) -> None:
    assert facts_of(f"It is on {text}.").days == {APPOINTMENT}


def test_a_line_may_begin_with_a_date() -> None:
    assert facts_of("10. Juni 2026: angehalten").days == {(2026, 6, 10)}


@pytest.mark.parametrize(
    "answer", ["one of them", "eine Bestellung", "the two of them", "zwei", "in any case", "one day"]
)
def test_articles_are_no_numbers(answer: str) -> None:
    assert facts_of(answer).numbers == set()


@pytest.mark.parametrize(
    "text",
    [
        "between 8 and 9 June",
        "from the 8th to the 9th of June",
        "8-9 June",
        "June 8 and 9",
        "zwischen dem 8. und 9. Juni",
        "8./9. Juni",
        "vom 8. bis 9.6.",
        "vom 8.6. bis 9.6.",
    ],
)
def test_two_days_may_share_a_month(text: str) -> None:
    assert facts_of(text).days == {(None, 6, 8), (None, 6, 9)}
    assert facts_of(text).numbers == set()
