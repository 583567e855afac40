"""Events: what happened, and the IDs of what it happened to. The state itself is to be fetched."""

from datetime import datetime
from typing import ClassVar

from nomos_mcp.client.models.record import Identifier, Record, Reference, Word


class EventContext(Record):
    """IDs of the objects that an event concerns; which are present depends on the topic."""

    subscription: Reference | None = None
    meter_order: Reference | None = None
    invoice: Reference | None = None
    voiding_invoice: Reference | None = None
    lead: Reference | None = None


class Event(Record):
    """An event.

    Attributes:
        id: `evt_…`; deliveries repeat, so dedupe on it.
        topic: `subscription.…`, `invoice.…` or, from curie on, `meter_order.…`.
        timestamp: When the event was created, UTC.
        context: The IDs it concerns.
    """

    times: ClassVar[tuple[str, ...]] = ("timestamp",)

    id: Identifier
    topic: Word
    timestamp: datetime | None
    context: EventContext
