"""The records of the world. Frozen: a change puts a new record in the old one's place.

An order's `stage` is finer than either vocabulary, and a `Hold` lies over it, so that each API version can be told
the truth in its own words (see `views.meter_orders`). The order of the stages is inferred where the vendor's two
lifecycles leave it open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID, uuid5

Provider = Literal["energy-metering", "metrify", "inexogy"]
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
CustomerType = Literal["person", "company"]
MeterType = Literal["smart", "analog"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that keeps an order from moving, on top of its stage."""

    reason: HoldReason
    since: datetime


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """A smart meter order."""

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


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A person or a company; the data is invented."""

    id: str
    organisation: str
    type: CustomerType
    first_name: str
    last_name: str
    company_name: str | None
    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """A tariff; `provider` is who installs its smart meters, None when the plan has no smart-meter product."""

    id: str
    provider: Provider | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where the meter is, and where the bill goes."""

    id: str
    street: str
    house_number: str
    zip: str
    city: str


@dataclass(frozen=True, slots=True)
class Meter:
    """The meter in place; `malo` and `melo` are the market's and the metering's location IDs."""

    id: str
    number: str
    type: MeterType
    malo: str
    melo: str


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A direct debit; the IBANs have the check digits 00, which no real one has."""

    id: str
    iban: str
    account_holder: str


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who delivered before."""

    id: str
    name: str
    country: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """A contract of a customer for one place."""

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

TOPIC_ON_REACHING: Final[Mapping[Stage, Topic]] = {
    "requested": "meter_order.created",
    "with_partner": "meter_order.placed",
    "check_submitted": "meter_order.check_submitted",
    "confirmed": "meter_order.check_reviewed",
    "appointed": "meter_order.scheduled",
    "installed": "meter_order.installed",
    "activated": "meter_order.activated",
    "cancelled": "meter_order.cancelled",
}
"""The event of each stage at which curie's status changes; the stages left out change it no further."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened; it names its subjects by ID only."""

    id: str
    organisation: str
    topic: Topic
    at: datetime
    subscription_id: str
    order_id: str | None = None


_LENGTH: Final = 24
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_REQUESTS: Final = UUID("6e6f6d6f-732d-4d43-902d-726571756573")


def readable_id(prefix: str, name: str) -> str:
    """Build an ID in which a person recognises the name.

    Args:
        prefix: The kind of object, `prdo` say.
        name: Lower-case words joined by underscores, at most 24 characters without these.

    Returns:
        The prefix, an underscore, and the name filled up with zeros.

    Raises:
        ValueError: The name is too long, or holds something else than lower-case letters, digits and underscores.
    """
    word = name.replace("_", "")
    if len(word) > _LENGTH or not set(word) <= set(_ALPHABET):
        raise ValueError(f"{name!r} does not fit an ID: use at most {_LENGTH} lower-case letters or digits.")
    return f"{prefix}_{word:0<{_LENGTH}}"


def derived_id(prefix: str, *parts: str) -> str:
    """Build an ID that follows from the given parts and nothing else."""
    text = "\n".join((prefix, *parts))
    return f"{prefix}_{sha256(text.encode()).hexdigest()[:_LENGTH]}"


def request_id(seed: int, number: int) -> str:
    """Build the `requestId` of the n-th request: a UUID, as the vendor's are, but the same in every run."""
    return str(uuid5(_REQUESTS, f"{seed}:{number}"))
