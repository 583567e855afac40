"""Meter orders in the words of curie and of edison, and back: the state that an order is to be put into.

Both versions are written from the same record. Where their words do not map (all of this is inferred from the two
documents), each shows what it has a word for:

- a check is missing: curie lays `check_missing` over the status; edison shows its plain status;
- a registration at the grid operator is pending: curie lays `grid_operator_registration` over the status; edison's
  status *is* `blocked_wim`;
- a manual review at Nomos: edison's status *is* `blocked`; curie shows its plain status;
- the meter was smart before: curie is `cancelled` with `pre_existing`; edison is `pre_installed`;
- an interest without an order (`intended`): edison only, and inexogy only.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

from nomos_mcp.simulator.api_format import CURIE, ApiVersion, Json, format_time
from nomos_mcp.simulator.list_queries import FilterField
from nomos_mcp.simulator.order_transitions import held, moved, released
from nomos_mcp.simulator.world_clock import EARLIEST, LATEST
from nomos_mcp.simulator.world_records import CancelReason, HoldReason, OrderRecord, Provider, Stage

CurieStatus = Literal[
    "created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated", "cancelled"
]
EdisonStatus = Literal[
    "waiting",
    "intended",
    "ordered",
    "checked",
    "installation_planning",
    "installation_scheduled",
    "installation_waiting",
    "installation_finished",
    "installed",
    "pre_installed",
    "activated",
    "blocked",
    "blocked_wim",
    "cancelled",
]
_Status = Literal[CurieStatus, EdisonStatus]

CURIE_STATUS: Final[dict[Stage, CurieStatus]] = {
    "requested": "created",
    "with_partner": "placed",
    "check_submitted": "check_submitted",
    "confirmed": "check_reviewed",
    "planning": "check_reviewed",
    "appointed": "scheduled",
    "awaiting_installer": "scheduled",
    "installed": "installed",
    "data_returned": "installed",
    "activated": "activated",
    "cancelled": "cancelled",
}
_EDISON: Final[dict[Stage, EdisonStatus]] = {
    "intended": "intended",
    "requested": "waiting",
    "with_partner": "ordered",
    "check_submitted": "ordered",
    "confirmed": "checked",
    "planning": "installation_planning",
    "appointed": "installation_scheduled",
    "awaiting_installer": "installation_waiting",
    "installed": "installed",
    "data_returned": "installation_finished",
    "activated": "activated",
    "cancelled": "cancelled",
}
_EDISON_HOLDS: Final[Mapping[HoldReason, EdisonStatus]] = {
    "manual_review": "blocked",
    "grid_operator_registration": "blocked_wim",
}
# Of several stages with one status, the first is meant.
_STAGES: Final[Mapping[_Status, Stage]] = {
    "pre_installed": "cancelled",
    **{status: stage for stage, status in reversed(_EDISON.items())},
    **{status: stage for stage, status in reversed(CURIE_STATUS.items())},
}
_HOLDS: Final[Mapping[_Status, HoldReason]] = {status: reason for reason, status in _EDISON_HOLDS.items()}


def _edison_status(order: OrderRecord) -> EdisonStatus:
    if order.hold is not None and order.hold.reason in _EDISON_HOLDS:
        return _EDISON_HOLDS[order.hold.reason]
    return "pre_installed" if order.cancelled_reason == "pre_existing" else _EDISON[order.stage]


def order_shown(order: OrderRecord, version: ApiVersion) -> bool:
    return version < CURIE or order.stage in CURIE_STATUS


def render_order(order: OrderRecord, version: ApiVersion) -> Json:
    """Write an order that is shown in the version."""
    common: Json = {
        "object": "meter_order",
        "id": order.id,
        "subscription": order.subscription_id,
        "customer": order.customer_id,
        "provider": order.provider,
        "status": _edison_status(order) if version < CURIE else CURIE_STATUS.get(order.stage),
        "created_at": format_time(order.created_at),
    }
    if version < CURIE:
        return common | {"updated_at": format_time(order.updated_at)}
    block = order.block
    return common | {
        "installed_at": format_time(order.installed_at),
        "activated_at": format_time(order.activated_at),
        "cancelled_at": format_time(order.cancelled_at),
        "cancelled_reason": order.cancelled_reason,
        "blocked_at": format_time(block.since if block else None),
        "blocked_reason": block.reason if block else None,
        "appointment_at": format_time(order.appointment_at),
    }


def order_fields(version: ApiVersion) -> Sequence[FilterField[OrderRecord]]:
    """Return what the list can be filtered by: in curie neither a date nor a block."""
    ids: Sequence[FilterField[OrderRecord]] = (
        FilterField("customer", "string", lambda order: order.customer_id),
        FilterField("subscription", "string", lambda order: order.subscription_id),
    )
    if version >= CURIE:
        statuses = frozenset(get_args(CurieStatus))
        return (FilterField("status", "enum", lambda order: CURIE_STATUS[order.stage], statuses), *ids)
    products = frozenset(f"smart-meter-{provider}" for provider in get_args(Provider))
    return (
        FilterField("status", "enum", _edison_status, frozenset(get_args(EdisonStatus))),
        FilterField("product", "enum", lambda order: f"smart-meter-{order.provider}", products),
        *ids,
        FilterField("created_at", "date", lambda order: order.created_at),
        FilterField("updated_at", "date", lambda order: order.updated_at),
    )


def _in_utc(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"use a time from {EARLIEST.year} to {LATEST.year}")
    return moment.astimezone(UTC)


class TargetState(BaseModel):
    """The state that an order is to be put into.

    Attributes:
        status: A status of curie or of edison; edison's `blocked` and `blocked_wim` lie over the status that the order
            has. None keeps the status.
        blocked_reason: Curie's reason, laid over the status; None: not blocked.
        cancelled_reason: Why, if the status is `cancelled`.
        appointment_at: With a time zone, if the status has an appointment; None keeps the present one or invents one.
        moves_on: Whether time moves the order on from there; otherwise it stays until it is put elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: _Status | None = None
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

    def applied(self, order: OrderRecord, at: datetime) -> OrderRecord:
        """Return the order as it is in this state from a moment on."""
        stage = order.stage if self.status is None else _STAGES.get(self.status, order.stage)
        cancelled: CancelReason = "pre_existing" if self.status == "pre_installed" else self.cancelled_reason
        if stage != order.stage or self.appointment_at is not None or stage == "cancelled":
            order = moved(order, stage, at, appointment_at=self.appointment_at, cancelled_reason=cancelled)
        reason = self.blocked_reason if self.status is None else _HOLDS.get(self.status, self.blocked_reason)
        return released(order, at) if reason is None else held(order, reason, at)
