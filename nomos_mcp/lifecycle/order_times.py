"""An order's times as words: Berlin time with its zone, ages in days, and what may be said about how long it takes.

The functions are given the current time. Only times that the order carries are named, and the one published target.
"""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nomos_mcp.lifecycle.catalogue import Catalogue
from nomos_mcp.lifecycle.order_state import OrderState, Reading, fields_ahead, is_blocked

TARGET_DAYS: Final = 8 * 7
"""Published target from order to installed meter ("about eight weeks"): the whole way, no single step."""

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
    """A time for people, such as "12 Nov 2026, 10:30 CET"; a day without a time of day; or a time as it came.

    Args:
        time: a time or a day.
        words: the language's catalogue.
    """
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
    """How many days ago a time was by Berlin's calendar, negative if it lies ahead.

    None for what Berlin's calendar cannot show.
    """
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


def is_past_target(state: OrderState, reading: Reading, now: datetime) -> bool:
    """Whether an order that is not installed yet is older than the target of about eight weeks."""
    waiting = reading.status.phase == "before_installation" and not fields_ahead(state)
    days = days_since(state.created_at, now) if waiting and state.created_at else None
    return days is not None and days > TARGET_DAYS


def timing_by_name(reading: Reading, words: Catalogue) -> str | None:
    """What may be said about time where no order is known; None for an end."""
    return {
        "before_order": words.timing.no_order,
        "before_installation": words.timing.target,
        "after_installation": words.timing.no_target,
    }.get(reading.status.phase)


def timing(state: OrderState, reading: Reading, now: datetime, words: Catalogue) -> str | None:
    """What may be said about this order's time; None if its fields carry none and no target applies.

    Args:
        state: the order.
        reading: what its fields say together.
        now: the current time, aware.
        words: the language's catalogue.
    """

    def dated(template: str, time: Time | None, *, happened: bool = True) -> str | None:
        if time is None:
            return None
        time = time_of_event(time, now) if happened else time
        told = age(time, now, words)
        if told is None:
            template = template.replace(" ({age})", "")
        return template.format(date=berlin_date(time, words), moment=berlin_moment(time, words), age=told)

    said: list[str | None]
    appointment = dated(words.timing.appointment, state.appointment_at, happened=False)
    ahead = appointment if is_ahead(state.appointment_at, now) else None
    match reading.status.phase:
        case "before_installation":
            said = [appointment, dated(words.timing.ordered, state.created_at), _target(state, reading, now, words)]
        case "after_installation":
            said = [ahead, dated(words.timing.installed, state.installed_at), words.timing.no_target]
        case "before_order":
            said = [words.timing.no_order]
        case "over":
            end = dated(words.timing.activated, state.activated_at) if state.status == "activated" else None
            said = [end or dated(words.timing.cancelled, state.cancelled_at)]
        case _:
            said = [ahead, dated(words.timing.ordered, state.created_at)]
    return " ".join(filter(None, said)) or None


def _target(state: OrderState, reading: Reading, now: datetime, words: Catalogue) -> str | None:
    if is_past_target(state, reading, now):
        return words.timing.past_target
    # A date that is set says more than the target, even one that we cannot read. Beside a block the target would read
    # as a promise.
    appointment = is_ahead(state.appointment_at, now) or "appointment_at" in state.unreadable
    set_aside = is_blocked(state) or appointment or fields_ahead(state)
    return None if set_aside else words.timing.target
