"""`create_server()`: the MCP face, put together."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import MCPError
from mcp.server import CacheHint, MCPServer, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, RequestStateSecurity
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError, UnexpectedToolError
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    Tool as MCPTool,
)
from pydantic import ValidationError
from pydantic.networks import AnyUrl

from nomos_mcp import __version__
from nomos_mcp.client import NomosClient, NomosError, NotFoundError
from nomos_mcp.client.constants import REQUESTS_PER_SECOND
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.lifecycle import CURIE, VERSIONS, ApiVersion, LifecycleError
from nomos_mcp.server.callers import Caller
from nomos_mcp.server.completions import add_completions
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.failures import nearest, said_of, said_of_arguments
from nomos_mcp.server.limits import MAX_ARGUMENT, MAX_NAMED, MAX_URI, cut, short_errors
from nomos_mcp.server.ordering.audit_log import AuditLog
from nomos_mcp.server.ordering.codes import Codes
from nomos_mcp.server.ordering.config import Ordering
from nomos_mcp.server.ordering.preflight import barred
from nomos_mcp.server.prompts import Argument, all_prompts
from nomos_mcp.server.protocol_errors import protocol_errors
from nomos_mcp.server.resources import add_resources, is_static
from nomos_mcp.server.texts import DEMO_INSTRUCTIONS, DEMO_TITLE, INSTRUCTIONS, TITLE
from nomos_mcp.server.tools import ORDER_TOOL, all_tools
from nomos_mcp.settings import Settings

_STATIC = CacheHint(ttl_ms=3_600_000, scope="public")
_BY_SCOPE = CacheHint(ttl_ms=300_000, scope="private")  # as long as a token's scope may be taken for granted
_PRIVATE = CacheHint(ttl_ms=0, scope="private")
_SCOPES_DEADLINE = 5.0  # seconds that a list of tools may wait for a token


def create_server(
    settings: Settings | None = None,
    *,
    client: NomosClient | None = None,
    caller: Caller | None = None,
    clock: Callable[[], datetime] | None = None,
) -> "NomosServer":
    """Make the server.

    Args:
        settings: What to start with; read from the environment by default.
        client: Use this client instead of one made from the settings; its owner closes it.
        caller: Who is served, `Caller.customer("cus_…")` for one end customer. By default the operator, fenced to
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
    desk = Desk(
        client=used,
        vocabulary=vocabulary,
        ordering=ordering_of(chosen),
        now=clock or _utc_now,
        caller=caller or caller_of(chosen),
    )

    @asynccontextmanager
    async def lifespan(_: MCPServer[Desk]) -> AsyncIterator[Desk]:
        try:
            yield desk
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
        cache_hints={
            "tools/list": _BY_SCOPE,
            "prompts/list": _STATIC,
            "resources/list": _STATIC,
            "resources/templates/list": _STATIC,
            "server/discover": _STATIC,
            "resources/read": _PRIVATE,
        },
    )
    server.desk = desk
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
    """Return who is served where no token says so: the operator, fenced in if the settings name a customer."""
    return Caller.customer(settings.customer_id) if settings.customer_id else Caller.local()


def _state_security(settings: Settings) -> RequestStateSecurity | None:
    key = settings.state_key.get_secret_value()
    return RequestStateSecurity(keys=[key]) if key else None


def ordering_of(settings: Settings) -> Ordering:
    """Make what the settings say about ordering."""
    return Ordering(
        confirm=settings.confirm,
        read_only=settings.read_only,
        codes=Codes(settings.state_key.get_secret_value().encode()),
        audit_log=AuditLog(Path(settings.audit_file) if settings.audit_file else None),
    )


class NomosServer(MCPServer[Desk]):
    """The SDK's server with our manners: what fails says so in our words, and nothing else gets out.

    The one place where errors of the rooms below become answers of the protocol.

    Attributes:
        desk: The means of this server, as whoever calls may use them.
    """

    desk: Desk

    def stop_ordering(self) -> None:
        """Let no further order leave: the process was told to end, or its only client is gone."""
        self.desk.ordering.stopping = True

    async def orders_finished(self) -> None:
        """Wait for the outcome of the orders that have left."""
        await self.desk.ordering.finished()

    async def serve(
        self,
        messages: MemoryObjectReceiveStream[SessionMessage | Exception],
        answers: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        """Serve one connection until its messages end."""
        lowlevel = self._lowlevel_server
        await lowlevel.run(messages, answers, lowlevel.create_initialization_options())

    async def list_tools(self) -> list[MCPTool]:
        """List the tools that can be used: not the one that orders, if nothing may be ordered."""
        tools = await super().list_tools()
        return tools if await self._may_order() else [tool for tool in tools if tool.name != ORDER_TOOL]

    async def _may_order(self) -> bool:
        try:
            with anyio.fail_after(_SCOPES_DEADLINE):
                return await barred(self.desk) is None
        except (NomosError, TimeoutError):
            return True  # not known now; the call itself will tell

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Desk, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an anticipated failure is a result with `is_error`, an unknown tool invalid params."""
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            raise _unknown("tool", name, [tool.name for tool in self._tool_manager.list_tools()])
        known = tool.parameters["properties"]
        unnamed = frozenset([name for name in arguments if name not in known][MAX_NAMED:])
        taken = {name: value for name, value in arguments.items() if name not in unnamed}
        try:
            return await super().call_tool(name, taken, context)
        except ToolError as failure:
            cause = failure.__cause__
            if isinstance(cause, ValidationError) and not isinstance(failure, UnexpectedToolError):
                return _failed(said_of_arguments(cause, name, list(known), len(unnamed)))
            if (text := _said(cause)) is not None:
                return _failed(text)
            raise

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Desk, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource; what does not exist is invalid params, as the protocol has it."""
        if len(str(uri)) > MAX_URI:
            raise ResourceNotFoundError(f"Unknown resource: {cut(str(uri))} No address here is that long.")
        try:
            return await super().read_resource(uri, context)
        except ResourceError as failure:
            cause = failure.__cause__
            if (text := _said(cause)) is None:
                raise
            unknown = isinstance(cause, NotFoundError | InvalidRequestError | LifecycleError)
            kind = ResourceNotFoundError if unknown else ResourceError
            raise kind(text) from cause

    async def _handle_read_resource(
        self, ctx: ServerRequestContext[Desk], params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult:
        # The SDK has one cache hint for all of resources/read; ours are static texts and live data.
        result = await super()._handle_read_resource(ctx, params)
        if isinstance(result, InputRequiredResult) or not is_static(params.uri):
            return result
        return result.model_copy(update={"ttl_ms": _STATIC.ttl_ms, "cache_scope": _STATIC.scope})

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Desk, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Get a prompt; an unknown one, and arguments that are missing or unknown, are invalid params."""
        prompt = self._prompt_manager.get_prompt(name)
        if prompt is None:
            raise _unknown("prompt", name, [prompt.name for prompt in self._prompt_manager.list_prompts()])
        declared = prompt.arguments or []
        given = set(arguments or {})
        filled = {name for name, value in (arguments or {}).items() if str(value).strip()}
        if missing := [argument.name for argument in declared if argument.required and argument.name not in filled]:
            raise MCPError(INVALID_PARAMS, f"Prompt {name} needs the argument {missing[0]!r}.")
        if unknown := sorted(given - {argument.name for argument in declared}):
            raise _unknown("argument", unknown[0], [argument.name for argument in declared])
        for argument in declared:
            most = argument.max_length if isinstance(argument, Argument) else MAX_ARGUMENT
            if len(str((arguments or {}).get(argument.name, ""))) > most:
                raise MCPError(INVALID_PARAMS, f"The argument {argument.name!r} may have at most {most:,} characters.")
        return await super().get_prompt(name, arguments, context)


def _said(cause: BaseException | None) -> str | None:
    if isinstance(cause, NomosError):
        return said_of(cause)
    return str(cause) if isinstance(cause, LifecycleError) else None


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _unknown(kind: str, name: str, known: list[str]) -> MCPError:
    guess = nearest(name, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    return MCPError(INVALID_PARAMS, f"Unknown {kind} {cut(name)!r}.{hint} Known: {', '.join(known) or 'none'}.")


def _utc_now() -> datetime:
    return datetime.now(UTC)
