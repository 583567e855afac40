"""The simulator put together: an ASGI application over one invented world."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.simulator import api_routes, oauth_routes
from nomos_mcp.simulator.access_tokens import AuthClient, Tokens
from nomos_mcp.simulator.api_format import CURIE, ApiError, ApiVersion
from nomos_mcp.simulator.api_middleware import ApiMiddleware, RateLimit, RequestRecord, on_error
from nomos_mcp.simulator.api_routes import (
    CustomerRoutes,
    EventRoutes,
    LedgerEntry,
    MeterOrderRoutes,
    SubscriptionRoutes,
)
from nomos_mcp.simulator.bulk_orders import USUAL_SIZE
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.demo_world import populate
from nomos_mcp.simulator.fault_middleware import Sleep
from nomos_mcp.simulator.faults import Faults
from nomos_mcp.simulator.list_queries import Cursors
from nomos_mcp.simulator.oauth_routes import TokenRoutes
from nomos_mcp.simulator.order_views import TargetState
from nomos_mcp.simulator.scheduler import Scheduler
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_clock import Clock, WorldClock, real_clock
from nomos_mcp.simulator.world_records import EventRecord, OrderRecord, request_id

if TYPE_CHECKING:
    from nomos_mcp.simulator.webhooks import Webhooks


class Simulator:
    """A stand-in for the Nomos API: an ASGI application, for asyncio and trio, in process or under any ASGI server.

    Args:
        seed: Varies what has no name in `DEMO`, and what happens as time passes; the same seed gives the same.
        now: The clock; the data set is laid out around the moment it shows at construction, tokens expire by it, and
            new orders carry it. Fractions of a second are cut off. The orders move by `advance` only.
        days_per_second: A fast clock: how many days pass in the simulator for each second of `now`. The orders then
            move by themselves; tokens still last an hour of `now`, as their callers are told.
        rate_limit: Requests per second of `now` and client, as the vendor states 10; None counts nothing and sends no
            `ratelimit-*` headers.
        orders: How many orders to add to those that have a name.
        api_version: What a request without `X-API-Version` gets, from every client but `DEMO.edison_client_id`.
        sleep: Waits so many seconds where a fault delays an answer. One that raises what an HTTP client raises for a
            timeout makes timeouts that take no time.

    Attributes:
        seed: As above.
        world: Everything that exists; a test may look and change.
        faults: What goes wrong; nothing at first.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        now: Clock = real_clock,
        days_per_second: float = 0,
        rate_limit: int | None = None,
        orders: int = USUAL_SIZE,
        api_version: ApiVersion = CURIE,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self.seed = seed
        self._outside = now
        self._clock = WorldClock(now, days_per_second)
        self._moves_by_itself = days_per_second > 0
        self._callers_clock = WorldClock(now)
        tokens = Tokens(_clients(api_version), DEMO.static_keys, self._callers_clock)
        numbers = count()
        cursors = Cursors()
        self.world = World(seed, self._clock)
        start = self._clock()
        populate(self.world, start, seed, orders)
        self._scheduler = Scheduler(self.world, seed, start)
        self.faults = Faults(seed)
        self._meter_orders = MeterOrderRoutes(self.world, cursors)
        routes = Starlette(
            routes=[
                *api_routes.routes(),
                *oauth_routes.routes(),
                *TokenRoutes(tokens).routes(),
                *self._meter_orders.routes(),
                *SubscriptionRoutes(self.world, cursors).routes(),
                *CustomerRoutes(self.world, cursors).routes(),
                *EventRoutes(self.world).routes(),
            ],
            exception_handlers={ApiError: on_error, HTTPException: on_error, Exception: on_error},
        )
        routes.router.redirect_slashes = False  # the API has one spelling of a path; a redirect would hide a typo
        self._api = ApiMiddleware(
            routes,
            tokens,
            None if rate_limit is None else RateLimit(rate_limit, WorldClock(now)),
            lambda: request_id(seed, next(numbers)),
            self.faults,
            sleep,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if self._moves_by_itself:
            self._scheduler.run_until(self._clock())
        control = scope["type"] == "http" and (scope["path"] + "/").startswith("/_simulator/")
        await (self._control if control else self._api)(scope, receive, send)

    @property
    def now(self) -> datetime:
        """The present in the simulator, in UTC and whole seconds."""
        return self._clock()

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Every order created through `POST /meter-orders`, oldest first, whether or not the answer arrived."""
        return list(self._meter_orders.ledger)

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 requests to the API, oldest first."""
        return list(self._api.requests)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Where events are sent to; nowhere at first."""
        from nomos_mcp.simulator.webhooks import Webhooks  # noqa: PLC0415  loads the HTTP library

        return Webhooks(self.world, self._clock, self._outside, self.seed)

    def advance(self, days: float) -> Sequence[EventRecord]:
        """Let time pass: orders move on, get blocked and unblocked, are cancelled; subscriptions begin.

        Webhooks that fall due are not sent by this, but by `await simulator.webhooks.deliver()`.

        Args:
            days: How many; parts of a day are fine.

        Returns:
            The events of that time, in the order in which they happened.

        Raises:
            ValueError: Time does not run backwards, and not past 10,000 days at once.
        """
        if not 0 <= days <= 10_000:  # noqa: PLR2004  27 years
            raise ValueError(f"Time can advance by 0 to 10000 days at once, not by {days}.")
        known = len(self.world.events)
        for clock in (self._clock, self._callers_clock):
            clock.skip(timedelta(days=days))
        self._scheduler.run_until(self._clock())
        return list(islice(self.world.events.values(), known, None))

    def put_order(self, order_id: str, state: TargetState) -> OrderRecord:
        """Put an order into a state, now; the events that follow from the change are told.

        Args:
            order_id: Any order's.
            state: Any state, reachable or not.

        Returns:
            The order after it.

        Raises:
            KeyError: There is no such order.
        """
        order = self.world.orders.get(order_id)
        if order is None:
            raise KeyError(order_id)
        changed = state.applied(order, self._clock())
        self.world.change_order(changed)
        self._scheduler.interrupt(changed, moves_on=state.moves_on)
        return changed

    async def tend(self) -> None:
        """Do what the clock has made due, in a server's idle time: move a world that moves by itself, send webhooks."""
        if self._moves_by_itself:
            self._scheduler.run_until(self._clock())
        if "webhooks" in self.__dict__:  # nobody asked for any so far
            await self.webhooks.deliver()

    @cached_property
    def _control(self) -> ASGIApp:
        from nomos_mcp.simulator.control_routes import control  # noqa: PLC0415  loads webhooks, and with them HTTP

        return control(self)


def _clients(api_version: ApiVersion) -> list[AuthClient]:
    ordinary = {DEMO.client_id, DEMO.read_only_client_id, DEMO.other_client_id}
    return [
        replace(client, default_version=api_version) if client.id in ordinary else client for client in DEMO.clients
    ]
