"""The tool `explain_status`."""

from typing import Annotated, Final, get_args

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    Audience,
    Explanation,
    Language,
    explain,
    explain_status as explain_by_name,
    glossary_markdown,
)
from nomos_mcp.server.error_messages import CODES, error_markdown
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import Result, ToolDefinition, order_state
from nomos_mcp.server.tools.get_meter_order import find_order

GLOSSARY: Final = "glossary"


class ExplanationResult(Result):
    """What a state means; or, as `text`, an error code or the glossary."""

    explanation: Explanation | None = None
    text: str | None = None


async def explain_status(
    ctx: Context[NomosContext],
    status: Annotated[
        str, Field(description="A status of either API version, blocked, an error code, or glossary.")
    ] = "",
    order_id: Annotated[str, Field(description="Instead: explain this order (prdo_… or sub_…) as it is now.")] = "",
    blocked_reason: Annotated[
        str, Field(description=f"With status or alone: why it is blocked, {' or '.join(BLOCKED_REASONS)}.")
    ] = "",
    cancelled_reason: Annotated[str, Field(description=f"Why it is cancelled, {' or '.join(CANCELLED_REASONS)}.")] = "",
    audience: Annotated[Audience, Field(description="customer: only what a customer may be told.")] = "agent",
    language: Annotated[Language, Field(description="Language of the texts.")] = "en",
    api_version: Annotated[
        str, Field(description="Vocabulary of status, curie or edison; default: the pinned one.")
    ] = "",
) -> Annotated[CallToolResult, ExplanationResult]:
    """Explain a smart meter order's status: meaning, whose turn it is, what comes next, what to tell the customer.

    Give `order_id` (explains it as it is now) or `status` (no credentials needed). Two vocabularies exist:
    curie: created → placed → check_submitted → check_reviewed → scheduled → installed → activated, or cancelled;
    blocked is no status there but lies over one, with a reason.
    edison: waiting → ordered → checked → installation_planning → installation_scheduled → installation_finished →
    activated; also intended, installation_waiting, installed, pre_installed, blocked (manual review at Nomos),
    blocked_wim (the grid operator's turn), cancelled.
    They do not map one to one: edison's blocked is not curie's check_missing (the customer's turn).
    """
    context = nomos_context(ctx)
    if order_id:
        if status or blocked_reason or cancelled_reason or api_version:
            raise InvalidRequestError(
                "order_id goes alone: the order has its own status, reasons and API version. Leave those arguments "
                "out, or leave out order_id to explain a status by name."
            )
        state = order_state(await find_order(context, order_id), context.vocabulary)
        explanation = explain(state, now=context.now(), audience=audience, language=language)
    elif status == GLOSSARY or status in CODES:
        if blocked_reason or cancelled_reason or api_version:
            raise InvalidRequestError(
                f"{status} goes alone: leave blocked_reason, cancelled_reason and api_version out."
            )
        text = glossary_markdown(language) if status == GLOSSARY else error_markdown(status)
        return ExplanationResult(text=text).answer()
    elif status or blocked_reason or cancelled_reason:
        explanation = explain_by_name(
            status,
            blocked_reason=blocked_reason,
            cancelled_reason=cancelled_reason,
            api_version=api_version or context.vocabulary,
            audience=audience,
            language=language,
        )
    else:
        raise InvalidRequestError("Nothing to explain: pass status (a name), a reason, or order_id (prdo_… or sub_…).")
    return ExplanationResult(explanation=explanation).answer()


TOOL = ToolDefinition(
    function=explain_status,
    title="Explain a smart meter order's status",
    position=50,
    choices=lambda _: {"language": get_args(Language)},
)
