"""What each API version writes of a record, and the state that an order is to be put into.

Both vocabularies of meter orders are written from the same record. Where they do not map (all of this is inferred from
the two documents), each shows what it has a word for:

- a check is missing: curie lays `check_missing` over the status; edison shows its plain status;
- a registration at the grid operator is pending: curie lays `grid_operator_registration` over the status; edison's
  status *is* `blocked_wim`;
- a manual review at Nomos: edison's status *is* `blocked`; curie shows its plain status;
- the meter was smart before: curie is `cancelled` with `pre_existing`; edison is `pre_installed`;
- an interest without an order (`intended`): edison only, and inexogy only.

A listed subscription names what belongs to it by ID; a single one carries whole objects (personal data, here invented).
That older versions do so too, that edison says `direction` as they do, and that all versions write customers alike, is
inferred.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

from nomos_mcp.simulator.api_calls import CURIE, ApiVersion, Json, format_time
from nomos_mcp.simulator.list_queries import FilterField
from nomos_mcp.simulator.order_transitions import held, moved, released
from nomos_mcp.simulator.world import EARLIEST, LATEST
from nomos_mcp.simulator.world_records import (
    CancelReason,
    CustomerRecord,
    EventRecord,
    HoldReason,
    OrderRecord,
    Provider,
    Stage,
    SubscriptionRecord,
    SubscriptionStatus,
)

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
    """In curie neither a date nor a block."""
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
        stage = order.stage if self.status is None else _STAGES.get(self.status, order.stage)
        cancelled: CancelReason = "pre_existing" if self.status == "pre_installed" else self.cancelled_reason
        if stage != order.stage or self.appointment_at is not None or stage == "cancelled":
            order = moved(order, stage, at, appointment_at=self.appointment_at, cancelled_reason=cancelled)
        reason = self.blocked_reason if self.status is None else _HOLDS.get(self.status, self.blocked_reason)
        return released(order, at) if reason is None else held(order, reason, at)


CUSTOMER_FIELDS: Final[Sequence[FilterField[CustomerRecord]]] = (
    FilterField("email", "string", lambda customer: customer.email),
    FilterField("type", "string", lambda customer: customer.type),
    FilterField("created_at", "date", lambda customer: customer.created_at),
)
SUBSCRIPTION_FIELDS: Final[Sequence[FilterField[SubscriptionRecord]]] = (
    FilterField("status", "enum", lambda subscription: subscription.status, frozenset(get_args(SubscriptionStatus))),
    FilterField("customer", "string", lambda subscription: subscription.customer_id),
    FilterField("plan", "string", lambda subscription: subscription.plan_id),
    FilterField("created_at", "date", lambda subscription: subscription.created_at),
    FilterField("updated_at", "date", lambda subscription: subscription.updated_at),
)


def subscription_shown(subscription: SubscriptionRecord, version: ApiVersion) -> bool:
    """Feed-in, and `type` instead of `direction`, exist from curie on (vendor document)."""
    return version >= CURIE or subscription.type == "consumption"


def event_shown(event: EventRecord, version: ApiVersion) -> bool:
    """Events of meter orders exist from curie on (vendor document)."""
    return version >= CURIE or event.order_id is None


def render_event(event: EventRecord) -> Json:
    context: Json = {"subscription": event.subscription_id}
    if event.order_id is not None:
        context["meter_order"] = event.order_id
    return {"id": event.id, "topic": event.topic, "timestamp": format_time(event.at), "context": context}


def render_customer(customer: CustomerRecord) -> Json:
    body: Json = {
        "object": "customer",
        "id": customer.id,
        "type": customer.type,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "vat_id": None,
        "created_at": format_time(customer.created_at),
    }
    return body if customer.company_name is None else body | {"company_name": customer.company_name}


def render_listed_subscription(subscription: SubscriptionRecord, version: ApiVersion) -> Json:
    related: Json = {
        "customer": subscription.customer_id,
        "address": subscription.address.id,
        "meter": subscription.meter.id,
        "payment_method": subscription.payment_method.id,
        "supplier": subscription.supplier.id if subscription.supplier else None,
    }
    return _subscription(subscription, related, version)


def render_subscription(subscription: SubscriptionRecord, customer: CustomerRecord, version: ApiVersion) -> Json:
    since = format_time(subscription.created_at)
    payment, supplier = subscription.payment_method, subscription.supplier
    previous = supplier and {"object": "supplier", **asdict(supplier), "created_at": format_time(supplier.created_at)}
    related: Json = {
        "customer": render_customer(customer),
        "address": {"object": "address", **asdict(subscription.address), "created_at": since},
        "meter": {"object": "meter", **asdict(subscription.meter), "created_at": since},
        "supplier": previous,
        "payment_method": {
            "object": "payment_method",
            "id": payment.id,
            "type": "sepa_debit",
            "sepa_debit": {"iban": payment.iban, "account_holder": payment.account_holder},
            "created_at": since,
        },
    }
    return _subscription(subscription, related, version)


def _subscription(subscription: SubscriptionRecord, related: Json, version: ApiVersion) -> Json:
    body: Json = {
        "object": "subscription",
        "id": subscription.id,
        "plan": subscription.plan_id,
        "number": subscription.number,
        "status": subscription.status,
        "type" if version >= CURIE else "direction": subscription.type,
        "estimated_usage": subscription.estimated_usage,
        "created_at": format_time(subscription.created_at),
        "updated_at": format_time(subscription.updated_at),
        "start_at": format_time(subscription.start_at),
        "terminated_at": format_time(subscription.terminated_at),
        "end_at": format_time(subscription.end_at),
        "metadata": dict(subscription.metadata),
    }
    return body | related | ({"billing_address": related["address"]} if version >= CURIE else {})
