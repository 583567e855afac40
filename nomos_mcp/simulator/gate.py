"""The gate every request passes: who calls, in which version, within the rate limit; and every answer on its way back.

Here, and nowhere else, an answer gets its `X-API-Version` and `ratelimit-*` headers, and an error its body.
"""

from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.calls import Envelope
from nomos_mcp.simulator.errors import ApiError, bad_request, method_not_allowed, not_found, too_many_requests
from nomos_mcp.simulator.rate import WINDOW_SECONDS, RateLimit
from nomos_mcp.simulator.tokens import Tokens
from nomos_mcp.simulator.versions import ApiVersion, known

_REMEMBERED_REQUESTS: Final = 10_000


class RequestRecord(NamedTuple):
    """One request that was answered."""

    method: str
    path: str
    """With its query, as it came."""
    api_version: ApiVersion
    """The version the answer was written in."""
    status: int


class Gate:
    """ASGI middleware around all routes.

    Args:
        app: The routes.
        tokens: Recognises callers.
        rate_limit: None lets everything pass.
        next_request_id: Gives each request its ID.
    """

    def __init__(
        self, app: ASGIApp, tokens: Tokens, rate_limit: RateLimit | None, next_request_id: Callable[[], str]
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._rate_limit = rate_limit
        self._next_request_id = next_request_id
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; what is not HTTP (the lifespan) goes straight through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        authorization = request.headers.get("authorization")
        asked = request.headers.get("x-api-version")
        asked_version = known(asked) if asked is not None else None
        caller = self._tokens.caller(authorization)
        envelope = Envelope(
            asked_version or self._tokens.default_version(authorization), self._next_request_id(), caller
        )
        envelope.attach(request)
        headers: dict[str, str] = {"X-API-Version": envelope.version}
        refusal: ApiError | None = None
        if self._rate_limit is not None and caller is not None:
            allowed, told = self._rate_limit.spend(caller.client.id)
            headers |= told
            refusal = None if allowed else too_many_requests(WINDOW_SECONDS)
        if refusal is None and asked is not None and asked_version is None:
            refusal = bad_request("invalid_value", "X-API-Version", "Unknown API version")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
                self._remember(request, envelope.version, message["status"])
            await send(message)

        app = self._app if refusal is None else on_error(request, refusal)
        await app(scope, receive, answer)

    def _remember(self, request: Request, version: ApiVersion, status: int) -> None:
        query = request.url.query
        path = f"{request.url.path}?{query}" if query else request.url.path
        self.requests.append(RequestRecord(request.method, path, version, int(status)))


def on_error(request: Request, error: Exception) -> Response:
    """Turn a refusal into the documented body; the signature is Starlette's for exception handlers.

    Args:
        request: One that passed the gate.
        error: An `ApiError`, or what the router raises by itself: 405 for a method, 404 for a path it does not know.

    Returns:
        The answer, in the request's version.
    """
    match error:
        case ApiError():
            refusal = error
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": methods}):
            refusal = method_not_allowed(", ".join(sorted(methods.split(", "))))  # the router's order is a set's
        case _:
            refusal = not_found()
    envelope = Envelope.of(request)
    return JSONResponse(refusal.body(envelope.version, envelope.request_id), refusal.status, refusal.headers)
