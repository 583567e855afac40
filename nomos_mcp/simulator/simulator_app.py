"""The simulator as an ASGI application: the API, and its control routes, over one simulated world."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.simulator.api_calls import CURIE, ApiError, ApiVersion, LedgerEntry, RequestRecord, Tokens
from nomos_mcp.simulator.api_middleware import ApiMiddleware, ClientRateLimit, on_error
from nomos_mcp.simulator.api_routes import ApiRoutes, OAuthRoutes
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.demo_world import populate
from nomos_mcp.simulator.faults import Faults, Sleep
from nomos_mcp.simulator.order_transitions import Scheduler
from nomos_mcp.simulator.views import TargetState
from nomos_mcp.simulator.world import World, WorldClock, real_clock
from nomos_mcp.simulator.world_records import Clock, EventRecord, OrderRecord

if TYPE_CHECKING:
    from nomos_mcp.simulator.webhooks import Webhooks


class Simulator:
    """A simulated Nomos API: an ASGI application for asyncio and trio, in process or under any ASGI server.

    Args:
        seed: Varies the orders that have no name in `DEMO`, and what happens as time passes.
        now: The clock. The data is laid out around the moment that it shows at construction, and tokens expire by it.
            It does not move the orders; `advance` does.
        days_per_second: A fast clock: how many days pass in the simulator for each second of `now`. The orders then
            move by themselves; a token still lasts an hour of `now`.
        rate_limit: Requests per second of `now` and client; None sends no `ratelimit-*` headers either.
        orders: How many orders to add to those that have a name.
        api_version: The version of a request without `X-API-Version`, for every client but `DEMO.edison_client_id`.
        sleep: Waits where a fault delays an answer. One that raises a timeout error makes timeouts that take no time.

    Attributes:
        world: Everything that exists; a test may look and change.
        faults: What goes wrong; nothing at first.
        ledger: Every order created through `POST /meter-orders`, oldest first, whether or not the answer arrived.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        now: Clock = real_clock,
        days_per_second: float = 0,
        rate_limit: int | None = None,
        orders: int = 28,
        api_version: ApiVersion = CURIE,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self.seed = seed
        self.faults = Faults(seed)
        self.ledger: list[LedgerEntry] = []
        self._requests: deque[RequestRecord] = deque(maxlen=10_000)
        self._outside = now
        self._clock = WorldClock(now, days_per_second)
        self._callers_clock = WorldClock(now)  # tokens expire by it: `advance` moves it, a fast clock does not
        self._moves_by_itself = days_per_second > 0
        self.world = World(seed, self._clock)
        start = self._clock()
        populate(self.world, start, seed, orders)
        self._scheduler = Scheduler(self.world, seed, start)
        clients = [
            client if client.id == DEMO.edison_client_id else replace(client, default_version=api_version)
            for client in DEMO.clients
        ]
        tokens = Tokens(clients, DEMO.static_keys, self._callers_clock)
        routes = Starlette(
            routes=[*OAuthRoutes(tokens).routes(), *ApiRoutes(self.world, self.ledger).routes()],
            exception_handlers={ApiError: on_error, HTTPException: on_error, Exception: on_error},
        )
        routes.router.redirect_slashes = False  # the API has one spelling of a path; a redirect would hide a typo
        limit = None if rate_limit is None else ClientRateLimit(rate_limit, WorldClock(now))
        self._api = ApiMiddleware(routes, seed, self.faults, self._requests, tokens, limit, sleep)

    @property
    def now(self) -> datetime:
        """The present in the simulator, in UTC and whole seconds."""
        return self._clock()

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 requests to the API, oldest first."""
        return list(self._requests)

    @cached_property
    def webhooks(self) -> "Webhooks":
        from nomos_mcp.simulator.webhooks import Webhooks  # noqa: PLC0415  loads the HTTP library

        return Webhooks(self.world, self._clock, self._outside, self.seed)

    def advance(self, days: float) -> Sequence[EventRecord]:
        """Let 0 to 10,000 days pass, and return the events of that time in the order in which they happened.

        Webhooks that fall due are sent by `await simulator.webhooks.deliver()`, not by this.
        """
        if not 0 <= days <= 10_000:  # noqa: PLR2004  27 years
            raise ValueError(f"Time can advance by 0 to 10000 days at once, not by {days}.")
        known = len(self.world.events)
        self._clock.skip(timedelta(days=days))
        self._callers_clock.skip(timedelta(days=days))
        self._scheduler.run_until(self._clock())
        return list(islice(self.world.events.values(), known, None))

    def put_order(self, order_id: str, state: TargetState) -> OrderRecord:
        """Put an order into any state, reachable or not; KeyError if there is no such order."""
        changed = state.applied(self.world.orders[order_id], self._clock())
        self.world.change_order(changed)
        self._scheduler.order_was_put(changed, moves_on=state.moves_on)
        return changed

    def catch_up(self) -> None:
        if self._moves_by_itself:
            self._scheduler.run_until(self._clock())

    async def tend(self) -> None:
        """Do what has fallen due while a server is idle."""
        self.catch_up()
        if "webhooks" in self.__dict__:  # nobody asked for any so far
            await self.webhooks.deliver()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.catch_up()
        control = scope["type"] == "http" and (scope["path"] + "/").startswith("/_simulator/")
        await (self._control if control else self._api)(scope, receive, send)

    @cached_property
    def _control(self) -> ASGIApp:
        from nomos_mcp.simulator.control_routes import control_app  # noqa: PLC0415  loads webhooks, and with them HTTP

        return control_app(self)
