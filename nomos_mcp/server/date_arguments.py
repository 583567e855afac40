"""Dates as people write them, turned into moments. A bare day is a whole day in Berlin, where the customers are."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nomos_mcp.client.errors import InvalidRequestError

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_TICK: Final = timedelta(milliseconds=1)
_YEARS: Final = range(1970, 3000)
"""Years that are no typing error, and near no end of the calendar, where a change of zone would overflow."""


def first_moment(text: str, name: str) -> datetime | None:
    """Return the moment that a range starts with; a bare day starts at midnight in Berlin. None for an empty text.

    Args:
        text: ISO 8601: a day, or a time with its zone.
        name: The argument's name, for the error.

    Raises:
        InvalidRequestError: It is neither; a time without a zone is refused, since Berlin and UTC are both likely.
    """
    read = _read(text, name)
    return read if read is None or isinstance(read, datetime) else _midnight(read)


def last_moment(text: str, name: str) -> datetime | None:
    """Return the moment that a range ends with; a bare day is part of the range. Otherwise as `first_moment`."""
    read = _read(text, name)
    return read if read is None or isinstance(read, datetime) else _midnight(read + timedelta(days=1)) - _TICK


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _BERLIN)


def _read(text: str, name: str) -> date | datetime | None:
    if not text:
        return None
    read = _parsed(text)
    unzoned = isinstance(read, datetime) and read.tzinfo is None
    if read is None or unzoned:
        raise InvalidRequestError(
            f"{name} {text[:40]!r} is {'a time without a zone' if unzoned else 'no date'}. Write a day, 2026-05-27 "
            "(the whole day in Berlin), or a time with its zone, 2026-05-27T10:00:00+02:00."
        )
    return read


def _parsed(text: str) -> date | datetime | None:
    for form in (date, datetime):
        with suppress(ValueError):
            read = form.fromisoformat(text)
            return read if read.year in _YEARS else None
    return None
