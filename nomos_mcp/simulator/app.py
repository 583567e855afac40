"""The simulator put together: an ASGI application over one invented world."""

from itertools import count

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from nomos_mcp.simulator.clock import Clock, real_clock, whole_seconds
from nomos_mcp.simulator.demo.catalogue import DEMO
from nomos_mcp.simulator.demo.populate import populate
from nomos_mcp.simulator.errors import ApiError
from nomos_mcp.simulator.gate import Gate, RequestRecord, on_error
from nomos_mcp.simulator.ids import request_id
from nomos_mcp.simulator.lists.cursors import Cursors
from nomos_mcp.simulator.rate import RateLimit
from nomos_mcp.simulator.routes import health
from nomos_mcp.simulator.routes.customers import CustomerRoutes
from nomos_mcp.simulator.routes.events import EventRoutes
from nomos_mcp.simulator.routes.meter_orders import LedgerEntry, MeterOrderRoutes
from nomos_mcp.simulator.routes.subscriptions import SubscriptionRoutes
from nomos_mcp.simulator.routes.token import TokenRoutes
from nomos_mcp.simulator.tokens import Tokens
from nomos_mcp.simulator.world.world import World


class Simulator:
    """A stand-in for the Nomos API: an ASGI application, for asyncio and trio, in process or under any ASGI server.

    Args:
        seed: Varies the part of the data set that has no name in `DEMO`; the same seed gives the same world.
        now: The clock; the data set is laid out around the moment it shows at construction, tokens expire by it, and
            new orders carry it. Fractions of a second are cut off.
        rate_limit: Requests per second and client, as the vendor states 10; None counts nothing and sends no
            `ratelimit-*` headers.

    Attributes:
        world: Everything that exists; a test may look and change.
    """

    def __init__(self, seed: int = 0, *, now: Clock = real_clock, rate_limit: int | None = None) -> None:
        clock = whole_seconds(now)
        numbers = count()
        tokens = Tokens(DEMO.clients, DEMO.static_keys, clock)
        cursors = Cursors()
        self.world = World(seed, clock)
        populate(self.world, clock(), seed)
        self._meter_orders = MeterOrderRoutes(self.world, cursors)
        routes = Starlette(
            routes=[
                *health.routes(),
                *TokenRoutes(tokens).routes(),
                *self._meter_orders.routes(),
                *SubscriptionRoutes(self.world, cursors).routes(),
                *CustomerRoutes(self.world, cursors).routes(),
                *EventRoutes(self.world).routes(),
            ],
            exception_handlers={ApiError: on_error, HTTPException: on_error},
        )
        routes.router.redirect_slashes = False  # the API has one spelling of a path; a redirect would hide a typo
        self._gate = Gate(
            routes,
            tokens,
            None if rate_limit is None else RateLimit(rate_limit, clock),
            lambda: request_id(seed, next(numbers)),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await self._gate(scope, receive, send)

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Every order created through `POST /meter-orders`, oldest first."""
        return list(self._meter_orders.ledger)

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 answered requests, oldest first: method, path with query, API version, status."""
        return list(self._gate.requests)
