"""The gate every request passes: who calls, in which version, within the rate limit; and every answer on its way back.

Here, and nowhere else, an answer gets its `X-API-Version` and `ratelimit-*` headers, and an error its body.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.access_tokens import AuthorizedClient, Tokens
from nomos_mcp.simulator.api_format import (
    CURIE,
    EDISON,
    ApiError,
    ApiVersion,
    bad_request,
    failing,
    internal,
    known,
    method_not_allowed,
    not_found,
    too_many_requests,
)
from nomos_mcp.simulator.fault_middleware import FaultMiddleware, Sleep
from nomos_mcp.simulator.faults import Fault, Faults
from nomos_mcp.simulator.list_queries import ListQuery
from nomos_mcp.simulator.world_clock import Clock

_SCOPE_KEY: Final = "nomos_mcp.simulator.envelope"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the gate knows of a request before any route is looked at.

    Attributes:
        version: The version the request is processed with.
        request_id: For the error body.
        caller: Who shows a good token; None otherwise.
        ignore_filters: A fault: lists answer as if no filter had been sent.
    """

    version: ApiVersion
    request_id: str
    caller: AuthorizedClient | None
    ignore_filters: bool = False

    def attach(self, request: Request) -> None:
        """Leave this for the routes to find."""
        request.scope[_SCOPE_KEY] = self

    @staticmethod
    def of(request: Request) -> "Envelope":
        """Find what the gate left."""
        envelope: Envelope = request.scope[_SCOPE_KEY]
        return envelope


@dataclass(frozen=True, slots=True)
class Call:
    """An authorised request, as a resource's handler sees it."""

    request: Request
    version: ApiVersion
    caller: AuthorizedClient
    request_id: str
    ignore_filters: bool = False

    @property
    def organisation(self) -> str:
        """Whose records the caller may see."""
        return self.caller.client.organisation

    @property
    def object_id(self) -> str:
        """The `{id}` of the path."""
        return str(self.request.path_params["id"])

    @property
    def query(self) -> ListQuery:
        """The list that is asked for."""
        parameters = self.request.query_params.multi_items()
        return ListQuery(self.organisation, self.version, self.request.url.path, parameters, self.ignore_filters)


WINDOW_SECONDS: Final = 1


class RateLimit:
    """Counts each client's requests in the present second.

    Args:
        per_second: How many requests a client may make in one second.
        now: The clock, in whole seconds.
    """

    def __init__(self, per_second: int, now: Clock) -> None:
        self._per_second = per_second
        self._now = now
        self._spent: dict[str, tuple[datetime, int]] = {}

    def spend(self, client_id: str) -> tuple[bool, dict[str, str]]:
        """Count one request.

        Args:
            client_id: Whose it is.

        Returns:
            Whether it is within the limit, and the headers that say how much is left.
        """
        second = self._now()
        since, spent = self._spent.get(client_id, (second, 0))
        spent = spent + 1 if since == second else 1
        self._spent[client_id] = (second, spent)
        headers = {
            "ratelimit-limit": str(self._per_second),
            "ratelimit-remaining": str(max(0, self._per_second - spent)),
            "ratelimit-reset": str(WINDOW_SECONDS),
        }
        return spent <= self._per_second, headers


_REMEMBERED_REQUESTS: Final = 10_000


class RequestRecord(NamedTuple):
    """One request that arrived."""

    method: str
    path: str
    """With its query, as it came."""
    api_version: ApiVersion
    """The version it was processed with."""
    status: int | None
    """Of the answer; None when the answer was lost."""
    request_id: str
    """As in an error's body, and in the ledger."""


class ApiMiddleware:
    """ASGI middleware around all routes.

    Args:
        app: The routes.
        tokens: Recognises callers.
        rate_limit: None lets everything pass.
        next_request_id: Gives each request its ID.
        faults: What goes wrong.
        sleep: Waits, when something takes longer than it should.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        rate_limit: RateLimit | None,
        next_request_id: Callable[[], str],
        faults: Faults,
        sleep: Sleep,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._rate_limit = rate_limit
        self._next_request_id = next_request_id
        self._faults = faults
        self._sleep = sleep
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; what is not HTTP (the lifespan) goes straight through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        faults = self._faults.draw(request.method, request.url.path)
        envelope = self._envelope(request, faults)
        envelope.attach(request)
        headers = {"X-API-Version": envelope.version} | _wrong_version(envelope.version, faults)
        refusal: ApiError | None = None
        if self._rate_limit is not None and envelope.caller is not None:
            allowed, told = self._rate_limit.spend(envelope.caller.client.id)
            headers |= told
            refusal = None if allowed else too_many_requests(WINDOW_SECONDS)
        asked = request.headers.get("x-api-version")
        if refusal is None and asked is not None and known(asked) is None:
            refusal = bad_request("invalid_value", "X-API-Version", "Unknown API version")
        answered = False

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({name: value for name, value in headers.items() if value})
                answered = True
                # Before it is sent: whoever has an answer finds it among the requests.
                self._remember(request, envelope, int(message["status"]))
            await send(message)

        app = self._app if refusal is None else on_error(request, refusal)
        if faults:
            app = FaultMiddleware(app, faults, lambda code: _failing(request, code), self._sleep)
        try:
            await app(scope, receive, answer)
        finally:
            if not answered:
                self._remember(request, envelope, None)

    def _remember(self, request: Request, envelope: Envelope, status: int | None) -> None:
        query = request.url.query
        path = f"{request.url.path}?{query}" if query else request.url.path
        self.requests.append(RequestRecord(request.method, path, envelope.version, status, envelope.request_id))

    def _envelope(self, request: Request, faults: Sequence[Fault]) -> Envelope:
        authorization = request.headers.get("authorization")
        version = known(request.headers.get("x-api-version", "")) or self._tokens.default_version(authorization)
        expired = any(fault.kind == "expired_token" for fault in faults)
        if expired:
            self._tokens.expire(authorization)
        return Envelope(
            version,
            self._next_request_id(),
            None if expired else self._tokens.caller(authorization),
            ignore_filters=any(fault.kind == "ignored_filter" for fault in faults),
        )


def _wrong_version(right: ApiVersion, faults: Sequence[Fault]) -> dict[str, str]:
    """Give the header of a fault that gets the version wrong; an empty one is left out later."""
    other = EDISON if right == CURIE else CURIE
    values = [other if fault.value is None else fault.value for fault in faults if fault.kind == "wrong_version"]
    return {"X-API-Version": values[0]} if values else {}


def _failing(request: Request, status: int) -> Response:
    """Answer an error that nothing caused; one that the API does not document looks like a proxy's."""
    error = failing(status)
    if error is not None:
        return on_error(request, error)
    return HTMLResponse(f"<html><title>{status}</title><h1>{status}</h1></html>", status)


def on_error(request: Request, error: Exception) -> Response:
    """Turn a refusal into the documented body; the signature is Starlette's for exception handlers.

    Args:
        request: One that passed the gate.
        error: An `ApiError`; what the router raises by itself: 405 for a method, 404 for a path it does not know; or a
            mistake of ours.

    Returns:
        The answer, in the request's version.
    """
    match error:
        case ApiError():
            refusal = error
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": methods}):
            refusal = method_not_allowed(", ".join(sorted(methods.split(", "))))  # the router's order is a set's
        case HTTPException():
            refusal = not_found()
        case _:
            refusal = internal()
    envelope = Envelope.of(request)
    return JSONResponse(refusal.body(envelope.version, envelope.request_id), refusal.status, refusal.headers)
