"""Who may pass to the MCP face, and what whoever may not is told (RFC 6750, RFC 9728)."""

from typing import Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthenticationError
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.server.request_context import ORDERS_READ, ORDERS_WRITE, ORG, Caller, CallerToken
from nomos_mcp.service.auth.errors import TokensUncheckableError
from nomos_mcp.service.refusals import refusal

_NO_TOKEN: Final = "Send a token in the Authorization header, as `Bearer …`."  # noqa: S105  a sentence
_RETRY_AFTER: Final = "10"


class Challenges:
    """Makes the answers 401 and 403, each with what to come back with.

    Args:
        metadata_url: Where the metadata of this resource is (RFC 9728); empty if no issuer is trusted.
    """

    def __init__(self, metadata_url: str) -> None:
        self._metadata_url = metadata_url

    def refused(self, _: HTTPConnection, error: AuthenticationError) -> Response:
        """Return the answer to a token that was not taken; the signature is Starlette's."""
        if isinstance(error, TokensUncheckableError):
            return refusal(503, "temporarily_unavailable", str(error), {"retry-after": _RETRY_AFTER})
        return self._answer(401, "invalid_token", str(error), (ORDERS_READ,))

    def no_token(self) -> Response:
        """Return the answer to a request without a token; RFC 6750 wants no error code in the challenge then."""
        return refusal(401, "unauthorized", _NO_TOKEN, {"www-authenticate": self._challenge({"scope": ORDERS_READ})})

    def insufficient(self, needed: tuple[str, ...]) -> Response:
        """Return the answer to a token whose scopes do not suffice."""
        message = f"This takes the scopes {', '.join(needed)}. Get a token that carries them."
        return self._answer(403, "insufficient_scope", message, needed)

    def _answer(self, status: int, error: str, message: str, scopes: tuple[str, ...]) -> Response:
        said = {"error": error, "error_description": message.encode("ascii", "ignore").decode().replace('"', "'")}
        return refusal(
            status, error, message, {"www-authenticate": self._challenge({**said, "scope": " ".join(scopes)})}
        )

    def _challenge(self, parameters: dict[str, str]) -> str:
        if self._metadata_url:
            parameters = {**parameters, "resource_metadata": self._metadata_url}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


class Admission:
    """Lets POST requests through: of everybody, or of callers whose token suffices to read.

    Whether it suffices to order is looked at once the body tells which tool is called.

    Args:
        app: What is behind.
        challenges: None if no token is asked for.
    """

    def __init__(self, app: ASGIApp, challenges: Challenges | None) -> None:
        self._app = app
        self._challenges = challenges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = self._refusal(scope)
        await (self._app if answer is None else answer)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if scope["method"] != "POST":
            message = "Send requests with POST. There is no stream to open and no session to end here."
            return refusal(405, "method_not_allowed", message, {"allow": "POST"})
        if "access_token" in QueryParams(scope["query_string"]):
            return refusal(400, "invalid_request", f"A token in the URL ends up in logs; it is not taken. {_NO_TOKEN}")
        if self._challenges is None:
            return None
        return _insufficient(scope, self._challenges, ORDERS_READ)


def insufficient_to_order(scope: Scope, challenges: Challenges) -> Response | None:
    """Return the answer to a caller who may not order, or None."""
    return _insufficient(scope, challenges, ORDERS_READ, ORDERS_WRITE)


def caller_in(scope: Scope) -> Caller | None:
    """Return who calls, or None if no token says so."""
    user = scope.get("user")
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return token.caller if isinstance(token, CallerToken) else None


def _insufficient(scope: Scope, challenges: Challenges, *scopes: str) -> Response | None:
    caller = caller_in(scope)
    if caller is None:
        return challenges.no_token()
    needed = scopes if caller.customer_id else (*scopes, ORG)
    return challenges.insufficient(needed) if set(needed) - caller.scopes else None
