"""Putting an order into a state, in the API's words: curie's, edison's, or both where one of them lacks a word."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

from nomos_mcp.simulator.clock import EARLIEST, LATEST
from nomos_mcp.simulator.views.meter_orders import CurieStatus, EdisonStatus
from nomos_mcp.simulator.world.changes import held, moved, released
from nomos_mcp.simulator.world.records import CancelReason, HoldReason, Order, Stage


def _in_utc(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"use a time from {EARLIEST.year} to {LATEST.year}")
    return moment.astimezone(UTC)


_Word = Literal[CurieStatus, EdisonStatus]
_STAGES: Final[Mapping[_Word, Stage]] = {
    "created": "requested",
    "placed": "with_partner",
    "check_submitted": "check_submitted",
    "check_reviewed": "confirmed",
    "scheduled": "appointed",
    "installed": "installed",
    "activated": "activated",
    "cancelled": "cancelled",
    "waiting": "requested",
    "intended": "intended",
    "ordered": "with_partner",
    "checked": "confirmed",
    "installation_planning": "planning",
    "installation_scheduled": "appointed",
    "installation_waiting": "awaiting_installer",
    "installation_finished": "data_returned",
    "pre_installed": "cancelled",
}
_HOLDS: Final[Mapping[_Word, HoldReason]] = {
    "blocked": "manual_review",
    "blocked_wim": "grid_operator_registration",
}


class OrderState(BaseModel):
    """The state that an order is to be in.

    Attributes:
        status: A status of curie or of edison; edison's `blocked` and `blocked_wim` lie over the status that the order
            has. None keeps the status.
        blocked_reason: Curie's reason, laid over the status; None: not blocked.
        cancelled_reason: Why, where the status is `cancelled`.
        appointment_at: With a time zone, where the status has one; None keeps the present one or invents one.
        moves_on: Whether time moves the order on from there; otherwise it stays until it is put elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: _Word | None = None
    blocked_reason: Literal["check_missing", "grid_operator_registration"] | None = None
    cancelled_reason: CancelReason = "customer_request"
    appointment_at: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = None
    moves_on: bool = False

    @model_validator(mode="after")
    def _is_one_state(self) -> Self:
        if not {"status", "blocked_reason"} & self.model_fields_set:
            raise ValueError("name the state: 'status', 'blocked_reason', or both")
        if self.status in _HOLDS and self.blocked_reason is not None:
            raise ValueError(f"{self.status!r} is edison's word for a block; leave out 'blocked_reason' with it")
        if "cancelled_reason" in self.model_fields_set and self.status != "cancelled":
            raise ValueError("'cancelled_reason' belongs to the status 'cancelled'")
        return self

    def applied(self, order: Order, at: datetime) -> Order:
        """Give the order as it is in this state from a moment on."""
        stage = order.stage if self.status is None else _STAGES.get(self.status, order.stage)
        cancelled: CancelReason = "pre_existing" if self.status == "pre_installed" else self.cancelled_reason
        if stage != order.stage or self.appointment_at is not None or stage == "cancelled":
            order = moved(order, stage, at, appointment_at=self.appointment_at, cancelled_reason=cancelled)
        reason = None if self.status is None else _HOLDS.get(self.status)
        reason = reason or self.blocked_reason
        return released(order, at) if reason is None else held(order, reason, at)
