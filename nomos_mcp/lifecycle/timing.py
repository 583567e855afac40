"""What may be said about the time an order takes. Only times that its fields carry, and the one published target."""

from datetime import datetime

from nomos_mcp.lifecycle.catalogue import Catalogue
from nomos_mcp.lifecycle.order import OrderState, Reading, is_blocked
from nomos_mcp.lifecycle.times import TARGET, age, berlin_date, berlin_moment


def is_past_target(state: OrderState, reading: Reading, now: datetime) -> bool:
    """Whether an order that is not installed yet is older than the target of about eight weeks."""
    waiting = reading.status.phase == "before_installation" and not state.has("installed_at")
    return waiting and state.created_at is not None and now - state.created_at > TARGET


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

    def dated(template: str, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        return template.format(
            date=berlin_date(moment, words), moment=berlin_moment(moment, words), age=age(moment, now, words)
        )

    said: list[str | None]
    match reading.status.phase:
        case "before_installation":
            appointment = dated(words.timing.appointment, state.appointment_at)
            said = [appointment, dated(words.timing.ordered, state.created_at), _target(state, reading, now, words)]
        case "after_installation":
            said = [dated(words.timing.installed, state.installed_at), words.timing.no_target]
        case "before_order":
            said = [words.timing.no_order]
        case "over":
            end = dated(words.timing.activated, state.activated_at) if state.status == "activated" else None
            said = [end or dated(words.timing.cancelled, state.cancelled_at)]
        case _:
            said = [dated(words.timing.ordered, state.created_at)]
    return " ".join(filter(None, said)) or None


def _target(state: OrderState, reading: Reading, now: datetime, words: Catalogue) -> str | None:
    if is_past_target(state, reading, now):
        return words.timing.past_target
    # A date that is set says more than the target, and beside a block the target would read as a promise.
    set_aside = is_blocked(state) or (state.appointment_at is not None and state.appointment_at >= now)
    return None if set_aside else words.timing.target
