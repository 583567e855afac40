"""The tool `order_smart_meter`: the one write. What happens on the way is in `nomos_mcp.server.ordering`."""

from typing import Annotated, Any

import anyio
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import InvalidRequestError, NomosError
from nomos_mcp.client.ids import checked
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.consent import Answer, Yes, answered, decide
from nomos_mcp.server.ordering.outcomes import OrderingResult
from nomos_mcp.server.ordering.placing import place
from nomos_mcp.server.ordering.preflight import Orderable, preflight
from nomos_mcp.server.ordering.record import Entry
from nomos_mcp.server.strict import ORDER, strict_tool


async def look(subscription_id: str, ctx: Context[Desk]) -> Orderable | OrderingResult:
    """Look before anything else. What cannot be looked at is not ordered for."""
    desk = desk_of(ctx)
    checked(subscription_id, "subscription")
    try:
        return await preflight(subscription_id, desk)
    except InvalidRequestError:
        raise
    except NomosError as error:
        return outcomes.not_checked(error, desk)


async def ask(
    confirmation_code: str,
    ctx: Context[Desk],
    found: Annotated[Orderable | OrderingResult, Resolve(look)],
) -> Elicit[Answer] | Yes | OrderingResult:
    """Come by a yes, or by the outcome without one."""
    return decide(found, confirmation_code, desk_of(ctx), ctx)


async def order_smart_meter(
    subscription_id: Annotated[str, Field(description="Subscription to order for (sub_…).")],
    ctx: Context[Desk],
    consent: Annotated[ElicitationResult[Any], Resolve(ask)],
    confirmation_code: Annotated[  # noqa: ARG001  `ask` takes it, by this name
        str, Field(description="The code of the preview, once a person has said yes.")
    ] = "",
) -> Annotated[CallToolResult, OrderingResult]:
    """Order a smart meter for a subscription. Physical: an installer comes to a home. Once per subscription, ever.

    A person must say yes. Some clients ask them; otherwise `outcome` is `confirmation_required`: show the preview to a
    person, and call again with `confirmation_code` only after their yes. `already_ordered` brings the existing order (a
    cancelled one counts; only support@nomos.energy can repeat it). `outcome_unknown`: say neither that it worked nor
    that it failed; look again later. Not for feed-in or ended subscriptions.
    """
    desk = desk_of(ctx)
    decision = answered(consent, desk)
    return (await _settled(subscription_id, decision, desk)).answer()


class OrderTool(Tool):
    """A tool whose unreadable answers to a question are outcomes, on record like the others."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002  the SDK's
        """Run the tool; the SDK raises a bare `ToolError` for an answer that it cannot read, and nothing else does."""
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as failure:
            if type(failure.__cause__) is not ToolError:
                raise
            desk = desk_of(context)
            nonsense = outcomes.declined("the answer to the question could not be read", desk)
            return (await _settled(str(arguments["subscription_id"]), nonsense, desk)).answer()


def tool() -> Tool:
    """Make the tool."""
    return strict_tool(order_smart_meter, title="Order a smart meter", annotations=ORDER, kind=OrderTool)


async def _settled(subscription_id: str, decision: Yes | OrderingResult, desk: Desk) -> OrderingResult:
    """Order if there is a yes, and put on record what came of it before anybody is told.

    The caller's cancellation waits: what was begun is brought to its end and goes on record.
    """
    result = outcomes.refused("no_record", desk)
    with anyio.CancelScope(shield=True):
        try:
            line = await desk.ordering.record.room()
        except OSError as error:
            desk.ordering.record.missed(_entry(subscription_id, decision, result, desk), error)
            return result
        result = await place(subscription_id, desk) if isinstance(decision, Yes) else decision
        await line.write(_entry(subscription_id, decision, result, desk))
    return result


def _entry(subscription_id: str, decision: Yes | OrderingResult, result: OrderingResult, desk: Desk) -> Entry:
    yes = decision if isinstance(decision, Yes) else None
    return Entry(
        time=desk.now().isoformat(timespec="seconds"),
        caller=desk.caller.name,
        subscription=subscription_id,
        decision="yes" if yes else "no" if result.outcome == "declined" else "none",
        confirmed=yes.how if yes else "",
        outcome=result.outcome,
        reason=result.reason or "",
        order=(result.order or {}).get("id", ""),
        request_id=result.request_id or "",
    )
