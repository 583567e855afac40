"""Meter orders, in the shape of each API version that has them.

Statuses, providers and reasons are strings on purpose: the vendor adds values within a version, and a new one must not
break a list. The known values are documented in `nomos_mcp.lifecycle`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import model_validator

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


_CURIE_TIMES = ("installed_at", "activated_at", "cancelled_at", "blocked_at", "appointment_at")
_CURIE_FIELDS = (*_CURIE_TIMES, "cancelled_reason", "blocked_reason")


class MeterOrder(Record):
    """A meter order. What only `2026-05-27.curie` tells is None in other versions.

    Attributes:
        id: `prdo_…`.
        subscription: ID of the subscription it belongs to (`sub_…`); each has at most one order, ever.
        customer: ID of the customer (`cus_…`).
        provider: `energy-metering`, `metrify`, `inexogy`, or a value newer than this package.
        status: Status in the words of the API version that was asked.
        created_at: When the order was created, UTC; None only if upstream's text could not be read.
        installed_at: When the meter was installed, UTC.
        activated_at: When the meter began to deliver readings, UTC.
        cancelled_at: When the order was cancelled, UTC.
        cancelled_reason: `pre_existing`, `customer_request`, or a newer value.
        blocked_at: When the order was blocked, UTC; None if it is not blocked. Edison has a status for that.
        blocked_reason: `check_missing`, `grid_operator_registration`, or a newer value; None if it is not blocked.
        appointment_at: The installation appointment, UTC, once the provider has communicated one.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", *_CURIE_TIMES)

    object: Word = "meter_order"
    id: Identifier
    subscription: Reference
    customer: Reference
    provider: Word
    status: Word
    created_at: datetime | None
    installed_at: datetime | None = None
    activated_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_reason: Word | None = None
    blocked_at: datetime | None = None
    blocked_reason: Word | None = None
    appointment_at: datetime | None = None


class CurieMeterOrder(MeterOrder):
    """A meter order as `2026-05-27.curie` shows it: a milestone as status, and blocked as an overlay on top of it."""


class EdisonMeterOrder(MeterOrder):
    """A meter order as `2026-01-29.edison` shows it: fourteen statuses, two of them blocked, and no milestones' times.

    Attributes:
        updated_at: When anything about the order last changed, UTC; not necessarily its status.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", "updated_at")

    updated_at: datetime | None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_curies(cls, data: Any) -> Any:
        """Edison does not document these names, so a value under one of them need not mean what it means in curie."""
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if name not in _CURIE_FIELDS}

    @property
    def product(self) -> str:
        """The product that edison filters by, told from the provider that its name ends with (inferred)."""
        return f"smart-meter-{self.provider}"
