"""What an order looks like after a change: its dates follow from its stage, so that no state contradicts itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from nomos_mcp.simulator.world.records import CancelReason, Hold, HoldReason, Order, Stage

_INSTALLED: Final[Sequence[Stage]] = ("installed", "data_returned", "activated")
_WITH_APPOINTMENT: Final[Sequence[Stage]] = ("appointed", "awaiting_installer", *_INSTALLED)
_APPOINTMENT_IN: Final = timedelta(days=10)  # invented, for an order that is put there without an appointment


def moved(
    order: Order,
    stage: Stage,
    at: datetime,
    *,
    appointment_at: datetime | None = None,
    cancelled_reason: CancelReason = "customer_request",
) -> Order:
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


def held(order: Order, reason: HoldReason, at: datetime) -> Order:
    """Give the order as it is once something keeps it from moving; a hold for the same reason keeps its date."""
    if order.hold is not None and order.hold.reason == reason:
        return order
    return replace(order, hold=Hold(reason, at), updated_at=at)


def released(order: Order, at: datetime) -> Order:
    """Give the order as it is once nothing keeps it from moving."""
    return order if order.hold is None else replace(order, hold=None, updated_at=at)
