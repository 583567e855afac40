"""Errors that the service returns before a request reaches the MCP server: HTTP, bearer challenges, JSON-RPC."""

from collections.abc import Mapping
from typing import Final

from starlette.authentication import AuthenticationError
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from nomos_mcp.server.request_context import ORDERS_READ

CLOSE: Final = {"connection": "close"}
"""A header for errors after which nobody can tell where the next request begins."""

SEND_TOKEN: Final = "Send a token in the Authorization header, as `Bearer …`."  # noqa: S105  a sentence
"""What to do without a token."""

_RETRY_AFTER: Final = "10"


class InvalidTokenError(AuthenticationError):
    """The token is not valid; another one may be. The text tells the caller what to do, and nothing about keys."""


class TokenCheckUnavailableError(AuthenticationError):
    """No token can be checked right now; the same one may be valid later."""


def error_response(status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an HTTP error.

    Args:
        status: HTTP status code.
        error: A code for programs.
        message: What happened, and what to do next.
        headers: Further headers.
    """
    return JSONResponse(
        {"error": error, "error_description": message}, status, {"cache-control": "no-store", **(headers or {})}
    )


def json_rpc_error(code: int, message: str, request_id: object = None) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}, 400)


class Challenges:
    """Makes the responses 401 and 403, with the scopes that the caller needs (RFC 6750).

    Args:
        metadata_url: Where the metadata of this resource is (RFC 9728); empty if no issuer is trusted.
    """

    def __init__(self, metadata_url: str) -> None:
        self._metadata_url = metadata_url

    def invalid_token(self, _: HTTPConnection, error: AuthenticationError) -> Response:
        """Return the response to a token that could not be accepted; the signature is Starlette's."""
        if isinstance(error, TokenCheckUnavailableError):
            return error_response(503, "temporarily_unavailable", str(error), {"retry-after": _RETRY_AFTER})
        return self._response(401, "invalid_token", str(error), (ORDERS_READ,))

    def no_token(self) -> Response:
        """Return the response to a request without a token; by RFC 6750 its challenge has no error code."""
        challenge = self._challenge({"scope": ORDERS_READ})
        return error_response(401, "unauthorized", SEND_TOKEN, {"www-authenticate": challenge})

    def insufficient_scope(self, needed: tuple[str, ...]) -> Response:
        message = f"This requires the scopes {', '.join(needed)}. Get a token that has them."
        return self._response(403, "insufficient_scope", message, needed)

    def _response(self, status: int, error: str, message: str, scopes: tuple[str, ...]) -> Response:
        description = message.encode("ascii", "ignore").decode().replace('"', "'")
        challenge = self._challenge({"error": error, "error_description": description, "scope": " ".join(scopes)})
        return error_response(status, error, message, {"www-authenticate": challenge})

    def _challenge(self, parameters: dict[str, str]) -> str:
        if self._metadata_url:
            parameters = {**parameters, "resource_metadata": self._metadata_url}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
