"""Events: what happened to what, by ID; the subject's present state is fetched elsewhere."""

from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.versions import CURIE, ApiVersion
from nomos_mcp.simulator.world.events import Event


def shown(event: Event, version: ApiVersion) -> bool:
    """Tell whether a version knows of an event: those of meter orders exist from curie on (vendor document)."""
    return version >= CURIE or event.order_id is None


def render(event: Event) -> Json:
    """Write an event."""
    context: Json = {"subscription": event.subscription_id}
    if event.order_id is not None:
        context["meter_order"] = event.order_id
    return {"id": event.id, "topic": event.topic, "timestamp": on_the_wire(event.at), "context": context}
