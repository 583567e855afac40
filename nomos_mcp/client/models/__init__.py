"""Typed records of the API: frozen, tolerant of unknown fields and of unknown enum values."""

from nomos_mcp.client.models.event import Event, EventContext
from nomos_mcp.client.models.meter_order import CurieMeterOrder, EdisonMeterOrder, MeterOrder
from nomos_mcp.client.models.personal import PersonalData
from nomos_mcp.client.models.record import Record
from nomos_mcp.client.models.subscription import Subscription

__all__ = [
    "CurieMeterOrder",
    "EdisonMeterOrder",
    "Event",
    "EventContext",
    "MeterOrder",
    "PersonalData",
    "Record",
    "Subscription",
]
