"""The tool `explain_status`."""

from typing import Annotated, get_args

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    Audience,
    CustomerSays,
    Explanation,
    Language,
    UnknownStatusError,
    explain_status as explain_by_name,
)
from nomos_mcp.server.error_messages import code_named, error_page
from nomos_mcp.server.explained_words import unknown_word, word_markdown
from nomos_mcp.server.order_history import PastStep
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import Detail, OrderFields, Result, ToolDefinition
from nomos_mcp.server.tools.get_meter_order import find_order, in_short, page_of, result_of


class ExplanationResult(Result):
    """What a state means, with `order` if it is an order's; or, as `text`, a code, a word or the glossary."""

    order: OrderFields | None = None
    explanation: Explanation | None = None
    text: str | None = None
    docs: str | None = None
    api_version: str | None = None
    history: list[PastStep] | None = None
    history_missing: str | None = None


async def explain_status(
    ctx: Context[NomosContext],
    status: Annotated[
        str, Field(description="A status, reason, error code, word (MaLo, cancelling), or glossary: all.")
    ] = "",
    order_id: Annotated[str, Field(description="Instead: this order.")] = "",
    blocked_reason: Annotated[str, Field(description=f"With status or alone: {' or '.join(BLOCKED_REASONS)}.")] = "",
    cancelled_reason: Annotated[str, Field(description=f"As above: {' or '.join(CANCELLED_REASONS)}.")] = "",
    audience: Annotated[Audience, Field(description="customer: what they may be told.")] = "agent",
    language: Annotated[Language, Field(description="Of the texts.")] = "en",
    api_version: Annotated[str, Field(description="curie or edison.")] = "",
    customer_says: Annotated[CustomerSays, Field(description="The customer says it is done.")] = "",
    detail: Annotated[Detail, Field(description="full adds sources, docs, stage, label.")] = "short",
) -> Annotated[CallToolResult, ExplanationResult]:
    """Explain a status and the path around it, a reason, an error code, or a word. Needs no credentials.

    The API versions' statuses do not map one to one: curie's blocked lies over a status, with a reason; edison's is a
    manual review at Nomos, never check_missing, and blocked_wim the grid operator's turn.
    """
    context = nomos_context(ctx)
    others = blocked_reason or cancelled_reason or api_version
    if order_id:
        if status or others:
            raise InvalidRequestError(
                "order_id goes alone: the order has its own status, reasons and API version. Leave those arguments "
                "out, or leave out order_id to explain a status by name."
            )
        found = await result_of(
            await find_order(context, order_id),
            context,
            audience=audience,
            language=language,
            detail=detail,
            customer_says=customer_says,
        )
        return ExplanationResult(**dict(found)).answer()
    if (text := word_markdown(status, language, audience, fenced=context.caller.is_fenced)) is not None:
        if others:
            raise InvalidRequestError(
                f"{status} goes alone: leave blocked_reason, cancelled_reason and api_version out."
            )
        code = code_named(status) if audience == "agent" and not context.caller.is_fenced else None
        return ExplanationResult(text=text, docs=error_page(code)).answer()
    if not (status or blocked_reason or cancelled_reason):
        raise InvalidRequestError("Nothing to explain: pass status (a name), a reason, or order_id (prdo_… or sub_…).")
    vocabulary = api_version or context.vocabulary
    try:
        explanation = explain_by_name(
            status,
            blocked_reason=blocked_reason,
            cancelled_reason=cancelled_reason,
            api_version=vocabulary,
            audience=audience,
            language=language,
            customer_says=customer_says,
        )
    except UnknownStatusError:
        raise unknown_word(status, vocabulary) from None
    version, docs = explanation.api_version, page_of(explanation, context)
    explanation = (explanation if detail == "full" else in_short(explanation)).model_copy(update={"api_version": None})
    return ExplanationResult(explanation=explanation, docs=docs, api_version=version).answer()


TOOL = ToolDefinition(
    function=explain_status,
    title="Explain a smart meter order's status",
    position=50,
    app="timeline",
    choices=lambda _: {"language": get_args(Language), "customer_says": ("already_done",)},
)
