"""`Organisation`: all that serves one organisation over HTTP. Nothing in it is shared with another one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.server.subscriptions import SubscriptionBus
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.server.server_factory import caller_of, client_of, history_of, utc_now
from nomos_mcp.service.access_log import CallLog, log_line
from nomos_mcp.service.background_watch import watch_in_background
from nomos_mcp.service.caller_rate_limit import CallerRateLimit, full_budget
from nomos_mcp.service.http_limits import MAX_BODY_BYTES
from nomos_mcp.settings import HttpSettings, Settings, SettingsError
from nomos_mcp.variables import AUTH_ISSUER, ORGANISATIONS, TOKENS_FILE

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.database.postgresql import SharedConnection
    from nomos_mcp.history.store import History
    from nomos_mcp.service.metrics import Metrics  # an extra, and slow to load
    from nomos_mcp.service.webhook_receiver import WebhookEndpoint

_BEGUN_AGAIN_AFTER: Final = 5.0  # seconds


def organisations_of(
    settings: Settings,
    *,
    client: NomosClient | None = None,
    processes: int = 1,
    shared: "SharedConnection | None" = None,
) -> "dict[str, Organisation]":
    """Make all organisations of the settings, by name; one without a name if they name none.

    Args:
        settings: Those of the whole deployment.
        client: As for `Organisation`; only where there is one organisation.
        processes: As for `Organisation`.
        shared: As for `Organisation`; all of them use it.

    Raises:
        SettingsError: Several are to be told apart, and callers need no token.
    """
    if problems := choice_problems(settings):
        raise SettingsError(problems)
    if client is not None and settings.http.organisations:
        raise ValueError("one client cannot serve several organisations")
    chosen = [settings.of(each.name) for each in settings.http.organisations] or [settings]
    return {each.organisation: Organisation(each, client=client, processes=processes, shared=shared) for each in chosen}


def choice_problems(settings: Settings) -> list[str]:
    """Return why requests cannot be told apart by organisation, where there are several."""
    if settings.http.authenticates or not settings.http.organisations:
        return []
    why = "set, but callers need no token, and a token chooses the organisation"
    return [f"{ORGANISATIONS}: {why}. Set {AUTH_ISSUER} or {TOKENS_FILE}."]


class Organisation:
    """The client, the history, the MCP server, the callers' budgets and the background work of one organisation.

    As an ASGI application it answers the requests of callers who were checked before. `running` must be entered, once.

    Args:
        settings: The organisation's own, as `Settings.of` returns them.
        client: Use this client instead of one made from the settings; its owner closes it.
        processes: How many processes serve together; they share every rate limit equally.
        shared: This process's connection beside its pools; None without PostgreSQL.

    Attributes:
        name: Empty where there is only one.
        client: The whole organisation's.
        webhooks: Where its webhooks go; None if it takes none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        client: NomosClient | None = None,
        processes: int = 1,
        shared: "SharedConnection | None" = None,
    ) -> None:
        self.name = settings.organisation
        self._settings = settings
        self._owns_client = client is None
        self.client = client or client_of(settings, processes=processes, shared=shared)
        self._history = history = history_of(settings, utc_now, self.client)
        self._server = server = create_server(settings, client=self.client, history=history, bus=_bus(shared, history))
        http = settings.http
        self._background: list[Callable[[], Coroutine[Any, Any, None]]] = []
        server.middleware.append(CallLog(caller_of(settings)))
        if http.authenticates:  # else callers cannot be told apart
            server.middleware.append(self._caller_rate_limit(http.calls_per_minute, processes, shared, history))
        # Called because it makes the SDK's request handler. The application that it makes too is not used: it checks
        # hosts only after the token and the body, answers a missing token without the needed scope, and redirects
        # /mcp/.
        server.streamable_http_app(
            stateless_http=True,
            max_request_body_size=MAX_BODY_BYTES,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        if history and http.watch_every and not settings.demo:
            sharing = 1 if shared else processes  # with PostgreSQL those that are idle leave their part to others
            watch = partial(watch_in_background, history, self.client, http.watch_every, sharing, self.name)
            self._background.append(watch)
        self.webhooks = self._webhooks(history, http, processes) if history and http.webhook_secrets else None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._server.session_manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block lasts. At its end what works in the background stops, and orders that left finish."""
        try:
            async with self._server.session_manager.run(), anyio.create_task_group() as tasks:
                for work in self._background:
                    tasks.start_soon(_carry_on, work, self.name)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
                    self.begin_shutdown()
                    with anyio.CancelScope(shield=True):
                        await self._server.orders_finished()
        finally:
            if self._owns_client:
                await self.client.aclose()
            if self._history:
                await self._history.aclose()

    def _caller_rate_limit(
        self, calls_per_minute: float, processes: int, shared: "SharedConnection | None", history: "History | None"
    ) -> CallerRateLimit:
        if shared is None or history is None:
            return CallerRateLimit(calls_per_minute / processes)
        from nomos_mcp.replicas.caller_budgets import CallerBudgets  # noqa: PLC0415  loads SQLAlchemy

        full, share = full_budget(calls_per_minute), processes * (self._settings.http.replicas or 1)
        budgets = CallerBudgets(shared, calls_per_minute, full, history.database.schema)
        self._background.append(budgets.tidy)
        return CallerRateLimit(calls_per_minute, budgets=budgets, share=share)

    def _webhooks(self, history: "History", http: HttpSettings, processes: int) -> "WebhookEndpoint":
        from nomos_mcp.history.webhook_worker import READS_PER_SECOND, WebhookWorker  # noqa: PLC0415  SQLAlchemy
        from nomos_mcp.service.webhook_receiver import WebhookEndpoint  # noqa: PLC0415  as above

        worker = WebhookWorker(history, self.client, READS_PER_SECOND / (processes * (http.replicas or 1)))
        self._background.append(worker.run)
        return WebhookEndpoint(history, http.webhook_secrets, worker.wake, self.name)

    def observe(self, metrics: "Metrics") -> None:
        """Measure what is served; before `running`."""
        history = None if self._settings.demo else self._history  # that of a demo is made when somebody asks for it
        interval = self._settings.http.watch_every if history else None
        ordering = self._server.context.ordering
        self._background.append(metrics.observe(self.client, ordering, history, interval, self.name))

    def begin_shutdown(self) -> None:
        """Accept no more orders, and end the streams of those who listen."""
        self._server.begin_shutdown()


async def _carry_on(work: Callable[[], Coroutine[Any, Any, None]], organisation: str) -> None:
    """Work in the background. A mistake of ours ends neither the process nor the calls of any organisation."""
    whose = {"organisation": organisation} if organisation else {}
    while True:
        try:
            return await work()
        except Exception as error:  # noqa: BLE001  as above; its text may hold what was read
            log_line(event="background_failed", **whose, why=f"{type(error).__name__}. It is begun again.")
        await anyio.sleep(_BEGUN_AGAIN_AFTER)


def _bus(shared: "SharedConnection | None", history: "History | None") -> SubscriptionBus | None:
    """Return what tells the streams of a history's changes; None without PostgreSQL."""
    if shared is None or history is None:
        return None
    from nomos_mcp.server.change_bus import ChangeBus  # noqa: PLC0415  loads SQLAlchemy

    return ChangeBus(shared, history.database.schema)
