"""The MCP server: tools, resources and prompts over the client and the lifecycle, whatever it is served over."""

from nomos_mcp.server.request_context import Caller
from nomos_mcp.server.server_factory import create_server

__all__ = ["Caller", "create_server"]
