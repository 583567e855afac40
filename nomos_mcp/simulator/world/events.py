"""Events and what they can be about. The topics of meter orders are curie's words, the only version that has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from nomos_mcp.simulator.world.records import Stage

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
class Event:
    """Something that happened; it names its subjects by ID only."""

    id: str
    organisation: str
    topic: Topic
    at: datetime
    subscription_id: str
    order_id: str | None = None
