"""Dates as people write them: a day is a whole day in Berlin, a time has its zone."""

from datetime import UTC, datetime

import pytest

from nomos_mcp.client import InvalidRequestError
from nomos_mcp.server.list_request import first_moment, last_moment


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2026-01-15", "2026-01-14T23:00:00", "2026-01-15T22:59:59.999"),
        ("2026-07-15", "2026-07-14T22:00:00", "2026-07-15T21:59:59.999"),
        ("2026-03-29", "2026-03-28T23:00:00", "2026-03-29T21:59:59.999"),
        ("2026-10-25", "2026-10-24T22:00:00", "2026-10-25T22:59:59.999"),
    ],
)
def test_a_day_is_a_day_in_berlin_in_winter_in_summer_and_at_the_change(day: str, first: str, last: str) -> None:
    start, end = first_moment(day, "d"), last_moment(day, "d")
    assert start
    assert end
    assert start.astimezone(UTC) == datetime.fromisoformat(first + "+00:00")
    assert end.astimezone(UTC) == datetime.fromisoformat(last + "+00:00")


@pytest.mark.parametrize("text", ["2026-05-27T10:00:00+02:00", "2026-05-27T08:00:00Z"])
def test_a_time_with_a_zone_is_that_moment(text: str) -> None:
    assert first_moment(text, "d") == last_moment(text, "d") == datetime(2026, 5, 27, 8, tzinfo=UTC)


def test_nothing_stays_nothing() -> None:
    assert first_moment("", "d") is last_moment("", "d") is None


@pytest.mark.parametrize("text", ["yesterday", "27.05.2026", "2026-02-30", "0001-01-01", "9999-12-31T23:00:00-12:00"])
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"is not a date\. Write a day, 2026-05-27"):
        first_moment(text, "d")


def test_a_time_without_a_zone_is_refused_since_two_are_likely() -> None:
    with pytest.raises(InvalidRequestError, match="without a zone"):
        last_moment("2026-05-27T10:00", "created_before")
