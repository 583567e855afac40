"""The SDK's server with our errors: the one place where an exception becomes an answer of the protocol."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import MCPError
from mcp.server import CacheHint, MCPServer, ServerRequestContext
from mcp.server.caching import CacheableMethod
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.subscriptions import SubscriptionBus
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    ErrorData,
    GetPromptResult,
    InputRequiredResult,
    Prompt as MCPPrompt,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource as MCPResource,
    ResourceTemplate as MCPResourceTemplate,
    ServerCapabilities,
    TextContent,
    Tool as MCPTool,
)
from mcp_types import SERVER_INFO_META_KEY, SubscriptionsListenRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic.networks import AnyUrl

from nomos_mcp.client import NomosError, NotFoundError
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.lifecycle import LifecycleError
from nomos_mcp.server.error_messages import cut, describe, describe_arguments, unknown
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.resource_links import resource_links
from nomos_mcp.server.resource_uris import DURATIONS, is_static
from nomos_mcp.server.tool_factory import MAX_ARGUMENT
from nomos_mcp.server.tools import ORDER_TOOL, definitions, made_tool, names

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.store import History
    from nomos_mcp.server.subscriptions import Subscriptions

MAX_URI: Final = 128
"""Characters of a resource's address; the longest with an ID in it has 103."""
MAX_ERROR: Final = 2000
"""Characters of the text of an error."""
_MAX_DETAILS: Final = 20
"""Entries of a list or an object in the `data` of an error."""
_MAX_NAMED: Final = 5
"""Unknown arguments that one error names."""
_LISTS: Final = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list"})
_RESOURCE_NOT_FOUND: Final = -32002  # up to 2025-11-25; later revisions have invalid params instead


async def protocol_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Raise the errors that the SDK does not raise, or raises for one protocol revision only: middleware."""
    if ctx.method in _LISTS and (ctx.params or {}).get("cursor") is not None:
        raise MCPError(INVALID_PARAMS, "Unknown cursor. This list has one page; leave the cursor out.")
    try:
        return await call_next(ctx)
    except MCPError as failure:
        error = failure.error
        # The SDK adds the address of a missing resource, which tells it from wrong params.
        is_missing = error.code == INVALID_PARAMS and isinstance(error.data, dict) and "uri" in error.data
        if is_missing and ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(_RESOURCE_NOT_FOUND, error.message, error.data) from failure
        raise


async def short_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Keep every error short, whoever worded it: middleware around all methods."""
    try:
        result = await call_next(ctx)
    except MCPError as failure:
        short = short_error(failure.error)
        if short == failure.error:
            raise
        raise MCPError.from_error_data(short) from failure
    if isinstance(result, dict) and result.get("isError"):
        return {**result, "content": [_short_block(block) for block in result["content"]]}
    return result


async def icons_once(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Leave the server's icons out of all results but the one that introduces it: middleware.

    In the newest revision the SDK says with every result who answers, and would repeat 700 bytes of drawings each time.
    """
    result = await call_next(ctx)
    if ctx.method != "server/discover" and isinstance(result, dict):
        (result.get("_meta") or {}).get(SERVER_INFO_META_KEY, {}).pop("icons", None)
    return result


def short_error(error: ErrorData) -> ErrorData:
    return ErrorData(code=error.code, message=cut(error.message, MAX_ERROR), data=_short(error.data))


def _short_block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {**block, "text": cut(block["text"], MAX_ERROR)} if "text" in block else dict(block)


def _short(data: Any) -> Any:
    if isinstance(data, str):
        return cut(data, MAX_URI)
    if isinstance(data, dict):
        return {cut(str(name)): _short(value) for name, value in islice(data.items(), _MAX_DETAILS)}
    return [_short(value) for value in data[:_MAX_DETAILS]] if isinstance(data, list) else data


_STATIC = CacheHint(ttl_ms=3_600_000, scope="public")
_SCOPES_DEADLINE = 5.0  # seconds that a list of tools may wait for a token
CACHE_HINTS: Final[dict[CacheableMethod, CacheHint]] = {
    "tools/list": CacheHint(ttl_ms=300_000, scope="private"),  # as long as a token's scope may be taken for granted
    "prompts/list": _STATIC,
    "resources/list": _STATIC,
    "resources/templates/list": _STATIC,
    "server/discover": _STATIC,
    "resources/read": CacheHint(ttl_ms=0, scope="private"),
}
"""How long clients may keep what they were sent."""
CACHE_HINTS_WITH_HISTORY: Final[dict[CacheableMethod, CacheHint]] = {
    **CACHE_HINTS,
    "resources/list": CACHE_HINTS["tools/list"],
}
"""The same where the list of resources depends on the caller."""


def _without_changing_lists(
    capabilities: Callable[..., ServerCapabilities], *args: Any, **options: Any
) -> ServerCapabilities:
    """Declare that no list changes: the SDK takes it that who serves streams announces changed lists on them."""
    said = capabilities(*args, **options)
    still = {
        name: kind.model_copy(update={"list_changed": False})
        for name in ("prompts", "resources", "tools")
        if (kind := getattr(said, name)) is not None
    }
    return said.model_copy(update=still)


class NomosServer(MCPServer[NomosContext]):
    """The SDK's server, which describes every failure in our words and lets nothing else out."""

    context: NomosContext
    subscriptions: "Subscriptions | None" = None
    _add_texts: Callable[[], None] | None = None

    def add_when_asked(self, add: Callable[[], None]) -> None:
        """Add resources and prompts when a client first asks for any: most only call tools."""
        self._add_texts = add

    def _texts_are_added(self) -> None:
        if self._add_texts:
            add, self._add_texts = self._add_texts, None
            add()

    def listen_to(self, history: "History", bus: SubscriptionBus | None) -> None:
        """Serve `subscriptions/listen` from a history; the bus tells when to look into it."""
        from nomos_mcp.server.subscriptions import Subscriptions  # noqa: PLC0415  only with a history

        self.subscriptions = Subscriptions(self.context, history, bus)
        server = self._lowlevel_server
        server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, self.subscriptions)
        server.get_capabilities = partial(_without_changing_lists, server.get_capabilities)  # type: ignore[method-assign]

    def begin_shutdown(self) -> None:
        """Accept no more orders, and end the streams of those who listen."""
        self.context.ordering.stopping = True
        if self.subscriptions:
            self.subscriptions.close()

    async def orders_finished(self) -> None:
        await self.context.ordering.finished()

    async def serve(
        self,
        messages: MemoryObjectReceiveStream[SessionMessage | Exception],
        answers: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        lowlevel = self._lowlevel_server
        await lowlevel.run(messages, answers, lowlevel.create_initialization_options())

    async def list_tools(self) -> list[MCPTool]:
        may_order = await self._may_order()
        ours = [
            MCPTool(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=tool.parameters,
                output_schema=tool.output_schema,
                annotations=tool.annotations,
                icons=tool.icons,
                _meta=tool.meta,
            )
            for tool in (made_tool(definition.name, self.context.vocabulary) for definition in definitions())
            if may_order or tool.name != ORDER_TOOL
        ]
        return [*ours, *await super().list_tools()]

    def _tool(self, name: str) -> Tool:
        """Return a tool of ours, or one that was added to this server."""
        if name in names():
            return made_tool(name, self.context.vocabulary)
        if added := self._tool_manager.get_tool(name):
            return added
        known = [definition.name for definition in definitions()]
        raise _unknown("tool", name, [*known, *(tool.name for tool in self._tool_manager.list_tools())])

    async def list_resource_templates(self) -> list[MCPResourceTemplate]:
        self._texts_are_added()
        return await super().list_resource_templates()

    async def list_prompts(self) -> list[MCPPrompt]:
        self._texts_are_added()
        return await super().list_prompts()

    async def list_resources(self) -> list[MCPResource]:
        self._texts_are_added()
        found = await super().list_resources()
        return [each for each in found if not self._is_hidden(each.uri)]

    def _is_hidden(self, uri: AnyUrl | str) -> bool:
        """Whether the caller is to see no trace of an address: what is about all orders is not for one customer."""
        return str(uri) == DURATIONS and self.context.caller.is_fenced

    async def _may_order(self) -> bool:
        from nomos_mcp.server.ordering.eligibility import ordering_refusal  # noqa: PLC0415  a call may never need it

        try:
            with anyio.fail_after(_SCOPES_DEADLINE):
                return await ordering_refusal(self.context) is None
        except (NomosError, TimeoutError):
            return True  # not known now; the call will find out

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[NomosContext, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an anticipated failure is a result with `is_error`, an unknown tool invalid params."""
        tool = self._tool(name)
        known = tool.parameters["properties"]
        unnamed = frozenset([name for name in arguments if name not in known][_MAX_NAMED:])
        taken = {name: value for name, value in arguments.items() if name not in unnamed}
        try:
            answer: CallToolResult | InputRequiredResult = await tool.run(
                taken, context or Context(mcp_server=self), convert_result=True
            )
        except ToolError as failure:
            cause = failure.__cause__
            if isinstance(cause, ValidationError) and not isinstance(failure, UnexpectedToolError):
                return _failed(describe_arguments(cause, name, list(known), len(unnamed)))
            if (text := self._said(cause)) is not None:
                return _failed(text)
            raise
        return self._with_links(answer, arguments, context)

    def _with_links(
        self,
        result: CallToolResult | InputRequiredResult,
        arguments: Mapping[str, Any],
        context: Context[NomosContext, Any] | None,
    ) -> CallToolResult | InputRequiredResult:
        if not isinstance(result, CallToolResult) or not result.structured_content:
            return result
        links = resource_links(
            result.structured_content,
            audience=arguments.get("audience", ""),
            fenced=self.context.caller.is_fenced,
            protocol_version=context.protocol_version if context else None,
        )
        return result.model_copy(update={"content": [*result.content, *links]}) if links else result

    def _said(self, cause: BaseException | None) -> str | None:
        if isinstance(cause, NomosError):
            return describe(cause, fenced=self.context.caller.is_fenced)
        return str(cause) if isinstance(cause, LifecycleError) else None

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[NomosContext, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        if len(str(uri)) > MAX_URI:
            raise ResourceNotFoundError(f"Unknown resource: {cut(str(uri))} No address here is that long.")
        if self._is_hidden(uri):
            raise ResourceNotFoundError(f"Unknown resource: {uri}")  # in the SDK's words
        self._texts_are_added()
        try:
            return await super().read_resource(uri, context)
        except ResourceError as failure:
            cause = failure.__cause__
            if (text := self._said(cause)) is None:
                raise
            unknown = isinstance(cause, NotFoundError | InvalidRequestError | LifecycleError)
            kind = ResourceNotFoundError if unknown else ResourceError
            raise kind(text) from cause

    async def _handle_read_resource(
        self, ctx: ServerRequestContext[NomosContext], params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult:
        # The SDK has one cache hint for all of resources/read; ours are static texts and live data.
        result = await super()._handle_read_resource(ctx, params)
        if isinstance(result, InputRequiredResult) or not is_static(params.uri):
            return result
        return result.model_copy(update={"ttl_ms": _STATIC.ttl_ms, "cache_scope": _STATIC.scope})

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[NomosContext, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        self._texts_are_added()
        prompt = self._prompt_manager.get_prompt(name)
        if prompt is None:
            raise _unknown("prompt", name, [prompt.name for prompt in self._prompt_manager.list_prompts()])
        declared, given = prompt.arguments or [], arguments or {}
        filled = {name for name, value in given.items() if str(value).strip()}
        if missing := [argument.name for argument in declared if argument.required and argument.name not in filled]:
            raise MCPError(INVALID_PARAMS, f"Prompt {name} needs the argument {missing[0]!r}.")
        if unknown := sorted(set(given) - {argument.name for argument in declared}):
            raise _unknown("argument", unknown[0], [argument.name for argument in declared])
        for argument in declared:
            if len(str(given.get(argument.name, ""))) > MAX_ARGUMENT:
                raise MCPError(
                    INVALID_PARAMS, f"The argument {argument.name!r} may have at most {MAX_ARGUMENT} characters."
                )
        return await super().get_prompt(name, arguments, context)


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _unknown(kind: str, name: str, known: list[str]) -> MCPError:
    return MCPError(INVALID_PARAMS, unknown(kind, name, known))
