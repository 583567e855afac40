"""The records of the simulated world, their events, and their IDs. A change replaces a frozen record by a new one.

An order's `stage` is finer than the statuses of any API version, and a `Hold` lies over it, so that each version can
tell the truth in its own words (see `views`). Where the vendor's two lifecycles leave the order of the stages
open, it is inferred.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID, uuid5

Clock = Callable[[], datetime]
Provider = Literal["energy-metering", "metrify", "inexogy"]
# In the order of an order's path; `intended` comes before it and `cancelled` leaves it.
Stage = Literal[
    "intended",
    "requested",
    "with_partner",
    "check_submitted",
    "confirmed",
    "planning",
    "appointed",
    "awaiting_installer",
    "installed",
    "data_returned",
    "activated",
    "cancelled",
]
HoldReason = Literal["check_missing", "grid_operator_registration", "manual_review"]
CancelReason = Literal["pre_existing", "customer_request"]
SubscriptionStatus = Literal["pending", "active", "ended"]
SubscriptionType = Literal["consumption", "feed_in"]
MeterType = Literal["smart", "analog"]
Topic = Literal[
    "subscription.created",
    "subscription.confirmed",
    "subscription.activated",
    "subscription.ended",
    "subscription.terminated",
    "meter_order.created",
    "meter_order.placed",
    "meter_order.check_submitted",
    "meter_order.check_reviewed",
    "meter_order.scheduled",
    "meter_order.installed",
    "meter_order.activated",
    "meter_order.blocked",
    "meter_order.cancelled",
]
"""The topics of meter orders are curie's words; no other version has them."""

STAGE_TOPICS: Final[Mapping[Stage, Topic]] = {
    "requested": "meter_order.created",
    "with_partner": "meter_order.placed",
    "check_submitted": "meter_order.check_submitted",
    "confirmed": "meter_order.check_reviewed",
    "appointed": "meter_order.scheduled",
    "installed": "meter_order.installed",
    "activated": "meter_order.activated",
    "cancelled": "meter_order.cancelled",
}
"""The event of each stage that changes curie's status; the other stages do not change it."""

_ID_LENGTH: Final = 24
_REQUESTS: Final = UUID("6e6f6d6f-732d-4d43-902d-726571756573")


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps an order from moving, on top of its stage."""

    reason: HoldReason
    since: datetime


@dataclass(frozen=True, slots=True)
class OrderRecord:
    id: str
    organisation: str
    subscription_id: str
    customer_id: str
    provider: Provider
    stage: Stage
    created_at: datetime
    updated_at: datetime
    hold: Hold | None = None
    appointment_at: datetime | None = None
    installed_at: datetime | None = None
    activated_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_reason: CancelReason | None = None

    @property
    def block(self) -> Hold | None:
        """The hold, if curie has a word for it: it has none for a manual review."""
        return self.hold if self.hold is not None and self.hold.reason != "manual_review" else None


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    id: str
    organisation: str
    first_name: str
    last_name: str
    company_name: str | None
    email: str
    created_at: datetime

    @property
    def type(self) -> str:
        return "person" if self.company_name is None else "company"


@dataclass(frozen=True, slots=True)
class Address:
    id: str
    street: str
    house_number: str
    zip: str
    city: str


@dataclass(frozen=True, slots=True)
class Meter:
    id: str
    number: str
    type: MeterType
    malo: str | None  # identifies the market location
    melo: str | None  # identifies the metering location


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    id: str
    iban: str
    account_holder: str


@dataclass(frozen=True, slots=True)
class Supplier:
    id: str
    name: str
    country: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    id: str
    organisation: str
    customer_id: str
    plan_id: str
    number: str
    status: SubscriptionStatus
    type: SubscriptionType
    estimated_usage: int
    address: Address
    meter: Meter
    payment_method: PaymentMethod
    supplier: Supplier | None
    created_at: datetime
    updated_at: datetime
    start_at: datetime | None = None
    terminated_at: datetime | None = None
    end_at: datetime | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EventRecord:
    id: str
    organisation: str
    topic: Topic
    at: datetime
    subscription_id: str
    order_id: str | None = None


def readable_id(prefix: str, name: str) -> str:
    """Build an ID that shows a name: `prdo` and `check_reviewed` give `prdo_checkreviewed00000000000`."""
    word = name.replace("_", "")
    if not re.fullmatch(f"[a-z0-9]{{0,{_ID_LENGTH}}}", word):
        raise ValueError(f"{name!r} does not fit an ID: use at most {_ID_LENGTH} lower-case letters or digits.")
    return f"{prefix}_{word:0<{_ID_LENGTH}}"


def derived_id(prefix: str, *parts: str) -> str:
    text = "\n".join((prefix, *parts))
    return f"{prefix}_{sha256(text.encode()).hexdigest()[:_ID_LENGTH]}"


def event_id(topic: Topic, subject_id: str, occurrence: int = 0) -> str:
    """`occurrence` counts how often it happened to its order (or else its subscription) before."""
    return derived_id("evt", topic, subject_id, str(occurrence))


def request_id(seed: int, number: int) -> str:
    """A UUID like the vendor's, but the same in every run."""
    return str(uuid5(_REQUESTS, f"{seed}:{number}"))
