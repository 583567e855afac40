"""Meter orders, in the shape of each API version that has them.

Statuses, providers and reasons are strings on purpose: the vendor adds values within a version, and a new one must not
break a list. The known values are documented in `nomos_mcp.lifecycle`.
"""

from datetime import datetime
from typing import ClassVar, Literal

from nomos_mcp.client.models.record import Identifier, Record, Reference, Word

CurieStatus = Literal[
    "created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated", "cancelled"
]
"""Statuses that `2026-05-27.curie` documents. Blocked is not among them: there it is an overlay."""

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
"""Statuses that `2026-01-29.edison` documents."""


class MeterOrder(Record):
    """What a meter order has in every version.

    Attributes:
        id: `prdo_…`.
        subscription: ID of the subscription it belongs to (`sub_…`); each has at most one order, ever.
        customer: ID of the customer (`cus_…`).
        provider: `energy-metering`, `metrify`, `inexogy`, or a value newer than this package.
        status: Status in the words of the API version that was asked.
        created_at: When the order was created, UTC; None only if upstream's text could not be read.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at",)

    object: Word = "meter_order"
    id: Identifier
    subscription: Reference
    customer: Reference
    provider: Word
    status: Word
    created_at: datetime | None


class CurieMeterOrder(MeterOrder):
    """A meter order as `2026-05-27.curie` shows it: a milestone as status, and blocked as an overlay on top of it.

    Attributes:
        installed_at: When the meter was installed, UTC.
        activated_at: When the meter began to deliver readings, UTC.
        cancelled_at: When the order was cancelled, UTC.
        cancelled_reason: `pre_existing`, `customer_request`, or a newer value.
        blocked_at: When the order was blocked, UTC; None if it is not blocked.
        blocked_reason: `check_missing`, `grid_operator_registration`, or a newer value; None if it is not blocked.
        appointment_at: The installation appointment, UTC, once the provider has communicated one.
    """

    times: ClassVar[tuple[str, ...]] = (
        "created_at",
        "installed_at",
        "activated_at",
        "cancelled_at",
        "blocked_at",
        "appointment_at",
    )

    installed_at: datetime | None = None
    activated_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_reason: Word | None = None
    blocked_at: datetime | None = None
    blocked_reason: Word | None = None
    appointment_at: datetime | None = None


class EdisonMeterOrder(MeterOrder):
    """A meter order as `2026-01-29.edison` shows it: fourteen statuses, two of them blocked, and no milestones' times.

    Attributes:
        updated_at: When anything about the order last changed, UTC; not necessarily its status.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    updated_at: datetime | None

    @property
    def product(self) -> str:
        """The product that edison filters by, told from the provider that its name ends with (inferred)."""
        return f"smart-meter-{self.provider}"
