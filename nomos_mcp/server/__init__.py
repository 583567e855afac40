"""The MCP face: tools, resources and prompts over the client and the lifecycle. Knows nothing of how it is served."""

from nomos_mcp.server.request_context import Caller
from nomos_mcp.server.server_factory import create_server

__all__ = ["Caller", "create_server"]
