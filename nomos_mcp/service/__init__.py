"""The MCP server as a web service: authentication, rate limits, request checks, logs, health, graceful shutdown.

It knows nothing of what a tool does. Every replica can answer every request.
"""

from nomos_mcp.service.http_app import create_http_app

__all__ = ["create_http_app"]
