"""What every tool, resource and prompt works with: the client, the vocabulary, the clock, the means of ordering.

The whole organisation's client cannot be reached from here, whichever way a tool goes: `desk_of(ctx)`, the lifespan
context and the server itself all hold a `Desk`, whose client is made for the caller each time that it is asked for.
"""

from collections.abc import Callable
from datetime import datetime

from mcp.server.mcpserver import Context

from nomos_mcp.client import NomosClient
from nomos_mcp.lifecycle import ApiVersion as Vocabulary
from nomos_mcp.server.callers import ORDERS_READ, Caller, current_caller
from nomos_mcp.server.ordering.config import Ordering


class Desk:
    """The means of one server, as whoever calls may use them.

    Args:
        client: Where orders, subscriptions and events come from. It is kept in a closure, not in an attribute.
        vocabulary: The API version whose statuses the client is answered in.
        ordering: The switches, codes, turns and record of ordering.
        now: The current time, aware.
        caller: Who is served where no token says so; by default the operator.
    """

    __slots__ = ("__weakref__", "_client_for", "_default", "now", "ordering", "vocabulary")

    def __init__(
        self,
        *,
        client: NomosClient,
        vocabulary: Vocabulary,
        ordering: Ordering,
        now: Callable[[], datetime],
        caller: Caller | None = None,
    ) -> None:
        def client_for(caller: Caller) -> NomosClient:
            caller.require(ORDERS_READ)
            return client.for_customer(caller.customer_id) if caller.customer_id else client

        self._client_for = client_for
        self._default = caller or Caller.local()
        self.vocabulary = vocabulary
        self.ordering = ordering
        self.now = now

    @property
    def caller(self) -> Caller:
        """Who is served: the one that the token of the current request stands for, or the default."""
        return current_caller(self._default)

    @property
    def client(self) -> NomosClient:
        """The client as the caller may use it: scoped to their customer, if they are one.

        Raises:
            NotAllowedError: The caller may not read.
        """
        return self._client_for(self.caller)


def desk_of(ctx: Context[Desk]) -> Desk:
    """Return the desk for whoever calls.

    Raises:
        NotAllowedError: The caller may not read.
    """
    desk = ctx.request_context.lifespan_context
    desk.caller.require(ORDERS_READ)
    return desk
