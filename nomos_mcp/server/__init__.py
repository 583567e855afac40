"""The MCP face: tools, resources and prompts over the client and the lifecycle. Knows nothing of how it is served."""

from nomos_mcp.server.app import create_server

__all__ = ["create_server"]
