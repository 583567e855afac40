"""The simulator as an ASGI application: the API, and its control routes, over one simulated world."""

from dataclasses import replace
from functools import cached_property

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.simulator.access_tokens import Tokens
from nomos_mcp.simulator.api_format import CURIE, ApiError, ApiVersion
from nomos_mcp.simulator.api_middleware import ApiMiddleware, ClientRateLimit, on_error
from nomos_mcp.simulator.api_routes import ApiRoutes, OAuthRoutes
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.fault_middleware import Sleep
from nomos_mcp.simulator.simulation import Simulation
from nomos_mcp.simulator.world_clock import Clock, WorldClock, real_clock


class Simulator(Simulation):
    """A simulated Nomos API: an ASGI application for asyncio and trio, in process or under any ASGI server.

    Args:
        seed: Varies the orders that have no name in `DEMO`, and what happens as time passes. The same seed gives the
            same.
        now: The clock, cut to whole seconds. The data is laid out around the moment that it shows at construction,
            tokens expire by it, and new orders carry it. It does not move the orders; `advance` does.
        days_per_second: A fast clock: how many days pass in the simulator for each second of `now`. The orders then
            move by themselves; a token still lasts an hour of `now`.
        rate_limit: Requests per second of `now` and client; Nomos states 10. None counts nothing and sends no
            `ratelimit-*` headers.
        orders: How many orders to add to those that have a name.
        api_version: The version of a request without `X-API-Version`, for every client but `DEMO.edison_client_id`.
        sleep: Waits so many seconds where a fault delays an answer. One that raises an HTTP client's timeout error
            makes timeouts that take no time.

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
        orders: int = 28,
        api_version: ApiVersion = CURIE,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        super().__init__(seed, now, days_per_second, orders)
        clients = [
            client if client.id == DEMO.edison_client_id else replace(client, default_version=api_version)
            for client in DEMO.clients
        ]
        tokens = Tokens(clients, DEMO.static_keys, self._callers_clock)
        routes = Starlette(
            routes=[*OAuthRoutes(tokens).routes(), *ApiRoutes(self).routes()],
            exception_handlers={ApiError: on_error, HTTPException: on_error, Exception: on_error},
        )
        routes.router.redirect_slashes = False  # the API has one spelling of a path; a redirect would hide a typo
        limit = None if rate_limit is None else ClientRateLimit(rate_limit, WorldClock(now))
        self._api = ApiMiddleware(routes, self, tokens, limit, sleep)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.catch_up()
        control = scope["type"] == "http" and (scope["path"] + "/").startswith("/_simulator/")
        await (self._control if control else self._api)(scope, receive, send)

    @cached_property
    def _control(self) -> ASGIApp:
        from nomos_mcp.simulator.control_routes import control_app  # noqa: PLC0415  loads webhooks, and with them HTTP

        return control_app(self)
