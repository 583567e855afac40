"""Which callers may do what, by the scopes of their tokens, and where clients get a token (RFC 9728)."""

from typing import Final
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.server.request_context import ORDERS_READ, ORDERS_WRITE, ORG, SCOPES, Caller, CallerToken
from nomos_mcp.service.error_responses import SEND_TOKEN, Challenges, error_response
from nomos_mcp.settings import HttpSettings

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


class Authorization:
    """Passes on POST requests: everybody's, or those of callers whose token allows them to read.

    Whether a caller may order is checked later, once the body has been read and names the tool.

    Args:
        app: The application behind.
        challenges: None if no token is required.
    """

    def __init__(self, app: ASGIApp, challenges: Challenges | None) -> None:
        self._app = app
        self._challenges = challenges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._error(scope) or self._app)(scope, receive, send)

    def _error(self, scope: Scope) -> Response | None:
        if scope["method"] != "POST":
            message = "Send requests with POST. There is no stream to open and no session to end here."
            return error_response(405, "method_not_allowed", message, {"allow": "POST"})
        if "access_token" in QueryParams(scope["query_string"]):
            message = f"Tokens in the URL are not accepted, because URLs are logged. {SEND_TOKEN}"
            return error_response(400, "invalid_request", message)
        return _scope_error(scope, self._challenges, ORDERS_READ) if self._challenges else None


def order_scope_error(scope: Scope, challenges: Challenges) -> Response | None:
    """Return the response to a caller who may not order, or None."""
    return _scope_error(scope, challenges, ORDERS_READ, ORDERS_WRITE)


def caller_in(scope: Scope) -> Caller | None:
    """Return who calls, or None without a token."""
    user = scope.get("user")
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return token.caller if isinstance(token, CallerToken) else None


def _scope_error(scope: Scope, challenges: Challenges, *scopes: str) -> Response | None:
    caller = caller_in(scope)
    if caller is None:
        return challenges.no_token()
    needed = scopes if caller.customer_id else (*scopes, ORG)
    return challenges.insufficient_scope(needed) if set(needed) - caller.scopes else None


def metadata_url(http: HttpSettings) -> str:
    """Return where the metadata of this resource is; empty if no issuer is trusted."""
    parts = urlsplit(http.public_url)
    return parts._replace(path=_WELL_KNOWN + parts.path).geturl() if http.issuer else ""


def metadata_routes(http: HttpSettings) -> list[Route]:
    """Return the route of the metadata, which tells clients who issues tokens; none if no issuer is trusted.

    The SDK has such a route too; it rewrites the issuer's address, which clients compare letter by letter.
    """
    if not http.issuer:
        return []

    async def metadata(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "resource": http.public_url,
                "resource_name": "nomos-mcp",
                "authorization_servers": [http.issuer],
                "scopes_supported": list(SCOPES),
                "bearer_methods_supported": ["header"],
            },
            headers={"cache-control": "public, max-age=3600"},
        )

    # Public, and read by clients in web pages of any origin.
    public = CORSMiddleware(request_response(metadata), allow_origins="*", allow_methods=["GET"], allow_headers=["*"])
    return [Route(urlsplit(metadata_url(http)).path, public, methods=["GET", "OPTIONS"])]
