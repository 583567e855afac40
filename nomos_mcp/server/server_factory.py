"""`create_server()`, what it makes of the settings, and what the server says about itself before any question."""

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from mcp.server import MCPServer
from mcp.server.mcpserver import RequestStateSecurity
from mcp.server.subscriptions import SubscriptionBus
from mcp.types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from nomos_mcp import __version__
from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import REQUESTS_PER_SECOND
from nomos_mcp.lifecycle import CURIE, VERSIONS, ApiVersion
from nomos_mcp.lifecycle.statuses import BLOCKED_REASONS, BLOCKS
from nomos_mcp.server.apps import apps_extension
from nomos_mcp.server.icons import READING
from nomos_mcp.server.late_history import LateHistory
from nomos_mcp.server.nomos_server import (
    CACHE_HINTS,
    CACHE_HINTS_WITH_HISTORY,
    NomosServer,
    icons_once,
    protocol_errors,
    short_errors,
)
from nomos_mcp.server.ordering.audit_log import AuditLog
from nomos_mcp.server.ordering.config import Codes, Ordering
from nomos_mcp.server.ordering.record import OrderRecord
from nomos_mcp.server.request_context import Caller, NomosContext
from nomos_mcp.settings import MIN_KEY_BYTES, Settings, SettingsError

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.client.rate_limiter import RateLimiter
    from nomos_mcp.database.postgresql import SharedConnection
    from nomos_mcp.history.store import History
    from nomos_mcp.simulator import Simulator


def _turn(reason: str) -> str:
    who = BLOCKS[reason].waiting_on
    return "the customer's turn" if who == "customer" else f"the {who.replace('_', ' ')}'s, the customer can only wait"


INSTRUCTIONS = f"""\
Smart meter orders at Nomos (German electricity), explained.

- A status question takes one call: get_meter_order with the order ID (prdo_…) or the subscription ID (sub_…).
  Without an ID: list_meter_orders_by_status (limit=0 counts), or list_subscriptions (by contract number or e-mail too).
  What changed: list_order_changes.
  For a customer or in German: its audience and language. Names, codes and words alone: explain_status.
  A subscription, and whether it can and should have a meter: get_subscription. An event (evt_…): get_event.
- Blocked before status: blocked lies over the status and decides whose turn it is.
  {"; ".join(f"{reason}: {_turn(reason)}" for reason in BLOCKED_REASONS)}.
- Two vocabularies exist (API versions curie and edison) and do not map one to one. Trust `explanation`, not the name.
- installed is not activated: dynamic prices and automatic readings start with activated.
- Never promise a date. Only an appointment is one; about eight weeks to installation is a target, not a promise.
- What is `inferred` or `unknown` in `confidence` (of single fields: `confidence_of`) is to be said as such.
- Nothing here cancels an order: support@nomos.energy.
- order_smart_meter is physical and possible once per subscription, ever: a person must say yes first."""

ASSUMED_REPLICAS = 10
"""How many replicas divide the rate limit while PostgreSQL is away, if the settings do not say it."""

DEMO_TITLE = "Nomos smart meters (demo, invented data)"
TITLE = "Nomos smart meters"
DEMO_INSTRUCTIONS = """\
DEMO: all data is invented and comes from a built-in simulator; no real customer, order or meter is behind it. Say so.

"""


def create_server(
    settings: Settings | None = None,
    *,
    client: NomosClient | None = None,
    caller: Caller | None = None,
    state_key: bytes = b"",
    clock: Callable[[], datetime] | None = None,
    history: "History | None" = None,
    bus: SubscriptionBus | None = None,
) -> NomosServer:
    """Make the server.

    Args:
        settings: What to start with; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        caller: Who is calling, `Caller.customer("cus_…")` for one end customer. By default the operator, limited to
            `NOMOS_CUSTOMER_ID` if that is set. A verified token of the HTTP server goes before it.
        state_key: Signs confirmation codes and questions where `NOMOS_MCP_STATE_KEY` does not. Servers that are made
            for one request each need the same: `secrets.token_bytes(32)`, made once when the application starts. A code
            then counts in all of them, and once. By default a server has a key of its own.
        clock: Returns the current time, aware; for tests.
        history: Use this one instead of one made from the settings; its owner closes it.
        bus: Tells those who listen when to look into the history; without one they look every second.

    Returns:
        A server of the official SDK: run it over a transport, or hand it to an in-process `mcp.Client`.

    Raises:
        SettingsError: The environment holds mistakes, the key is too short, or there are several organisations, of
            which `Settings.of` returns one's settings.
    """
    chosen = (settings or Settings.from_env()).of()
    own, owns_history = client is None, history is None
    used = client or client_of(chosen)
    now = clock or utc_now
    kept = history or history_of(chosen, now, used)
    key, codes = _keys(chosen, state_key)
    vocabulary: ApiVersion = next((version for version in VERSIONS if version == used.api_version), CURIE)
    context = NomosContext(
        client=used,
        vocabulary=vocabulary,
        ordering=Ordering(
            confirm=chosen.confirm,
            read_only=chosen.read_only,
            codes=codes,
            record=_record_of(chosen, kept, used, codes.owner),
        ),
        now=now,
        caller=caller or caller_of(chosen),
        history=kept,
    )

    @asynccontextmanager
    async def lifespan(_: MCPServer[NomosContext]) -> AsyncIterator[NomosContext]:
        try:
            yield context
        finally:
            if own:
                await used.aclose()
            if kept and owns_history:
                await kept.aclose()

    server = NomosServer(
        "nomos-mcp",
        title=DEMO_TITLE if chosen.demo else TITLE,
        version=__version__,
        icons=list(READING),
        instructions=DEMO_INSTRUCTIONS + INSTRUCTIONS if chosen.demo else INSTRUCTIONS,
        extensions=[apps_extension()],
        lifespan=lifespan,
        middleware=[short_errors, icons_once],
        log_level="WARNING",
        subscriptions=False,
        request_state_security=RequestStateSecurity(keys=[key]) if key else None,
        cache_hints=CACHE_HINTS_WITH_HISTORY if kept else CACHE_HINTS,
    )
    server.context = context
    server.middleware.append(protocol_errors)
    if kept:
        server.listen_to(kept, bus)
    server.add_when_asked(lambda: _add_texts(server, context, with_history=kept is not None))

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK left it without annotations
    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
    ) -> Completion:
        from nomos_mcp.server.prompts import completion_of  # noqa: PLC0415  as `_add_texts`

        return await completion_of(server, ref, argument)

    return server


def _add_texts(server: NomosServer, context: NomosContext, *, with_history: bool) -> None:
    # Each loads what no tool may ever need; a server can be started without.
    from nomos_mcp.server.prompts import all_prompts  # noqa: PLC0415
    from nomos_mcp.server.resources import add_resources  # noqa: PLC0415

    add_resources(server, context, with_history=with_history)
    for prompt in all_prompts():
        server.add_prompt(prompt)


def _keys(settings: Settings, given: bytes) -> tuple[bytes, Codes]:
    """Return the key of the states of questions, empty for one of the server's own, and the codes with their key.

    Raises:
        SettingsError: The given key is too short.
    """
    key = settings.state_key.get_secret_value().encode()
    if not key and given:
        if len(given) < MIN_KEY_BYTES:
            fix = "Make it once, when the application starts, with secrets.token_bytes(32)."
            raise SettingsError([f"state_key: {len(given)} bytes are too few. {fix}"])
        key = hmac.digest(given, f"nomos-mcp organisation {settings.organisation}".encode(), "sha256")
    return key, Codes(key)


def client_of(settings: Settings, *, processes: int = 1, shared: "SharedConnection | None" = None) -> NomosClient:
    """Make the client that the settings describe, with this process's part of the rate limit.

    With PostgreSQL that is a part of what all processes and machines share, else of what `processes` do. In demo mode
    it talks to the built-in simulator.

    Args:
        settings: The settings.
        processes: How many processes serve together.
        shared: As `shared_connection_of` makes it; its owner closes it. By default the client has one of its own.
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
        requests_per_second=REQUESTS_PER_SECOND / (processes * (settings.http.replicas or 1)),
        rate_limiter=_shared_rate_limiter(settings, processes, shared),
    )


def _shared_rate_limiter(settings: Settings, processes: int, shared: "SharedConnection | None") -> "RateLimiter | None":
    used = shared or shared_connection_of(settings)
    if used is None or not settings.has_credentials:
        return None
    from nomos_mcp.replicas.rate_leases import RateLeases, credentials_key  # noqa: PLC0415  loads SQLAlchemy
    from nomos_mcp.replicas.shared_rate_limiter import SharedRateLimiter  # noqa: PLC0415  as above

    identity = settings.client_id or settings.access_token.get_secret_value()
    leases = RateLeases(used, credentials_key(settings.base_url, identity))
    count = processes * (settings.http.replicas or ASSUMED_REPLICAS)
    return SharedRateLimiter(leases.exchange, count, close=None if shared else used.aclose)


def utc_now() -> datetime:
    return datetime.now(UTC)


def history_of(settings: Settings, now: Callable[[], datetime], client: NomosClient) -> "History | None":
    """Make the history that the settings describe; None without a database.

    A demo has one of its own, with an invented past, and uses no database.
    """
    if settings.demo:
        version = next((known for known in VERSIONS if known == client.api_version), None)

        def invented() -> "History":
            from nomos_mcp.history.demo_past import demo_history  # noqa: PLC0415  loads SQLAlchemy

            return demo_history(cast("Simulator", client.app), version or CURIE, now)

        # Only the simulator that comes with a demo knows what happened to its orders.
        return cast("History", LateHistory(invented)) if version and client.app is not None else None
    if not settings.database.get_secret_value():
        return None
    from nomos_mcp.database.database import Database  # noqa: PLC0415  only a server with a database pays for loading it
    from nomos_mcp.history.store import History  # noqa: PLC0415  as above

    return History(Database(settings.database, settings.organisation), now)


def shared_connection_of(settings: Settings) -> "SharedConnection | None":
    """Make the one connection of this process beside its pools; None without PostgreSQL.

    Its statements concern the schema that the URL leads to, whose tables it makes.
    """
    if settings.demo or not settings.database.get_secret_value():
        return None
    from nomos_mcp.database.database import Database  # noqa: PLC0415  only a server with a database pays for loading it
    from nomos_mcp.database.postgresql import SharedConnection  # noqa: PLC0415  as above

    database = Database(settings.database)

    async def opened() -> None:
        try:
            await database.open()
        finally:
            await database.aclose()

    # Changes nothing, but fails where nothing may be changed, or where there are no tables.
    sign = "DELETE FROM rate_leases WHERE false"
    return SharedConnection(settings.database, opened, sign=sign) if database.is_postgresql else None


def _record_of(settings: Settings, history: "History | None", client: NomosClient, owner: bytes) -> OrderRecord:
    """Make the record of orders: the table that all share, if there is PostgreSQL, or else a file or stderr alone."""
    if history and not settings.demo and history.database.is_postgresql:
        from nomos_mcp.server.ordering.shared_record import SharedRecord  # noqa: PLC0415  loads SQLAlchemy

        return SharedRecord(history.database, urlsplit(client.base_url).netloc)
    return AuditLog(Path(settings.audit_file) if settings.audit_file else None, owner)


def caller_of(settings: Settings) -> Caller:
    """Return who is calling if no token says so: the operator, limited to one customer if the settings name one."""
    return Caller.customer(settings.customer_id) if settings.customer_id else Caller.local()
