"""Subscriptions, without the personal data that upstream sends along: what is not modelled cannot leak."""

from datetime import datetime
from typing import ClassVar

from pydantic import AliasChoices, AliasPath, Field

from nomos_mcp.client.models.record import Record, Reference, Word


class Subscription(Record):
    """A subscription: one customer's contract for one plan at one place.

    Attributes:
        id: `sub_…`.
        plan: ID of the plan.
        customer: ID of the customer (`cus_…`).
        status: `pending`, `active`, `ended`, or a newer value.
        direction: `consumption` or `feed_in` (curie calls the field `type`); None if upstream did not say.
        meter_type: `smart` or `analog`; None in lists, which carry the meter's ID only.
        created_at: When it was created, UTC.
        start_at: When delivery started or will start, UTC.
        terminated_at: When delivery was terminated, UTC.
        end_at: When it ended or will end, UTC.
    """

    times: ClassVar[tuple[str, ...]] = ("created_at", "start_at", "terminated_at", "end_at")

    object: str = "subscription"
    id: str
    plan: Reference
    customer: Reference
    status: Word
    direction: Word | None = Field(None, validation_alias=AliasChoices("type", "direction"))
    meter_type: Word | None = Field(None, validation_alias=AliasPath("meter", "type"))
    created_at: datetime | None
    start_at: datetime | None = None
    terminated_at: datetime | None = None
    end_at: datetime | None = None
