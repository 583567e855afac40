"""`create_http_app()`: the web service, put together. An ASGI application to serve alone or to mount in another one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.server.server_factory import caller_of, client_of
from nomos_mcp.service.auth.admission import Admission, Challenges
from nomos_mcp.service.auth.bearer import Bearer
from nomos_mcp.service.auth.issuer import Issuer
from nomos_mcp.service.auth.keys import Keys
from nomos_mcp.service.auth.metadata import metadata_routes, metadata_url
from nomos_mcp.service.auth.token_file import TokenFile
from nomos_mcp.service.body_limit import BodyLimit
from nomos_mcp.service.concurrency_limit import ConcurrencyLimit
from nomos_mcp.service.constants import MAX_BODY_BYTES, REQUESTS_PER_SECOND
from nomos_mcp.service.fairness import Fairness
from nomos_mcp.service.header_validation import HeaderValidation
from nomos_mcp.service.health import Readiness, health_routes
from nomos_mcp.service.hosts import Hosts
from nomos_mcp.service.logs import CallLog, RefusalLog
from nomos_mcp.service.request_ids import RequestIds
from nomos_mcp.service.request_validation import RequestValidation
from nomos_mcp.settings import Settings
from nomos_mcp.settings_http import PATH, HttpSettings


def create_http_app(
    settings: Settings | None = None, *, client: NomosClient | None = None, processes: int = 1
) -> Starlette:
    """Make the web service: the MCP face at `/mcp`, `/healthz`, `/readyz`, and the metadata of RFC 9728.

    Args:
        settings: What to start with; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        processes: How many processes serve together; each keeps to its part of every budget.

    Returns:
        A Starlette application. Its lifespan has to run, once: a server does that by itself, and an application that
        mounts this one enters `app.router.lifespan_context(app)` in its own lifespan.

    Raises:
        SettingsError: The environment holds mistakes.
    """
    chosen = settings or Settings.from_env()
    own = client is None
    used = client or client_of(chosen, processes=processes)
    server = create_server(chosen, client=used)
    server.middleware.extend([CallLog(caller_of(chosen)), Fairness(chosen.http.calls_per_minute / processes)])
    # Called for the session manager that it makes: the SDK's own application checks hosts after the token and the
    # body, answers a missing token without the scope to ask for, and redirects /mcp/.
    server.streamable_http_app(
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with manager.run():
                try:
                    yield
                finally:
                    server.stop_ordering()
                    await server.orders_finished()
        finally:
            if own:
                await used.aclose()

    guarded: ASGIApp = Hosts(_authenticated(manager.handle_request, chosen.http), chosen.http)
    if chosen.http.allowed_origins:
        guarded = CORSMiddleware(
            guarded,
            allow_origins=chosen.http.allowed_origins,
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["WWW-Authenticate", "X-Request-Id"],
        )
    app = Starlette(
        routes=[
            Route(PATH, guarded),
            Route(f"{PATH}/", guarded),
            *health_routes(Readiness(used)),
            *metadata_routes(chosen.http),
        ],
        middleware=[Middleware(RequestIds), Middleware(RefusalLog), Middleware(HeaderValidation)],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.stop_ordering = server.stop_ordering
    return app


def _authenticated(app: ASGIApp, http: HttpSettings) -> ASGIApp:
    challenges = Challenges(metadata_url(http)) if http.authenticates else None
    per_second = max(REQUESTS_PER_SECOND, 2 * http.calls_per_minute / 60)
    limited = ConcurrencyLimit(BodyLimit(app, RequestValidation(challenges)), per_second)
    admission = Admission(limited, challenges)
    if challenges is None:
        return admission
    bearer = Bearer(
        Issuer(http, Keys(http.jwks_url)) if http.issuer else None,
        TokenFile(Path(http.tokens_file)) if http.tokens_file else None,
    )
    return AuthenticationMiddleware(AuthContextMiddleware(admission), backend=bearer, on_error=challenges.refused)
