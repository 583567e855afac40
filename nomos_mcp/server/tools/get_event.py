"""The tool `get_event`."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client import Event, NomosError
from nomos_mcp.lifecycle import CURIE, Explanation
from nomos_mcp.lifecycle.statuses import PATHS
from nomos_mcp.server.error_messages import describe
from nomos_mcp.server.order_history import read_order
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import Detail, OrderFields, Result, ToolDefinition
from nomos_mcp.server.tools.get_meter_order import result_of
from nomos_mcp.server.tools.get_subscription import SubscriptionFields, subscription_result

TOPICS: Final[Mapping[str, str]] = {
    "subscription.created": "A subscription was created.",
    "subscription.confirmed": "The start date of a subscription was confirmed.",
    "subscription.activated": "A subscription became active.",
    "subscription.ended": "A subscription ended.",
    "subscription.terminated": "A cancellation of a subscription was scheduled.",
    "invoice.created": "An invoice was moved to open.",
    "invoice.paid": "An invoice was paid.",
    "invoice.payment_failed": "A payment of an invoice failed.",
    "invoice.voided": "An invoice was voided; `voiding_invoice` is the invoice that voids it.",
    "invoice.uncollectible": "An invoice was given up as uncollectible.",
    "meter_order.created": "A smart meter order was accepted.",
    "meter_order.placed": "A smart meter order was handed to the installation partner.",
    "meter_order.check_submitted": (
        "The smart meter check was submitted: the customer sent the installation partner further details, such as "
        "a photo of the current meter's place."
    ),
    "meter_order.check_reviewed": (
        "The installation partner reviewed the smart meter check and confirmed that it will install."
    ),
    "meter_order.scheduled": "An installation appointment was set.",
    "meter_order.installed": "The smart meter was installed. It is not active yet by that alone.",
    "meter_order.activated": "The smart meter went live: automatic readings and dynamic prices are possible.",
    "meter_order.blocked": "A smart meter order was blocked: something needs attention before it goes on.",
    "meter_order.cancelled": "A smart meter order was cancelled.",
    "test.event": "The dashboard sent this to test a webhook. It is about no order and no subscription.",
}
"""Every documented topic, and what it says happened."""


_LATE: Final = (
    "The order still reads an earlier status than this event, which says more: reads may lag behind (inferred)."
)
_STAGES: Final = (*PATHS[CURIE], "cancelled")
"""What an order's events name, in order: the line it progresses along, then the end of one that will not progress."""


class EventResult(Result):
    """What happened, to what, and how the order or the subscription is now if it happened to one."""

    id: str
    topic: str
    timestamp: str | None = None
    happened: str
    confidence: Literal["documented", "unknown"]
    concerns: dict[str, str]
    order: OrderFields | None = None
    explanation: Explanation | None = None
    docs: str | None = None
    subscription: SubscriptionFields | None = None
    state_missing: str | None = None
    state_late: str | None = None
    api_version: str


async def event_result(context: NomosContext, event_id: str, detail: Detail = "short") -> EventResult:
    """Read an event, and what it is about. If only that cannot be read, the result says so."""
    event = await context.client.events.get(event_id)
    kind, about = event.topic.partition(".")[0], event.context
    order, subscription, missing = None, None, None
    try:
        if about.meter_order is not None:
            found = await read_order(context, about.meter_order)
            order = await result_of(found, context, detail=detail)
        elif kind == "subscription" and about.subscription is not None:
            subscription = (await subscription_result(context, about.subscription)).subscription
    except NomosError as error:
        what = "order" if about.meter_order is not None else "subscription"
        missing = f"The {what} could not be read. {describe(error, fenced=context.caller.is_fenced)}"
    return EventResult(
        id=event.id,
        topic=event.topic,
        timestamp=_timestamp(event),
        happened=TOPICS.get(event.topic, "This topic is new to this server; what it means is not known here."),
        confidence="documented" if event.topic in TOPICS else "unknown",
        concerns=event.context.model_dump(exclude_none=True),
        order=order.order if order else None,
        explanation=order.explanation if order else None,
        docs=order.docs if order else None,
        subscription=subscription,
        state_missing=missing,
        state_late=_LATE if order and _is_earlier(order.order["status"], event.topic) else None,
        api_version=context.client.api_version,
    )


def _is_earlier(status: str, topic: str) -> bool:
    stage = topic.removeprefix("meter_order.")
    return {status, stage} <= {*_STAGES} and _STAGES.index(status) < _STAGES.index(stage)


def _timestamp(event: Event) -> str | None:
    if day := event.date_only.get("timestamp"):
        return day.isoformat()
    return event.model_dump(mode="json")["timestamp"] or event.unreadable.get("timestamp")


async def get_event(
    event_id: Annotated[str, Field(description="evt_…, from a webhook.")],
    ctx: Context[NomosContext],
    detail: Annotated[Detail, Field(description="full adds sources, docs, stage, label.")] = "short",
) -> Annotated[CallToolResult, EventResult]:
    """Read one event: what happened, and to what (concerns, IDs only).

    `order` with `explanation`, or `subscription`, is how that is now and not then.
    """
    return (await event_result(nomos_context(ctx), event_id, detail)).answer()


TOOL = ToolDefinition(function=get_event, title="Get an event", position=40)
