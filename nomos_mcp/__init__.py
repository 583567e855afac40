"""MCP server and typed client for the Nomos energy API.

`NomosClient` works without MCP; `create_server` makes the MCP server, `create_http_app` the web
service around it. All are loaded when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nomos_mcp.client import NomosClient
    from nomos_mcp.server import Caller, create_server
    from nomos_mcp.service import create_http_app
    from nomos_mcp.settings import Settings

__version__ = "0.1.0"
__all__ = ["Caller", "NomosClient", "Settings", "__version__", "create_http_app", "create_server"]

_HOMES = {
    "Caller": "server",
    "NomosClient": "client",
    "Settings": "settings",
    "create_server": "server",
    "create_http_app": "service",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  only for the lazy names

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
