"""Which callers may do what, by the scopes of their tokens, and where clients get a token (RFC 9728)."""

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthenticationError
from starlette.datastructures import QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.server.request_context import ORDERS_READ, ORG, SCOPES, Caller, CallerToken
from nomos_mcp.settings import HttpSettings

CLOSE: Final = {"connection": "close"}  # for errors after which nobody can tell where the next request begins
SEND_TOKEN: Final = "Send a token in the Authorization header, as `Bearer …`."  # noqa: S105  a sentence
_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


class InvalidTokenError(AuthenticationError):
    """The token is not valid; another one may be. The text tells the caller what to do, and nothing about keys."""


class TokenCheckUnavailableError(AuthenticationError):
    """No token can be checked right now; the same one may be valid later."""


def error_response(status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"error": error, "error_description": message}, status, {"cache-control": "no-store", **(headers or {})}
    )


def json_rpc_error(code: int, message: str, request_id: object = None) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}, 400)


class Challenges:
    """Makes the responses 401 and 403, with the scopes that the caller needs (RFC 6750)."""

    def __init__(self, http: HttpSettings) -> None:
        self._metadata_url = metadata_url(http)
        self._scope_prefix = http.scope_prefix

    def invalid_token(self, _: HTTPConnection, error: AuthenticationError) -> Response:
        if isinstance(error, TokenCheckUnavailableError):
            return error_response(503, "temporarily_unavailable", str(error), {"retry-after": "10"})
        return self._response(401, "invalid_token", str(error), (ORDERS_READ,))

    def scope_error(self, caller: Caller | None, *scopes: str) -> Response | None:
        """Return the response to a caller without these scopes, or None."""
        if caller is None:  # by RFC 6750 this challenge has no error code
            challenge = self._challenge({}, (ORDERS_READ,))
            return error_response(401, "unauthorized", SEND_TOKEN, {"www-authenticate": challenge})
        needed = scopes if caller.customer_id else (*scopes, ORG)
        if caller.scopes.issuperset(needed):
            return None
        message = f"This requires the scopes {', '.join(needed)}. Get a token that has them."
        return self._response(403, "insufficient_scope", message, needed)

    def _response(self, status: int, error: str, message: str, scopes: tuple[str, ...]) -> Response:
        description = message.encode("ascii", "ignore").decode().replace('"', "'")
        challenge = self._challenge({"error": error, "error_description": description}, scopes)
        return error_response(status, error, message, {"www-authenticate": challenge})

    def _challenge(self, parameters: dict[str, str], scopes: tuple[str, ...]) -> str:
        parameters = {**parameters, "scope": " ".join(self._scope_prefix + scope for scope in scopes)}
        if self._metadata_url:
            parameters["resource_metadata"] = self._metadata_url
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


class Authorization:
    """Passes on POST requests: everybody's without `challenges`, else of callers whose token allows them to read.

    The token must also be of an organisation that is served: of none if there is only one, which has no name. Whether a
    caller may order is checked later, once the body has been read and names the tool.

    Args:
        app: To whom requests are passed on.
        challenges: Makes the refusals; None without authentication.
        served: The names of the organisations; the empty one where there is only one.
    """

    def __init__(self, app: ASGIApp, challenges: Challenges | None, served: Collection[str] = ("",)) -> None:
        self._app = app
        self._challenges = challenges
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._error(scope) or self._app)(scope, receive, send)

    def _error(self, scope: Scope) -> Response | None:
        if scope["method"] != "POST":
            message = "Send requests with POST. There is no stream to open and no session to end here."
            return error_response(405, "method_not_allowed", message, {"allow": "POST"})
        if scope["query_string"] and "access_token" in QueryParams(scope["query_string"]):
            message = f"Tokens in the URL are not accepted, because URLs are logged. {SEND_TOKEN}"
            return error_response(400, "invalid_request", message)
        caller = caller_in(scope)
        if caller is not None and caller.organisation not in self._served:
            return error_response(403, "no_organisation", self._no_organisation(caller))
        return self._challenges.scope_error(caller, ORDERS_READ) if self._challenges else None

    def _no_organisation(self, caller: Caller) -> str:
        if not caller.organisation:
            return "This token names no organisation, and this server serves several. Get one that names yours."
        if "" in self._served:
            return "This token names an organisation, and this server serves only one, without a name. Get another one."
        return "This token names an organisation that this server does not serve. Get one that names yours."


def header_values(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request by name, in small letters; of one that occurs several times the first."""
    return dict(reversed(scope["headers"]))


def caller_in(scope: Scope) -> Caller | None:
    user = scope.get("user")
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return token.caller if isinstance(token, CallerToken) else None


def metadata_url(http: HttpSettings) -> str:
    """Empty if no issuer is trusted."""
    parts = urlsplit(http.public_url)
    return parts._replace(path=_WELL_KNOWN + parts.path).geturl() if http.issuer else ""


def metadata_routes(http: HttpSettings) -> list[Route]:
    """The SDK has such a route too; it rewrites the issuer's address, which clients compare letter by letter."""
    if not http.issuer:
        return []

    async def metadata(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "resource": http.public_url,
                "resource_name": "nomos-mcp",
                "authorization_servers": [http.issuer],
                # Some clients ask every person for all of these. Who needs `org` is told so by a challenge.
                "scopes_supported": [http.scope_prefix + scope for scope in SCOPES if scope != ORG],
                "bearer_methods_supported": ["header"],
            },
            headers={"cache-control": "public, max-age=3600"},
        )

    # Public, and read by clients in web pages of any origin.
    public = CORSMiddleware(request_response(metadata), allow_origins="*", allow_methods=["GET"], allow_headers=["*"])
    return [Route(urlsplit(metadata_url(http)).path, public, methods=["GET", "OPTIONS"])]
