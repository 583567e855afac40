"""`create_http_app()`: the MCP server as an ASGI application, to serve alone or to mount in another one."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.authentication_settings import PATH
from nomos_mcp.client import NomosClient, NomosError
from nomos_mcp.server.server_factory import shared_connection_of
from nomos_mcp.service.access_log import Observe, RequestLog, log_line
from nomos_mcp.service.authentication import BearerAuthentication, JwtVerifier
from nomos_mcp.service.authorization import Authorization, Challenges, caller_in, metadata_routes
from nomos_mcp.service.concurrency_limit import AnonymousRateLimit, ConcurrencyLimit
from nomos_mcp.service.http_limits import (
    ANONYMOUS_PER_SECOND,
    READY_CACHED,
    READY_DEADLINE,
    READY_WAIT_FOR_OTHERS,
    REFUSALS_PER_SECOND,
    REQUESTS_PER_SECOND,
)
from nomos_mcp.service.jwks import JwksCache
from nomos_mcp.service.organisation import Organisation, organisations_of
from nomos_mcp.service.request_validation import AllowedHosts, UnambiguousHeaders, ValidBody
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.database.postgresql import SharedConnection
    from nomos_mcp.service.metrics import Metrics  # an extra, and slow to load
    from nomos_mcp.service.webhook_receiver import WebhookEndpoint

_NO_STORE: Final = {"cache-control": "no-store"}


def create_http_app(
    settings: Settings | None = None,
    *,
    client: NomosClient | None = None,
    processes: int = 1,
    metrics: "Metrics | None" = None,
) -> Starlette:
    """Make the web service: MCP at `/mcp`, `/healthz`, `/readyz`, the metadata of RFC 9728, `/webhooks/nomos`.

    Args:
        settings: The settings; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        processes: How many processes serve together; they share every rate limit equally.
        metrics: What measures the calls and everything below them.

    Returns:
        A Starlette application. Its lifespan must run, once: a server does that by itself, and an application that
        mounts this one enters `app.router.lifespan_context(app)` in its own lifespan.

    Raises:
        SettingsError: The environment holds mistakes, or there are several organisations and no authentication.
        ValueError: There are several organisations, and a client.
    """
    chosen = settings or Settings.from_env()
    shared = shared_connection_of(chosen)
    by_name = organisations_of(chosen, client=client, processes=processes, shared=shared)
    organisations, named = list(by_name.values()), len(chosen.http.organisations)

    observe = _observed(metrics, organisations, shared)

    def begin_shutdown() -> None:
        for each in organisations:
            each.begin_shutdown()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if shared:
                stack.push_async_callback(shared.aclose)
                tasks = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(tasks.cancel_scope.cancel)
                tasks.start_soon(shared.keep)
            for each in organisations:
                await stack.enter_async_context(each.running())
            try:
                yield
            finally:
                begin_shutdown()

    mcp: ASGIApp = AllowedHosts(_with_limits(by_name, chosen.http), chosen.http)
    if chosen.http.allowed_origins:
        mcp = CORSMiddleware(
            mcp,
            allow_origins=chosen.http.allowed_origins,
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["WWW-Authenticate", "X-Request-Id"],
        )
    middleware = [Middleware(RequestLog, observe), Middleware(UnambiguousHeaders)]
    if chosen.http.authenticates:
        mcp = AnonymousRateLimit(mcp, REFUSALS_PER_SECOND)
        middleware.insert(1, Middleware(AnonymousRateLimit, ANONYMOUS_PER_SECOND))
    app = Starlette(
        routes=[
            Route(PATH, mcp),
            Route(f"{PATH}/", mcp),
            *webhook_routes([each.webhooks for each in organisations if each.webhooks], chosen.http),
            *health_routes(
                ReadinessOfAll({each.name: Readiness(each.client) for each in organisations}), named, shared
            ),
            *metadata_routes(chosen.http),
        ],
        middleware=middleware,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.begin_shutdown = begin_shutdown
    return app


def _observed(
    metrics: "Metrics | None", organisations: Sequence[Organisation], shared: "SharedConnection | None"
) -> Observe | None:
    """Measure what there is, and return what is to be told of each line of the log; None without metrics."""
    if metrics is None:
        return None
    for each in organisations:
        each.observe(metrics)
    if shared:
        metrics.observe_shared(shared)
    return metrics.log


def _with_limits(organisations: Mapping[str, Organisation], http: HttpSettings) -> ASGIApp:
    challenges = Challenges(http) if http.authenticates else None
    per_second = max(REQUESTS_PER_SECOND, 2 * http.calls_per_minute / 60)

    def chosen(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        caller = caller_in(scope)
        return organisations[caller.organisation if caller else ""](scope, receive, send)

    valid = ConcurrencyLimit(ValidBody(chosen, challenges), per_second)
    authorized = Authorization(valid, challenges, organisations)
    if challenges is None:
        return authorized
    authentication = BearerAuthentication(
        JwtVerifier(http, JwksCache(http.jwks_url)) if http.issuer else None,
        TokenFile(Path(http.tokens_file)) if http.tokens_file else None,
    )
    return AuthenticationMiddleware(
        AuthContextMiddleware(authorized), backend=authentication, on_error=challenges.invalid_token
    )


def webhook_routes(endpoints: "Sequence[WebhookEndpoint]", http: HttpSettings) -> list[Route]:
    """One path for all: the secret that signed a delivery tells whose it is."""
    if not endpoints:
        return []
    from nomos_mcp.service.webhook_receiver import WEBHOOK_PATH, WebhookReceiver  # noqa: PLC0415  loads SQLAlchemy

    return [Route(WEBHOOK_PATH, AllowedHosts(WebhookReceiver(endpoints), http))]


class Readiness:
    """Whether the credentials work and Nomos answers. Nomos is asked once in a while, however often this is.

    While callers get answers it is not asked at all: this question would wait behind theirs for the rate limit, and a
    server would seem to fail because it is busy.
    """

    def __init__(self, client: NomosClient) -> None:
        self._client = client
        self._clock = client.timing.monotonic
        self._lock = anyio.Lock()
        self._ready = False
        self._until = float("-inf")

    async def ready(self) -> bool:
        if self._client.seconds_since_answer < READY_CACHED:
            return True
        async with self._lock:
            if self._clock() >= self._until:
                self._ready = False
                with suppress(NomosError, TimeoutError), anyio.fail_after(READY_DEADLINE):
                    await self._client.subscriptions.list(limit=1)  # every API version has them
                    self._ready = True
                self._until = self._clock() + READY_CACHED
            return self._ready


class ReadinessOfAll:
    """Which organisations are ready. One that is not, or that takes long, does not hold up what is known of another."""

    def __init__(self, organisations: Mapping[str, Readiness]) -> None:
        self._organisations = organisations
        self._known: frozenset[str] = frozenset(organisations)

    async def ready(self) -> frozenset[str]:
        found = set()

        async def ask(name: str, organisation: Readiness) -> None:
            if await organisation.ready():
                found.add(name)
                scope.deadline = min(scope.deadline, anyio.current_time() + READY_WAIT_FOR_OTHERS)

        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                for name, organisation in self._organisations.items():
                    tasks.start_soon(ask, name, organisation)
        known, self._known = self._known, frozenset(found)
        for name in sorted((known ^ self._known) - {""}):
            log_line(event="readiness", organisation=name, ready=name in found)
        return self._known


def health_routes(readiness: ReadinessOfAll, named: int, shared: "SharedConnection | None" = None) -> list[Route]:
    """They need no token, and accept every `Host`, because probes use addresses.

    The server is ready while one organisation is: one whose credentials fail takes no other out of rotation. The answer
    says how many are not. The log says which, as anybody may ask here.

    It stays ready without PostgreSQL, which answers all replicas or none: reads go on, and only orders have to wait.

    Args:
        readiness: Of all organisations.
        named: How many organisations there are, if they have names; else 0.
        shared: The connection that is kept to PostgreSQL, if there is one.
    """

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    async def readyz(_: Request) -> JSONResponse:
        ready = await readiness.ready()
        body: dict[str, object] = {"ready": bool(ready)}
        if named:
            body |= {"organisations": named, "not_ready": named - len(ready)}
        if shared:
            body |= {"database": "ok"} if shared.is_well else {"database": "away", "ordering": False}
        return JSONResponse(body, 200 if ready else 503, _NO_STORE)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
