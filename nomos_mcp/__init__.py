"""MCP server and typed client for the Nomos energy API.

`NomosClient` works without MCP; `create_server` makes the MCP server, `create_http_app` the web service around it. All
names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nomos_mcp.client import (
        APIConnectionError,
        APIError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        CertificateError,
        ConflictError,
        CredentialsError,
        InternalServerError,
        InvalidRequestError,
        LocalRateLimitError,
        MethodNotAllowedError,
        MissingScopeError,
        NomosClient,
        NomosError,
        NotFoundError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitError,
        UnprocessableEntityError,
        UnreadableResponseError,
        UnsupportedVersionError,
        VersionMismatchError,
    )
    from nomos_mcp.server import Caller, create_server
    from nomos_mcp.service import create_http_app
    from nomos_mcp.settings import Settings

__version__ = "0.2.0"
__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "Caller",
    "CertificateError",
    "ConflictError",
    "CredentialsError",
    "InternalServerError",
    "InvalidRequestError",
    "LocalRateLimitError",
    "MethodNotAllowedError",
    "MissingScopeError",
    "NomosClient",
    "NomosError",
    "NotFoundError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "Settings",
    "UnprocessableEntityError",
    "UnreadableResponseError",
    "UnsupportedVersionError",
    "VersionMismatchError",
    "__version__",
    "create_http_app",
    "create_server",
]

_SOURCES = {"Caller": "server", "create_server": "server", "create_http_app": "service", "Settings": "settings"}
"""All other names are the client's."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  only for the lazy names

    return getattr(import_module(f"{__name__}.{_SOURCES.get(name, 'client')}"), name)


def __dir__() -> list[str]:
    return __all__
