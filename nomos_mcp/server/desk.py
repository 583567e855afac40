"""What every tool, resource and prompt works with: the client, the vocabulary, the clock, the means of ordering."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mcp.server.mcpserver import Context

from nomos_mcp.client import NomosClient
from nomos_mcp.lifecycle import ApiVersion as Vocabulary
from nomos_mcp.server.ordering.means import Ordering


@dataclass(frozen=True, slots=True)
class Desk:
    """The means of one server.

    Attributes:
        client: Where orders, subscriptions and events come from.
        vocabulary: The API version whose statuses the client is answered in.
        ordering: The switches, codes, turns and record of ordering.
        now: The current time, aware.
        caller: Who is served; goes on record with every order.
    """

    client: NomosClient
    vocabulary: Vocabulary
    ordering: Ordering
    now: Callable[[], datetime]
    caller: str = "local"


def desk_of(ctx: Context[Desk]) -> Desk:
    """Return the desk of the server that a call came to."""
    return ctx.request_context.lifespan_context
