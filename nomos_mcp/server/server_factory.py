"""`create_server()` and what it makes of the settings: the client, the caller and the rules of ordering."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import RequestStateSecurity

from nomos_mcp import __version__
from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import REQUESTS_PER_SECOND
from nomos_mcp.lifecycle import CURIE, VERSIONS, ApiVersion
from nomos_mcp.server.completions import add_completions
from nomos_mcp.server.instructions import DEMO_INSTRUCTIONS, DEMO_TITLE, INSTRUCTIONS, TITLE
from nomos_mcp.server.limits import short_errors
from nomos_mcp.server.nomos_server import CACHE_HINTS, NomosServer, protocol_errors
from nomos_mcp.server.ordering.audit_log import AuditLog
from nomos_mcp.server.ordering.codes import Codes
from nomos_mcp.server.ordering.config import Ordering
from nomos_mcp.server.prompts import all_prompts
from nomos_mcp.server.request_context import Caller, NomosContext
from nomos_mcp.server.resources import add_resources
from nomos_mcp.server.tools import all_tools
from nomos_mcp.settings import Settings


def create_server(
    settings: Settings | None = None,
    *,
    client: NomosClient | None = None,
    caller: Caller | None = None,
    clock: Callable[[], datetime] | None = None,
) -> NomosServer:
    """Make the server.

    Args:
        settings: What to start with; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        caller: Who is calling, `Caller.customer("cus_…")` for one end customer. By default the operator, limited to
            `NOMOS_CUSTOMER_ID` if that is set. A verified token of the HTTP server goes before it.
        clock: Returns the current time, aware; for tests.

    Returns:
        A server of the official SDK: run it over a transport, or hand it to an in-process `mcp.Client`.

    Raises:
        SettingsError: The environment holds mistakes.
    """
    chosen = settings or Settings.from_env()
    own = client is None
    used = client or client_of(chosen)
    vocabulary: ApiVersion = next((version for version in VERSIONS if version == used.api_version), CURIE)
    context = NomosContext(
        client=used,
        vocabulary=vocabulary,
        ordering=ordering_of(chosen),
        now=clock or _utc_now,
        caller=caller or caller_of(chosen),
    )

    @asynccontextmanager
    async def lifespan(_: MCPServer[NomosContext]) -> AsyncIterator[NomosContext]:
        try:
            yield context
        finally:
            if own:
                await used.aclose()

    server = NomosServer(
        "nomos-mcp",
        title=DEMO_TITLE if chosen.demo else TITLE,
        version=__version__,
        instructions=DEMO_INSTRUCTIONS + INSTRUCTIONS if chosen.demo else INSTRUCTIONS,
        tools=all_tools(vocabulary),
        lifespan=lifespan,
        middleware=[short_errors],
        log_level="WARNING",
        subscriptions=False,
        request_state_security=_state_security(chosen),
        cache_hints=CACHE_HINTS,
    )
    server.context = context
    server.middleware.append(protocol_errors)
    add_resources(server)
    prompts = list(all_prompts())
    for prompt in prompts:
        server.add_prompt(prompt)
    add_completions(server, prompts)
    return server


def client_of(settings: Settings, *, processes: int = 1) -> NomosClient:
    """Make the client that the settings describe; in demo mode one that talks to the built-in simulator.

    Args:
        settings: Who we are to Nomos, and where it is.
        processes: How many processes share the credentials; each keeps to its part of the rate limit.
    """
    if settings.demo:
        from nomos_mcp.simulator import DEMO, Simulator  # noqa: PLC0415  only a demo pays for loading it

        return NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            api_version=settings.api_version,
            base_url="http://127.0.0.1",
            requests_per_second=1000,  # the simulator of the demo counts none
            app=Simulator(),
        )
    return NomosClient(
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        access_token=settings.access_token,
        api_version=settings.api_version,
        base_url=settings.base_url,
        requests_per_second=max(1, REQUESTS_PER_SECOND // processes),
    )


def caller_of(settings: Settings) -> Caller:
    """Return who is calling if no token says so: the operator, limited to one customer if the settings name one."""
    return Caller.customer(settings.customer_id) if settings.customer_id else Caller.local()


def _state_security(settings: Settings) -> RequestStateSecurity | None:
    key = settings.state_key.get_secret_value()
    return RequestStateSecurity(keys=[key]) if key else None


def ordering_of(settings: Settings) -> Ordering:
    return Ordering(
        confirm=settings.confirm,
        read_only=settings.read_only,
        codes=Codes(settings.state_key.get_secret_value().encode()),
        audit_log=AuditLog(Path(settings.audit_file) if settings.audit_file else None),
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
