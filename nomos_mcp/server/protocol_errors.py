"""Errors of the protocol that the SDK does not raise, or raises as one revision alone wants them."""

from typing import Any, Final

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INVALID_PARAMS
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

_LISTS: Final = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list"})
_RESOURCE_NOT_FOUND: Final = -32002  # up to 2025-11-25; later revisions have invalid params instead


async def protocol_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Serve one message of the protocol."""
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
