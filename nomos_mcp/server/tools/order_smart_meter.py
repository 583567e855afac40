"""The tool `order_smart_meter`: the one write. Its steps are in `nomos_mcp.server.ordering`."""

import logging
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any, Final

import anyio
from mcp import MCPError
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import Field
from starlette.requests import Request

from nomos_mcp.client.errors import InvalidRequestError, NomosError
from nomos_mcp.client.ids import checked, kind_of
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.consent import ConfirmationForm, Yes, answered, decide, plan_doubted
from nomos_mcp.server.ordering.eligibility import preflight
from nomos_mcp.server.ordering.outcomes import OrderingResult, Preview
from nomos_mcp.server.ordering.reasons import NoYes
from nomos_mcp.server.ordering.record import Attempt, Entry, RecordError
from nomos_mcp.server.ordering.submit import Submission, wait_for_earlier
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import MAX_ARGUMENT, ORDER, ToolDefinition

_log = logging.getLogger(__name__)


async def check(subscription_id: str, ctx: Context[NomosContext]) -> Preview | OrderingResult:
    """Read what would be ordered. What cannot be read is not ordered."""
    context = nomos_context(ctx)
    checked(subscription_id, "subscription")
    try:
        found = await preflight(subscription_id, context)
        if isinstance(found, Preview):  # nobody is asked about what cannot be sent
            earlier = await wait_for_earlier(subscription_id, context)
            return earlier if isinstance(earlier, OrderingResult) else found
    except RecordError as error:
        return outcomes.not_recorded(error, context)
    except InvalidRequestError:
        raise
    except NomosError as error:
        return outcomes.not_checked(error, context)
    return found


async def confirm(
    confirmation_code: str,
    ctx: Context[NomosContext],
    found: Annotated[Preview | OrderingResult, Resolve(check)],
) -> Elicit[ConfirmationForm] | Yes | OrderingResult:
    """Get the confirmation, or the outcome without one."""
    return await decide(found, confirmation_code, nomos_context(ctx), ctx)


# The SDK makes the key that clients see the question under of these two, in this order.
confirm.__module__, confirm.__qualname__ = "order_smart_meter", "confirmation"


async def order_smart_meter(
    subscription_id: Annotated[str, Field(description="sub_…")],
    ctx: Context[NomosContext],
    found: Annotated[Preview | OrderingResult, Resolve(check)],
    consent: Annotated[ElicitationResult[Any], Resolve(confirm)],
    confirmation_code: Annotated[  # noqa: ARG001  `confirm` takes it, by this name
        str, Field(description="The preview's, once a person has said yes.")
    ] = "",
) -> Annotated[CallToolResult, OrderingResult]:
    """Order a smart meter for a subscription. Physical: an installer comes to a home. Once per subscription, ever.

    A person must say yes. Some clients ask; otherwise outcome is confirmation_required: show the preview to a
    person, and call again with confirmation_code only after their yes.
    outcome_unknown: say neither that it worked nor that it failed; look again later.
    """
    return (await _settled(subscription_id, answered(consent, found, nomos_context(ctx)), ctx)).answer()


_NO: Final = frozenset[NoYes | None]({"answered_no", "not_ticked"})
"""Answers that are recorded as a no. A question that was closed has none."""

_settling: ContextVar[bool] = ContextVar("_settling")
"""Whether the call has come to the point from which `_settled` records it."""


class OrderTool(Tool):
    """A tool whose calls are recorded even if the question comes back as an error or the call is cancelled."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002  the SDK's
        """Run the tool. The SDK raises a bare `ToolError` for an `accept` without a form, and nothing else does."""
        subscription_id = str(arguments.get("subscription_id", ""))
        code = arguments.get("confirmation_code")
        if isinstance(code, str) and len(code) > MAX_ARGUMENT:  # an invalid code like others, whatever its length
            arguments = {**arguments, "confirmation_code": code[:MAX_ARGUMENT]}
        _settling.set(False)
        try:
            return await self._run_as_asked(arguments, context, convert_result)
        except ToolError as failure:
            if type(failure.__cause__) is not ToolError:
                raise
            result = outcomes.declined("not_ticked", nomos_context(context))
        except MCPError as error:
            result = outcomes.declined("not_answered", nomos_context(context), detail=f"error {error.error.code}")
        except anyio.get_cancelled_exc_class():
            if not _settling.get():
                await _record_cancelled(subscription_id, context)
            raise
        return (await _settled(subscription_id, result, context)).answer()

    async def _run_as_asked(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool) -> Any:  # noqa: FBT001  the SDK's
        """Run the tool with the question in the wording that was answered.

        The SDK counts an answer for the exact wording only, and what others on the plan have ordered, which the wording
        may mention, is to undo no yes.
        """
        result = None
        for doubted in (False, True, None) if context.input_responses else (None,):
            plan_doubted.set(doubted)
            result = await super().run(arguments, context, convert_result)
            if not isinstance(result, InputRequiredResult):
                break
        return result


async def _settled(subscription_id: str, decision: Yes | OrderingResult, ctx: Context[NomosContext]) -> OrderingResult:
    """Order if there is a yes, and record the outcome before it is returned."""
    _settling.set(True)
    context = nomos_context(ctx)
    yes = decision if isinstance(decision, Yes) else None
    with context.ordering.begun():
        try:
            with anyio.CancelScope(shield=True):
                attempt = await context.ordering.record.begin(_entry(subscription_id, yes, context))
        except RecordError as error:
            context.ordering.outcomes["refused"] += 1
            return outcomes.not_recorded(error, context)
        if isinstance(decision, Yes):
            result = await _submitted(subscription_id, decision, attempt, ctx)
        else:
            result = decision
        with anyio.CancelScope(shield=True):
            await _complete(
                attempt,
                context,
                decision="yes" if yes else "no" if result.reason in _NO else "none",
                outcome=result.outcome,
                reason=result.reason or "",
                made_by=result.made_by or "",
                order=(result.order or {}).get("id", ""),
                request_id=result.request_id or "",
            )
    return result


async def _submitted(subscription_id: str, yes: Yes, attempt: Attempt, ctx: Context[NomosContext]) -> OrderingResult:
    context = nomos_context(ctx)
    submission = Submission(subscription_id, yes, context, attempt, partial(_is_gone, ctx))
    try:
        return await submission.run()
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await _complete(attempt, context, outcome="outcome_unknown" if submission.sent else "cancelled")
        raise
    except Exception as error:  # noqa: BLE001  what was sent must not be hidden by a mistake of ours
        _log.error("Ordering for %s failed: %s", subscription_id, type(error).__name__)
        if not submission.sent:
            return outcomes.refused("not_sent", context, detail=f"an internal error, {type(error).__name__}")
        return outcomes.outcome_unknown("look_failed", context)


async def _record_cancelled(subscription_id: str, ctx: Context[NomosContext]) -> None:
    with anyio.CancelScope(shield=True), suppress(NomosError, RecordError):
        context = nomos_context(ctx)
        attempt = await context.ordering.record.begin(_entry(subscription_id, None, context))
        await _complete(attempt, context, outcome="cancelled")


async def _complete(attempt: Attempt, context: NomosContext, *, outcome: str, **more: str) -> None:
    """Record an outcome, and count it for the metrics."""
    context.ordering.outcomes[outcome] += 1
    await attempt.complete(outcome=outcome, **more)


async def _is_gone(ctx: Context[NomosContext]) -> bool:
    """Whether the HTTP connection of the call was closed; other transports cancel the call."""
    request = ctx.request_context.request
    return isinstance(request, Request) and await request.is_disconnected()


def _entry(subscription_id: str, yes: Yes | None, context: NomosContext) -> Entry:
    return Entry(
        time=context.now().isoformat(timespec="seconds"),
        caller=context.caller.name,
        subscription=subscription_id if kind_of(subscription_id) == "subscription" else "",
        decision="yes" if yes else "none",
        confirmed=yes.how if yes else "",
        organisation=context.caller.organisation,
    )


TOOL = ToolDefinition(
    function=order_smart_meter,
    title="Order a smart meter",
    position=60,
    app="preview",
    visibility=("model",),  # no app can order, whatever code it holds
    annotations=ORDER,
    kind=OrderTool,
)
