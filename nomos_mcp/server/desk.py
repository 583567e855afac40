"""What every tool, resource and prompt works with: the client, the vocabulary, the clock, the means of ordering."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from mcp.server.mcpserver import Context

from nomos_mcp.client import NomosClient
from nomos_mcp.lifecycle import ApiVersion as Vocabulary
from nomos_mcp.server.callers import ORDERS_READ, Caller, current_caller
from nomos_mcp.server.ordering.config import Ordering


@dataclass(frozen=True, slots=True)
class Desk:
    """The means of one server, as one caller may use them.

    Attributes:
        client: Where orders, subscriptions and events come from; behind the caller's fence, if there is one.
        vocabulary: The API version whose statuses the client is answered in.
        ordering: The switches, codes, turns and record of ordering.
        now: The current time, aware.
        caller: Who is served.
    """

    client: NomosClient
    vocabulary: Vocabulary
    ordering: Ordering
    now: Callable[[], datetime]
    caller: Caller = field(default_factory=Caller.local)


def desk_of(ctx: Context[Desk]) -> Desk:
    """Return the desk for whoever calls: the one way from a tool to upstream, with the fence in place.

    Raises:
        NotAllowedError: The caller may not read.
    """
    desk = ctx.request_context.lifespan_context
    caller = current_caller(desk.caller)
    caller.require(ORDERS_READ)
    client = desk.client.for_customer(caller.customer_id) if caller.customer_id else desk.client
    return replace(desk, client=client, caller=caller)
