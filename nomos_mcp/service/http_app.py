"""`create_http_app()`: the MCP server as an ASGI application, to serve alone or to mount in another one."""

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from nomos_mcp.client import NomosClient, NomosError
from nomos_mcp.server import create_server
from nomos_mcp.server.server_factory import caller_of, client_of, history_of, utc_now
from nomos_mcp.service.access_log import CallLog, RequestLog
from nomos_mcp.service.authentication import BearerAuthentication, JwtVerifier
from nomos_mcp.service.authorization import Authorization, Challenges, metadata_routes, metadata_url
from nomos_mcp.service.background_watch import watch_in_background
from nomos_mcp.service.caller_rate_limit import CallerRateLimit
from nomos_mcp.service.concurrency_limit import AnonymousRateLimit, ConcurrencyLimit
from nomos_mcp.service.http_limits import (
    ANONYMOUS_PER_SECOND,
    MAX_BODY_BYTES,
    READY_CACHED,
    READY_DEADLINE,
    REFUSALS_PER_SECOND,
    REQUESTS_PER_SECOND,
)
from nomos_mcp.service.jwks import JwksCache
from nomos_mcp.service.request_validation import AllowedHosts, UnambiguousHeaders, ValidBody
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import PATH, HttpSettings, Settings

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.store import History

_NO_STORE: Final = {"cache-control": "no-store"}


def create_http_app(
    settings: Settings | None = None, *, client: NomosClient | None = None, processes: int = 1
) -> Starlette:
    """Make the web service: MCP at `/mcp`, `/healthz`, `/readyz`, the metadata of RFC 9728, `/webhooks/nomos`.

    Args:
        settings: The settings; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        processes: How many processes serve together; they share every rate limit equally.

    Returns:
        A Starlette application. Its lifespan must run, once: a server does that by itself, and an application that
        mounts this one enters `app.router.lifespan_context(app)` in its own lifespan.

    Raises:
        SettingsError: The environment holds mistakes.
    """
    chosen = settings or Settings.from_env()
    own = client is None
    used = client or client_of(chosen, processes=processes)
    history = history_of(chosen, utc_now, used)
    server = create_server(chosen, client=used, history=history)
    server.middleware.extend([CallLog(caller_of(chosen)), CallerRateLimit(chosen.http.calls_per_minute / processes)])
    # Called because it makes the SDK's request handler. The application that it makes too is not used: it checks hosts
    # only after the token and the body, answers a missing token without the needed scope, and redirects /mcp/.
    server.streamable_http_app(
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    background: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if history and chosen.http.watch_every and not chosen.demo:
        background.append(partial(watch_in_background, history, used, chosen.http.watch_every, processes))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with manager.run(), anyio.create_task_group() as tasks:
                for work in background:
                    tasks.start_soon(work)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
                    server.begin_shutdown()
                    with anyio.CancelScope(shield=True):
                        await server.orders_finished()
        finally:
            if own:
                await used.aclose()
            if history:
                await history.aclose()

    mcp: ASGIApp = AllowedHosts(_with_limits(manager.handle_request, chosen.http), chosen.http)
    if chosen.http.allowed_origins:
        mcp = CORSMiddleware(
            mcp,
            allow_origins=chosen.http.allowed_origins,
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["WWW-Authenticate", "X-Request-Id"],
        )
    middleware = [Middleware(RequestLog), Middleware(UnambiguousHeaders)]
    if chosen.http.authenticates:
        mcp = AnonymousRateLimit(mcp, REFUSALS_PER_SECOND)
        middleware.insert(1, Middleware(AnonymousRateLimit, ANONYMOUS_PER_SECOND))
    webhooks: list[Route] = []
    if history and chosen.http.webhook_secrets:
        route, work = _webhooks(chosen.http, history, used, processes)
        webhooks.append(route)
        background.append(work)
    app = Starlette(
        routes=[
            Route(PATH, mcp),
            Route(f"{PATH}/", mcp),
            *webhooks,
            *health_routes(Readiness(used)),
            *metadata_routes(chosen.http),
        ],
        middleware=middleware,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.begin_shutdown = server.begin_shutdown
    return app


def _with_limits(app: ASGIApp, http: HttpSettings) -> ASGIApp:
    challenges = Challenges(metadata_url(http)) if http.authenticates else None
    per_second = max(REQUESTS_PER_SECOND, 2 * http.calls_per_minute / 60)
    authorized = Authorization(ConcurrencyLimit(ValidBody(app, challenges), per_second), challenges)
    if challenges is None:
        return authorized
    authentication = BearerAuthentication(
        JwtVerifier(http, JwksCache(http.jwks_url)) if http.issuer else None,
        TokenFile(Path(http.tokens_file)) if http.tokens_file else None,
    )
    return AuthenticationMiddleware(
        AuthContextMiddleware(authorized), backend=authentication, on_error=challenges.invalid_token
    )


def _webhooks(
    http: HttpSettings, history: "History", client: NomosClient, processes: int
) -> tuple[Route, Callable[[], Coroutine[Any, Any, None]]]:
    """Return the route of the webhooks, and what reads the orders that they tell of."""
    from nomos_mcp.history.webhook_worker import READS_PER_SECOND, WebhookWorker  # noqa: PLC0415  loads SQLAlchemy
    from nomos_mcp.service.webhook_receiver import WEBHOOK_PATH, WebhookReceiver  # noqa: PLC0415  as above

    worker = WebhookWorker(history, client, READS_PER_SECOND / processes)
    receiver = WebhookReceiver(history, http.webhook_secrets, worker.wake)
    return Route(WEBHOOK_PATH, AllowedHosts(receiver, http)), worker.run


class Readiness:
    """Whether the credentials work and Nomos answers. Nomos is asked once in a while, however often this is."""

    def __init__(self, client: NomosClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = anyio.Lock()
        self._ready = False
        self._until = float("-inf")

    async def ready(self) -> bool:
        async with self._lock:
            if self._clock() >= self._until:
                self._ready = False
                with suppress(NomosError, TimeoutError), anyio.fail_after(READY_DEADLINE):
                    await self._client.subscriptions.list(limit=1)  # every API version has them
                    self._ready = True
                self._until = self._clock() + READY_CACHED
            return self._ready


def health_routes(readiness: Readiness) -> list[Route]:
    """They need no token, and accept every `Host`, because probes use addresses."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    async def readyz(_: Request) -> JSONResponse:
        ready = await readiness.ready()
        return JSONResponse({"ready": ready}, 200 if ready else 503, _NO_STORE)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
