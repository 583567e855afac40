"""The MCP face: tools, resources and prompts over the client and the lifecycle. Knows nothing of how it is served."""

from nomos_mcp.server.app import create_server
from nomos_mcp.server.callers import Caller

__all__ = ["Caller", "create_server"]
