"""The records of the world. Frozen: a change puts a new record in the old one's place.

An order's `stage` is finer than either vocabulary, and a `Hold` lies over it, so that each API version can be told
the truth in its own words (see `views.meter_orders`). The order of the stages is inferred where the vendor's two
lifecycles leave it open.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
class Order:
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
class Customer:
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
class Subscription:
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
