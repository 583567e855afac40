"""How an order changes: into a given state, and what happens to it next.

The stages follow the documented path. How long each takes, and how often an order is blocked or cancelled, is
invented: the vendor publishes neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Final, get_args

from nomos_mcp.simulator.world_records import CancelReason, Hold, HoldReason, OrderRecord, Stage

PATH: Final[Sequence[Stage]] = get_args(Stage)[1:-1]
"""The stages of an order that nothing stops: all but `intended` and `cancelled`."""

INSTALLED: Final = frozenset(PATH[PATH.index("installed") :])
_WITH_APPOINTMENT: Final = frozenset(PATH[PATH.index("appointed") :])
_NEXT: Final[Mapping[Stage, Stage]] = {"intended": PATH[0], **dict(pairwise(PATH))}
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
_DEFAULT_APPOINTMENT: Final = timedelta(days=10)


def moved(
    order: OrderRecord,
    stage: Stage,
    at: datetime,
    *,
    appointment_at: datetime | None = None,
    cancelled_reason: CancelReason = "customer_request",
) -> OrderRecord:
    """Return the order at a stage, with the dates that belong to it: an earlier one removes the dates that came later.

    Without `appointment_at` the present appointment stays, or one is invented where the stage needs it.
    """
    installed = (order.installed_at or at) if stage in INSTALLED else None
    appointment = appointment_at or order.appointment_at
    if stage not in _WITH_APPOINTMENT:
        appointment = None
    elif appointment is None:
        appointment = installed or (at + _DEFAULT_APPOINTMENT).replace(hour=9, minute=0, second=0)
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
    """A hold for the same reason keeps its date."""
    if order.hold is not None and order.hold.reason == reason:
        return order
    return replace(order, hold=Hold(reason, at), updated_at=at)


def released(order: OrderRecord, at: datetime) -> OrderRecord:
    return order if order.hold is None else replace(order, hold=None, updated_at=at)


def next_transition(order: OrderRecord, since: datetime, rng: Random) -> OrderRecord | None:
    """Draw what happens to an order that has been waiting since a moment; None: nothing will.

    The `updated_at` of the order that is returned says when, always later than `since`.
    """
    if order.hold is not None:
        return released(order, since + _days(*_HELD_DAYS, rng))
    following = _NEXT.get(order.stage)
    if following is None:
        return None
    at, chance = since + _days(*_STEP_DAYS, rng), rng.random()
    if order.stage in _HOLDS and chance < _HELD_SHARE:
        return held(order, rng.choice(_HOLDS[order.stage]), at)
    if order.stage in _CANCELS and chance > 1 - _CANCELLED_SHARE:
        return moved(order, "cancelled", at, cancelled_reason=rng.choice(_CANCELS[order.stage]))
    if order.stage in {"appointed", "awaiting_installer"}:
        return _towards_appointment(order, following, at, rng)
    return moved(order, following, at, appointment_at=_appointment(at, rng) if following == "appointed" else None)


def _towards_appointment(order: OrderRecord, following: Stage, at: datetime, rng: Random) -> OrderRecord:
    appointment = order.appointment_at
    if appointment is None or appointment < at:  # it passed without an installation
        return moved(order, order.stage, at, appointment_at=_appointment(at, rng))
    return moved(order, following, appointment + timedelta(hours=2) if following == "installed" else at)


def _appointment(at: datetime, rng: Random) -> datetime:
    day = at + timedelta(days=rng.randint(*_APPOINTMENT_DAYS))
    return day.replace(hour=rng.randint(8, 15), minute=0, second=0)


def _days(least: int, most: int, rng: Random) -> timedelta:
    return timedelta(seconds=rng.randint(least * 86_400, most * 86_400))
