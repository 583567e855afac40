"""Meter orders in the words of curie and of edison.

Both are written from the same record. Where the vocabularies do not map (all of this inferred from the two
documents), each shows what it has a word for:

- a check that is missing: curie lays `check_missing` over the status; edison has no word and shows its plain status;
- a pending registration at the grid operator: curie lays `grid_operator_registration` over the status; edison's
  status *is* `blocked_wim`;
- a manual review at Nomos: edison's status *is* `blocked`; curie has no word and shows its plain status;
- a meter that was smart before: curie is `cancelled` with `pre_existing`; edison is `pre_installed`;
- an interest without an order (`intended`): edison only, and inexogy only.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

from nomos_mcp.simulator.api_format import CURIE, ApiVersion, Json
from nomos_mcp.simulator.list_queries import Field
from nomos_mcp.simulator.order_transitions import held, moved, released
from nomos_mcp.simulator.world_clock import EARLIEST, LATEST, on_the_wire
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

_CURIE: Final[Mapping[Stage, CurieStatus]] = {
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
_EDISON: Final[Mapping[Stage, EdisonStatus]] = {
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


def curie_status(stage: Stage) -> CurieStatus | None:
    """Name a stage in curie's words; None where curie does not know of the order yet."""
    return _CURIE.get(stage)


def edison_status(order: OrderRecord) -> EdisonStatus:
    """Name an order's state in edison's words, where a block replaces the status."""
    if order.hold is not None and order.hold.reason == "manual_review":
        return "blocked"
    if order.hold is not None and order.hold.reason == "grid_operator_registration":
        return "blocked_wim"
    if order.cancelled_reason == "pre_existing":
        return "pre_installed"
    return _EDISON[order.stage]


def order_shown(order: OrderRecord, version: ApiVersion) -> bool:
    """Tell whether a version knows of an order."""
    return version < CURIE or curie_status(order.stage) is not None


def render_order(order: OrderRecord, version: ApiVersion) -> Json:
    """Write an order as a version does.

    Args:
        order: One that the version shows.
        version: Edison or curie.

    Returns:
        The JSON body.
    """
    common: Json = {
        "object": "meter_order",
        "id": order.id,
        "subscription": order.subscription_id,
        "customer": order.customer_id,
        "provider": order.provider,
    }
    if version < CURIE:
        return common | {
            "status": edison_status(order),
            "created_at": on_the_wire(order.created_at),
            "updated_at": on_the_wire(order.updated_at),
        }
    hold = order.hold if order.hold is not None and order.hold.reason != "manual_review" else None
    return common | {
        "status": curie_status(order.stage),
        "created_at": on_the_wire(order.created_at),
        "installed_at": on_the_wire(order.installed_at),
        "activated_at": on_the_wire(order.activated_at),
        "cancelled_at": on_the_wire(order.cancelled_at),
        "cancelled_reason": order.cancelled_reason,
        "blocked_at": on_the_wire(hold.since if hold else None),
        "blocked_reason": hold.reason if hold else None,
        "appointment_at": on_the_wire(order.appointment_at),
    }


def order_fields(version: ApiVersion) -> Sequence[Field[OrderRecord]]:
    """Tell what the list can be filtered by: in curie neither a date nor a block."""
    whose: Sequence[Field[OrderRecord]] = (
        Field("customer", "string", lambda order: order.customer_id),
        Field("subscription", "string", lambda order: order.subscription_id),
    )
    if version >= CURIE:
        statuses = frozenset(get_args(CurieStatus))
        return (Field("status", "enum", lambda order: str(curie_status(order.stage)), statuses), *whose)
    products = frozenset(_product(provider) for provider in get_args(Provider))
    return (
        Field("status", "enum", edison_status, frozenset(get_args(EdisonStatus))),
        Field("product", "enum", lambda order: _product(order.provider), products),
        *whose,
        Field("created_at", "date", lambda order: order.created_at),
        Field("updated_at", "date", lambda order: order.updated_at),
    )


def _product(provider: Provider) -> str:
    return f"smart-meter-{provider}"


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


class TargetState(BaseModel):
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

    def applied(self, order: OrderRecord, at: datetime) -> OrderRecord:
        """Give the order as it is in this state from a moment on."""
        stage = order.stage if self.status is None else _STAGES.get(self.status, order.stage)
        cancelled: CancelReason = "pre_existing" if self.status == "pre_installed" else self.cancelled_reason
        if stage != order.stage or self.appointment_at is not None or stage == "cancelled":
            order = moved(order, stage, at, appointment_at=self.appointment_at, cancelled_reason=cancelled)
        reason = None if self.status is None else _HOLDS.get(self.status)
        reason = reason or self.blocked_reason
        return released(order, at) if reason is None else held(order, reason, at)
