"""What may be said about the time an order takes. Only times that its fields carry, and the one published target."""

from datetime import datetime

from nomos_mcp.lifecycle.catalogue import Catalogue
from nomos_mcp.lifecycle.order import OrderState, Reading, fields_ahead, is_blocked
from nomos_mcp.lifecycle.times import (
    TARGET_DAYS,
    Time,
    age,
    berlin_date,
    berlin_moment,
    days_since,
    is_ahead,
    time_of_event,
)


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
