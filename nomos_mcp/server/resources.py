"""What can be read by address. Nothing is said here that no tool says: some clients show tools only."""

from typing import Final

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.server import MCPServer
from mcp.types import TextContent

from nomos_mcp.client.ids import checked
from nomos_mcp.lifecycle import CURIE, UnknownStatusError, glossary_markdown, lifecycle_markdown, status_markdown
from nomos_mcp.server.duration_statistics import durations_result
from nomos_mcp.server.error_messages import error_markdown
from nomos_mcp.server.explained_words import unknown_word, word_markdown
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.resource_uris import CHANGES, DURATIONS, ERROR, LIFECYCLE, ORDERS, STATUS, SUBSCRIPTIONS
from nomos_mcp.server.tools.get_event import event_result
from nomos_mcp.server.tools.get_meter_order import find_order, result_of
from nomos_mcp.server.tools.get_subscription import subscription_result
from nomos_mcp.server.tools.list_order_changes import list_order_changes

_MARKDOWN: Final = "text/markdown"
_JSON: Final = "application/json"


def add_resources(server: MCPServer[NomosContext], context: NomosContext, *, with_history: bool) -> None:
    _add_texts(server)
    _add_live_data(server)
    if with_history:
        _add_statistics(server, context)


def _add_texts(server: MCPServer[NomosContext]) -> None:
    @server.resource("nomos://lifecycle", title="Lifecycles of a smart meter order", mime_type=_MARKDOWN)
    async def lifecycles() -> str:
        """Both vocabularies of statuses, what blocks and what cancels an order, and who must act."""
        return lifecycle_markdown()

    @server.resource(LIFECYCLE, title="Lifecycle of a smart meter order in one API version", mime_type=_MARKDOWN)
    async def lifecycle(api_version: str) -> str:
        """The statuses of curie or of edison, and who must act in each; explain_status explains one."""
        return lifecycle_markdown(api_version)

    @server.resource(STATUS, title="A status, explained", mime_type=_MARKDOWN)
    async def status(status: str, ctx: Context[NomosContext]) -> str:
        """A status, blocked, or a reason: meaning, whose turn, what to say; or a code or word; also explain_status."""
        text = word_markdown(status, fenced=ctx.request_context.lifespan_context.caller.is_fenced)
        try:
            return text or status_markdown(status)
        except UnknownStatusError:
            raise unknown_word(status, CURIE) from None

    @server.resource(ERROR, title="An error code, explained", mime_type=_MARKDOWN)
    async def error(code: str, ctx: Context[NomosContext]) -> str:
        """What happened and what to do. A tool that fails says it too, as does explain_status(status=code)."""
        return error_markdown(code, fenced=ctx.request_context.lifespan_context.caller.is_fenced)

    @server.resource("nomos://glossary", title="Words of the field", mime_type=_MARKDOWN)
    async def glossary() -> str:
        """What MSB, VNB, MaLo, iMSys and the like mean; also explain_status(status="glossary")."""
        return glossary_markdown()


def _add_live_data(server: MCPServer[NomosContext]) -> None:
    @server.resource(ORDERS + "{order_id}", title="A smart meter order, explained", mime_type=_JSON)
    async def meter_order(order_id: str, ctx: Context[NomosContext]) -> str:
        """One order and what it means, as get_meter_order returns it. Takes prdo_… or sub_…."""
        return await _order(order_id, nomos_context(ctx))

    @server.resource(SUBSCRIPTIONS + "{subscription_id}", title="A subscription", mime_type=_JSON)
    async def subscription(subscription_id: str, ctx: Context[NomosContext]) -> str:
        """One subscription and whether a smart meter can be ordered for it, as get_subscription returns it."""
        found = await subscription_result(nomos_context(ctx), checked(subscription_id, "subscription"))
        return found.model_dump_json(exclude_none=True)

    @server.resource(
        SUBSCRIPTIONS + "{subscription_id}/meter-order",
        title="A subscription's smart meter order, explained",
        mime_type=_JSON,
    )
    async def meter_order_of_subscription(subscription_id: str, ctx: Context[NomosContext]) -> str:
        """The one order of a subscription, as get_meter_order returns it for the subscription's ID."""
        return await _order(checked(subscription_id, "subscription"), nomos_context(ctx))

    @server.resource("nomos://events/{event_id}", title="An event, in words", mime_type=_JSON)
    async def event(event_id: str, ctx: Context[NomosContext]) -> str:
        """What happened, and the state now of the order that it is about, as get_event returns it."""
        return (await event_result(nomos_context(ctx), event_id)).model_dump_json(exclude_none=True)

    @server.resource(CHANGES, title="What changed in smart meter orders", mime_type=_JSON)
    async def changes(ctx: Context[NomosContext], since: str = "") -> str:
        """What became of orders, newest first, as list_order_changes returns it; of the last 7 days by default."""
        answer = await list_order_changes(ctx, since=since)
        return "".join(block.text for block in answer.content if isinstance(block, TextContent))


def _add_statistics(server: MCPServer[NomosContext], context: NomosContext) -> None:
    @server.resource(DURATIONS, title="How long steps and blocks took", mime_type=_JSON)
    async def durations() -> str:  # the SDK hands no context to an address without parameters
        """Cases, median, and the 10th to 90th percentile in days, of each step and block in your own history."""
        return (await durations_result(context)).model_dump_json(exclude_none=True)


async def _order(order_id: str, context: NomosContext) -> str:
    found = await find_order(context, order_id)
    return (await result_of(found, context)).model_dump_json(exclude_none=True)
