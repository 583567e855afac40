"""The tool `get_event`."""

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client import Event, NomosError
from nomos_mcp.lifecycle import Explanation
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.failures import said_of
from nomos_mcp.server.results import OrderFields, Result
from nomos_mcp.server.strict import READ, strict_tool
from nomos_mcp.server.tools.get_meter_order import result_of
from nomos_mcp.server.topics import TOPICS


class EventResult(Result):
    """What happened, to what, and how the order is now if it happened to one."""

    id: str
    topic: str
    timestamp: str | None = None
    happened: str
    confidence: Literal["documented", "unknown"]
    concerns: dict[str, str]
    order: OrderFields | None = None
    explanation: Explanation | None = None
    state_missing: str | None = None
    api_version: str


async def event_result(desk: Desk, event_id: str) -> EventResult:
    """Read an event, and the order that it is about.

    Raises:
        NomosError: The event could not be read. An order that could not is told in the result.
    """
    event = await desk.client.events.get(event_id)
    result = EventResult(
        id=event.id,
        topic=event.topic,
        timestamp=_timestamp(event),
        happened=TOPICS.get(event.topic, "This topic is new to this server; what it means is not known here."),
        confidence="documented" if event.topic in TOPICS else "unknown",
        concerns=event.context.model_dump(exclude_none=True),
        api_version=desk.client.api_version,
    )
    return result.model_copy(update=await _state_now(desk, event))


def _timestamp(event: Event) -> str | None:
    if day := event.date_only.get("timestamp"):
        return day.isoformat()
    return event.model_dump(mode="json")["timestamp"] or event.unreadable.get("timestamp")


async def _state_now(desk: Desk, event: Event) -> dict[str, object]:
    if event.context.meter_order is None:
        return {}
    try:
        now = result_of(await desk.client.meter_orders.get(event.context.meter_order), desk)
    except NomosError as error:
        return {"state_missing": f"The order could not be read. {said_of(error)}"}
    return {"order": now.order, "explanation": now.explanation}


async def get_event(
    event_id: Annotated[str, Field(description="Event (evt_…), as a webhook delivery carries it.")],
    ctx: Context[Desk],
) -> Annotated[CallToolResult, EventResult]:
    """Read one event: what happened, in words, and to what (`concerns`, IDs only).

    If it is about a meter order, `order` and `explanation` are that order as it is now, read after the event, and not
    as it was then: events come late, twice and out of order, so answer from the state now.
    """
    return (await event_result(desk_of(ctx), event_id)).answer()


def tool() -> Tool:
    """Make the tool."""
    return strict_tool(get_event, title="Get an event", annotations=READ)
