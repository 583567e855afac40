"""The server as a web service: who may call, under which name, how much; health, logs, and an orderly end.

Sits above the MCP face and knows nothing of what a tool does. Every replica can answer every request.
"""

from nomos_mcp.service.app import create_http_app

__all__ = ["create_http_app"]
