"""An order's times, compared and as words: Berlin time with its zone, and ages in days."""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nomos_mcp.lifecycle.catalogue import Catalogue

CLOCK_SKEW: Final = timedelta(minutes=5)
"""The vendor's clock and ours may differ: an order created this second must not look like one from the future."""

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_YEARS: Final = range(1900, 9999)
"""Years that Berlin's calendar can show. Year 1 and year 9999 stand for no date in many systems, and overflow here."""

Time = datetime | date
"""A time of the API, aware, or a day where it gave no time of day: a day in Berlin."""


def in_berlin(time: Time) -> Time | None:
    """A time by Berlin's clocks, a day as it is; None for what Berlin's calendar cannot show."""
    if time.year not in _YEARS:
        return None
    return time.astimezone(_BERLIN) if isinstance(time, datetime) else time


def as_it_came(time: Time) -> str:
    """A time as the API writes it."""
    return time.isoformat().replace("+00:00", "Z")


def berlin_moment(time: Time, words: Catalogue) -> str:
    """A time for people, such as "12 Nov 2026, 10:30 CET"; a day without a time of day; or a time as it came."""
    local = in_berlin(time)
    if not isinstance(local, datetime):
        return berlin_date(time, words)
    zone = words.format.zones["CEST" if local.dst() else "CET"]
    return words.format.moment.format(date=_date(local, words), time=f"{local:%H:%M}", zone=zone)


def berlin_date(time: Time, words: Catalogue) -> str:
    """The day in Berlin, such as "12 Nov 2026", or the time as it came."""
    local = in_berlin(time)
    return as_it_came(time) if local is None else _date(local, words)


def is_before(time: Time, now: datetime) -> bool:
    """Whether a time has passed. A day passes when it ends in Berlin."""
    return time < (now if isinstance(time, datetime) else _day(now))


def is_after(time: Time, now: datetime) -> bool:
    """Whether a time lies ahead. A day lies ahead until it begins in Berlin."""
    return time > (now if isinstance(time, datetime) else _day(now))


def is_ahead(appointment: Time | None, now: datetime) -> bool:
    """Whether an appointment is still to come: a day is until it ends in Berlin."""
    return appointment is not None and in_berlin(appointment) is not None and not is_before(appointment, now)


def days_since(time: Time, now: datetime) -> int | None:
    """Days from a time to now by Berlin's calendar, negative if it lies ahead; None for what it cannot show."""
    return None if in_berlin(time) is None else (_day(now) - _day(time)).days


def age(time: Time, now: datetime, words: Catalogue) -> str | None:
    """The days that have passed since `time` or remain until it, such as "8 days ago". None as for `days_since`."""
    days = days_since(time, now)
    if days is None:
        return None
    if days == 0:
        return words.age.today
    if abs(days) == 1:
        return words.age.ago_one if days > 0 else words.age.ahead_one
    return (words.age.ago_many if days > 0 else words.age.ahead_many).format(days=abs(days))


def time_of_event(time: Time, now: datetime) -> Time:
    """The time of something that has happened: one that lies ahead by no more than clocks differ is now."""
    if is_after(time, now) and not is_after(time, now + CLOCK_SKEW):
        return now if isinstance(time, datetime) else _day(now)
    return time


def _day(time: Time) -> date:
    local = in_berlin(time) or time
    return local.date() if isinstance(local, datetime) else local


def _date(local: date, words: Catalogue) -> str:
    # Not strftime: month names would follow the locale of the process instead of the language asked for.
    month = words.format.months[local.month - 1]
    return words.format.date.format(day=local.day, month=month, year=local.year)
