"""The tool `get_meter_order`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Final, get_args

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError, NomosError
from nomos_mcp.client.ids import checked, kind_of
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import Audience, CustomerSays, Explanation, Language, Observed, OrderState, explain
from nomos_mcp.lifecycle.explanation import times_told
from nomos_mcp.lifecycle.statuses import PATHS, documentation_page
from nomos_mcp.server.order_history import OrderRead, PastStep, past_of, past_steps, read_order, step_took
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import Detail, OrderFields, Result, ToolDefinition, order_fields, order_state

_ELSEWHERE: Final[Mapping[str, str]] = {
    "customer": " To find a customer's subscription and order, call get_subscription.",
    "event": " To read an event and its order, call get_event.",
}


class NoOrderYetError(InvalidRequestError):
    """The subscription exists and has no meter order."""


async def find_order(context: NomosContext, order_id: str) -> OrderRead:
    """Read an order by its ID or its subscription's: a subscription has at most one order."""
    kind = kind_of(order_id)
    try:
        checked(order_id, "meter order", "subscription")
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{error}{_ELSEWHERE.get(kind or '', '')}") from None
    if kind == "meter order":
        return await read_order(context, order_id)
    seen_at = context.now()
    order = await context.client.meter_orders.of_subscription(order_id)
    if order is not None:
        return OrderRead(order, await past_of(order, context, seen_at))
    # Raises for one that does not exist, which is another answer.
    await context.client.subscriptions.get(order_id)
    raise NoOrderYetError(
        f"Subscription {order_id} has no meter order: nothing was ordered for it yet. To see whether an order is "
        "possible, call get_subscription."
    )


class ExplainedOrder(Result):
    """An order and what it means."""

    order: OrderFields
    explanation: Explanation
    docs: str | None = None
    api_version: str


class MeterOrderResult(ExplainedOrder):
    """An explained order and its past."""

    history: list[PastStep] | None = None
    history_missing: str | None = None


async def result_of(
    found: OrderRead,
    context: NomosContext,
    *,
    audience: Audience = "agent",
    language: Language = "en",
    detail: Detail = "short",
    customer_says: CustomerSays = "",
) -> MeterOrderResult:
    """Explain an order, reading its subscription too if it waits for metering details."""
    order, past = found.order, found.past
    state = order_state(order, context.vocabulary)
    if order.status == PATHS[context.vocabulary][0] and order.subscription:
        with suppress(NomosError):  # not known then, which breaks nothing
            subscription = await context.client.subscriptions.get(order.subscription)
            state = replace(state, malo=subscription.has_malo, melo=subscription.has_melo)
    took = await step_took(order, context) if audience == "agent" else None
    explanation = explained(
        order,
        state,
        context,
        audience=audience,
        language=language,
        detail=detail,
        customer_says=customer_says,
        observed=Observed(times_blocked=past.times_blocked, blocked_between=past.blocked_between, took=took),
    )
    for_operator = audience == "agent" and not context.caller.is_fenced
    return MeterOrderResult(
        **dict(explanation),
        history=past_steps(order, past, audience, language),
        history_missing=" ".join(filter(None, [past.missing, past.why if for_operator else ""])) or None,
    )


def explained(
    order: MeterOrder,
    state: OrderState,
    context: NomosContext,
    *,
    audience: Audience = "agent",
    language: Language = "en",
    detail: Detail = "short",
    customer_says: CustomerSays = "",
    observed: Observed | None = None,
) -> ExplainedOrder:
    said = order_fields(order)
    explanation = explain(
        state,
        now=context.now(),
        audience=audience,
        language=language,
        customer_says=customer_says,
        observed=observed,
    ).model_copy(update={"api_version": None})
    docs = page_of(explanation, context) if detail == "full" else None
    if detail == "short":
        explanation = in_short(explanation, of_order=True)
        left_out = {"object", *times_told(state, explanation, language)}
        said = {name: said[name] for name in said if name not in left_out and (audience == "agent" or name == "id")}
    return ExplainedOrder(order=said, explanation=explanation, docs=docs, api_version=context.vocabulary)


def page_of(explanation: Explanation, context: NomosContext) -> str | None:
    """Return the vendor's page about a status, which is for the operator's people: customers are told no sources."""
    return None if context.caller.is_fenced else documentation_page(explanation.sources or ())


def in_short(explanation: Explanation, *, of_order: bool = False) -> Explanation:
    """Leave out what proves an explanation, and what the order beside it says already."""
    left_out: dict[str, Any] = dict.fromkeys(("label", "stage", "sources", "final"))
    if explanation.outcome == "open":
        left_out["outcome"] = None
    if of_order:
        left_out["status"] = None
        left_out["blocked"] = explanation.blocked and explanation.blocked.model_copy(update={"reason": None})
    return explanation.model_copy(update=left_out)


async def get_meter_order(
    order_id: Annotated[str, Field(description="prdo_… or its subscription, sub_….")],
    ctx: Context[NomosContext],
    audience: Annotated[Audience, Field(description="customer: what they may be told.")] = "agent",
    language: Annotated[Language, Field(description="Of the texts.")] = "en",
    detail: Annotated[Detail, Field(description="full adds sources, docs, stage, label.")] = "short",
) -> Annotated[CallToolResult, MeterOrderResult]:
    """Read one smart meter order and what its state means: where is it, why stuck, whose turn?

    Answer from explanation, its `blocked` first: that lies over the status and decides who must act (waiting_on).
    customer_message is ready to send. Promise no date but an appointment's.
    """
    context = nomos_context(ctx)
    found = await find_order(context, order_id)
    return (await result_of(found, context, audience=audience, language=language, detail=detail)).answer()


TOOL = ToolDefinition(
    function=get_meter_order,
    title="Get a smart meter order",
    position=10,
    app="timeline",
    choices=lambda _: {"language": get_args(Language)},
)
