"""What happens to an order next, drawn from a seed. Pure: knows one order, and no clock.

The path is the documented one. How long a step takes, and how often an order is blocked or cancelled, is invented: the
vendor publishes neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from nomos_mcp.simulator.world.changes import held, moved, released
from nomos_mcp.simulator.world.records import CancelReason, HoldReason, Order, Stage

_NEXT: Final[Mapping[Stage, Stage]] = {
    "intended": "requested",
    "requested": "with_partner",
    "with_partner": "check_submitted",
    "check_submitted": "confirmed",
    "confirmed": "planning",
    "planning": "appointed",
    "appointed": "awaiting_installer",
    "awaiting_installer": "installed",
    "installed": "data_returned",
    "data_returned": "activated",
}
_HOLDS: Final[Mapping[Stage, Sequence[HoldReason]]] = {
    "requested": ("check_missing", "manual_review"),
    "with_partner": ("check_missing", "grid_operator_registration"),
    "confirmed": ("grid_operator_registration",),
    "planning": ("grid_operator_registration",),
    "installed": ("grid_operator_registration",),
}
_CANCELS: Final[Mapping[Stage, Sequence[CancelReason]]] = {
    "requested": ("customer_request",),
    "with_partner": ("customer_request", "pre_existing"),
    "check_submitted": ("customer_request", "pre_existing"),
    "confirmed": ("customer_request",),
    "planning": ("customer_request",),
    "appointed": ("customer_request",),
}
_HELD_SHARE: Final = 0.15
_CANCELLED_SHARE: Final = 0.03
_STEP_DAYS: Final = (1, 7)
_HELD_DAYS: Final = (2, 14)
_APPOINTMENT_DAYS: Final = (3, 21)


@dataclass(frozen=True, slots=True)
class Happening:
    """What happens to an order next.

    Attributes:
        at: When.
        order: The order after it.
    """

    at: datetime
    order: Order


def next_happening(order: Order, since: datetime, rng: Random) -> Happening | None:
    """Draw what happens to an order next.

    Args:
        order: The order as it is.
        since: From when on it waits.
        rng: Draws; the same state of it gives the same happening.

    Returns:
        What happens and when, always later than `since`; None when nothing will.
    """
    if order.hold is not None:
        at = since + _days(_HELD_DAYS, rng)
        return Happening(at, released(order, at))
    following = _NEXT.get(order.stage)
    if following is None:
        return None
    at, chance = since + _days(_STEP_DAYS, rng), rng.random()
    if order.stage in _HOLDS and chance < _HELD_SHARE:
        return Happening(at, held(order, rng.choice(_HOLDS[order.stage]), at))
    if order.stage in _CANCELS and chance > 1 - _CANCELLED_SHARE:
        reason = rng.choice(_CANCELS[order.stage])
        return Happening(at, moved(order, "cancelled", at, cancelled_reason=reason))
    if order.stage in {"appointed", "awaiting_installer"}:
        return _towards_the_appointment(order, following, at, rng)
    appointment_at = _appointment(at, rng) if following == "appointed" else None
    return Happening(at, moved(order, following, at, appointment_at=appointment_at))


def _towards_the_appointment(order: Order, following: Stage, at: datetime, rng: Random) -> Happening:
    """Keep to the appointment; one that has passed unused is made anew."""
    appointment = order.appointment_at
    if appointment is None or appointment < at:
        return Happening(at, moved(order, order.stage, at, appointment_at=_appointment(at, rng)))
    due = appointment + timedelta(hours=2) if following == "installed" else at
    return Happening(due, moved(order, following, due))


def _appointment(at: datetime, rng: Random) -> datetime:
    day = at + timedelta(days=rng.randint(*_APPOINTMENT_DAYS))
    return day.replace(hour=rng.randint(8, 15), minute=0, second=0)


def _days(between: tuple[int, int], rng: Random) -> timedelta:
    """Draw a span in whole seconds."""
    least, most = between
    return timedelta(seconds=rng.randint(least * 86_400, most * 86_400))
