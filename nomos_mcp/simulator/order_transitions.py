"""What happens to an order next, drawn from a seed. Pure: knows one order, and no clock.

The path is the documented one. How long a step takes, and how often an order is blocked or cancelled, is invented: the
vendor publishes neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from nomos_mcp.simulator.world_records import CancelReason, Hold, HoldReason, OrderRecord, Stage

_INSTALLED: Final[Sequence[Stage]] = ("installed", "data_returned", "activated")
_WITH_APPOINTMENT: Final[Sequence[Stage]] = ("appointed", "awaiting_installer", *_INSTALLED)
_APPOINTMENT_IN: Final = timedelta(days=10)  # invented, for an order that is put there without an appointment


def moved(
    order: OrderRecord,
    stage: Stage,
    at: datetime,
    *,
    appointment_at: datetime | None = None,
    cancelled_reason: CancelReason = "customer_request",
) -> OrderRecord:
    """Give the order as it is once it has reached a stage; a stage behind it takes back what came later.

    Args:
        order: The order before.
        stage: Any stage.
        at: When it got there.
        appointment_at: A new appointment; None keeps the present one, or invents one where the stage needs it.
        cancelled_reason: Why, if the stage is `cancelled`.

    Returns:
        The order after, with its hold as it was.
    """
    installed = (order.installed_at or at) if stage in _INSTALLED else None
    appointment = appointment_at or order.appointment_at
    if stage not in _WITH_APPOINTMENT:
        appointment = None
    elif appointment is None:
        appointment = installed or (at + _APPOINTMENT_IN).replace(hour=9, minute=0, second=0)
    cancelled = stage == "cancelled"
    return replace(
        order,
        stage=stage,
        updated_at=at,
        appointment_at=appointment,
        installed_at=installed,
        activated_at=(order.activated_at or at) if stage == "activated" else None,
        cancelled_at=at if cancelled else None,
        cancelled_reason=cancelled_reason if cancelled else None,
    )


def held(order: OrderRecord, reason: HoldReason, at: datetime) -> OrderRecord:
    """Give the order as it is once something keeps it from moving; a hold for the same reason keeps its date."""
    if order.hold is not None and order.hold.reason == reason:
        return order
    return replace(order, hold=Hold(reason, at), updated_at=at)


def released(order: OrderRecord, at: datetime) -> OrderRecord:
    """Give the order as it is once nothing keeps it from moving."""
    return order if order.hold is None else replace(order, hold=None, updated_at=at)


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
class Transition:
    """What happens to an order next.

    Attributes:
        at: When.
        order: The order after it.
    """

    at: datetime
    order: OrderRecord


def next_transition(order: OrderRecord, since: datetime, rng: Random) -> Transition | None:
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
        return Transition(at, released(order, at))
    following = _NEXT.get(order.stage)
    if following is None:
        return None
    at, chance = since + _days(_STEP_DAYS, rng), rng.random()
    if order.stage in _HOLDS and chance < _HELD_SHARE:
        return Transition(at, held(order, rng.choice(_HOLDS[order.stage]), at))
    if order.stage in _CANCELS and chance > 1 - _CANCELLED_SHARE:
        reason = rng.choice(_CANCELS[order.stage])
        return Transition(at, moved(order, "cancelled", at, cancelled_reason=reason))
    if order.stage in {"appointed", "awaiting_installer"}:
        return _towards_the_appointment(order, following, at, rng)
    appointment_at = _appointment(at, rng) if following == "appointed" else None
    return Transition(at, moved(order, following, at, appointment_at=appointment_at))


def _towards_the_appointment(order: OrderRecord, following: Stage, at: datetime, rng: Random) -> Transition:
    """Keep to the appointment; one that has passed unused is made anew."""
    appointment = order.appointment_at
    if appointment is None or appointment < at:
        return Transition(at, moved(order, order.stage, at, appointment_at=_appointment(at, rng)))
    due = appointment + timedelta(hours=2) if following == "installed" else at
    return Transition(due, moved(order, following, due))


def _appointment(at: datetime, rng: Random) -> datetime:
    day = at + timedelta(days=rng.randint(*_APPOINTMENT_DAYS))
    return day.replace(hour=rng.randint(8, 15), minute=0, second=0)


def _days(between: tuple[int, int], rng: Random) -> timedelta:
    """Draw a span in whole seconds."""
    least, most = between
    return timedelta(seconds=rng.randint(least * 86_400, most * 86_400))
