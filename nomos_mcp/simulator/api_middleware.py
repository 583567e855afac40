"""What every API request passes: faults, version, authentication, rate limit; and every answer on its way back.

Only here does an answer get its `X-API-Version` and `ratelimit-*` headers, and an error its body.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import count
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.simulator.access_tokens import AuthClient, Tokens
from nomos_mcp.simulator.api_format import (
    CODES,
    CURIE,
    EDISON,
    VERSIONS,
    ApiError,
    ApiVersion,
    not_found,
    too_many_requests,
    unauthorized,
    violation,
)
from nomos_mcp.simulator.fault_middleware import FaultMiddleware, Sleep
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulation import RequestRecord, Simulation
from nomos_mcp.simulator.world_clock import Clock
from nomos_mcp.simulator.world_records import request_id

_SCOPE_KEY: Final = "nomos_mcp.simulator.call"
_WINDOW_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class ApiCall:
    """What the middleware found out about a request."""

    version: ApiVersion
    request_id: str
    client: AuthClient | None  # None: the bearer token is missing, unknown or expired
    ignore_filters: bool

    @staticmethod
    def of(request: Request) -> "ApiCall":
        call: ApiCall = request.scope[_SCOPE_KEY]
        return call

    @property
    def caller(self) -> AuthClient:
        """The client, or 401 if it is not known."""
        if self.client is None:
            raise unauthorized()
        return self.client


class ClientRateLimit:
    """Counts each client's requests in whole seconds, and tells them in the IETF's `ratelimit-*` headers.

    The vendor's older quickstart states ten a second. How its window is cut is not documented.
    """

    def __init__(self, per_second: int, now: Clock) -> None:
        self._per_second = per_second
        self._now = now
        self._used: dict[str, tuple[datetime, int]] = {}

    def count(self, client_id: str) -> tuple[bool, dict[str, str]]:
        """Count a request; return whether it is within the limit, and the headers that say how much is left."""
        second = self._now()
        since, used = self._used.get(client_id, (second, 0))
        used = used + 1 if since == second else 1
        self._used[client_id] = (second, used)
        headers = {
            "ratelimit-limit": str(self._per_second),
            "ratelimit-remaining": str(max(0, self._per_second - used)),
            "ratelimit-reset": str(_WINDOW_SECONDS),
        }
        return used <= self._per_second, headers


@dataclass(frozen=True, slots=True)
class ApiMiddleware:
    """ASGI middleware around the routes; no `rate_limit` lets everything pass."""

    app: ASGIApp
    simulation: Simulation
    tokens: Tokens
    rate_limit: ClientRateLimit | None
    sleep: Sleep
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the lifespan
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        faults = self.simulation.faults.draw(request.method, request.url.path)
        call = self._call(request, faults)
        scope[_SCOPE_KEY] = call
        headers = {"X-API-Version": _echoed_version(call.version, faults)}
        error: ApiError | None = None
        if self.rate_limit is not None and call.client is not None:
            allowed, rate_headers = self.rate_limit.count(call.client.id)
            headers |= rate_headers
            error = None if allowed else too_many_requests(_WINDOW_SECONDS)
        asked = request.headers.get("x-api-version")
        if error is None and asked is not None and asked not in VERSIONS:
            error = violation("invalid_value", "X-API-Version", "Unknown API version")
        answered = False

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({name: value for name, value in headers.items() if value})
                answered = True
                # Before it is sent, so that a client that has its answer finds it among the requests.
                self._record(request, call, int(message["status"]))
            await send(message)

        app = self.app if error is None else on_error(request, error)
        if faults:
            app = FaultMiddleware(app, faults, lambda status: _error_answer(request, status), self.sleep)
        try:
            await app(scope, receive, answer)
        finally:
            if not answered:
                self._record(request, call, None)

    def _record(self, request: Request, call: ApiCall, status: int | None) -> None:
        query = request.url.query
        path = f"{request.url.path}?{query}" if query else request.url.path
        self.simulation.record(RequestRecord(request.method, path, call.version, status, call.request_id))

    def _call(self, request: Request, faults: Sequence[Fault]) -> ApiCall:
        kinds = {fault.kind for fault in faults}
        authorization = request.headers.get("authorization")
        asked = VERSIONS.get(request.headers.get("x-api-version", ""))
        version = asked or self.tokens.default_version(authorization)
        if "expired_token" in kinds:
            self.tokens.expire(authorization)
        return ApiCall(
            version,
            request_id(self.simulation.seed, next(self._numbers)),
            None if "expired_token" in kinds else self.tokens.bearer(authorization),
            ignore_filters="ignored_filter" in kinds,
        )


def _echoed_version(right: ApiVersion, faults: Sequence[Fault]) -> str:
    """A fault can make the version that the answer names wrong, or empty: no header."""
    for fault in faults:
        if fault.kind == "wrong_version":
            return (EDISON if right == CURIE else CURIE) if fault.value is None else fault.value
    return right


def _error_answer(request: Request, status: int) -> Response:
    """Answer an error that nothing caused; one that the API does not document looks like a proxy's."""
    if status not in CODES:
        return HTMLResponse(f"<html><title>{status}</title><h1>{status}</h1></html>", status)
    limited = status == HTTPStatus.TOO_MANY_REQUESTS
    return on_error(request, too_many_requests() if limited else ApiError(status, HTTPStatus(status).phrase))


def on_error(request: Request, error: Exception) -> Response:
    """Handle an `ApiError`, the router's own 404 or 405, or a bug, which is answered with 500."""
    match error:
        case ApiError():
            api_error = error
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": methods}):
            allow = ", ".join(sorted(methods.split(", ")))  # the router's order is a set's
            api_error = ApiError(405, "Method not allowed", headers={"Allow": allow})
        case HTTPException():
            api_error = not_found()
        case _:
            api_error = ApiError(500, "Internal Server Error")
    call = ApiCall.of(request)
    return JSONResponse(api_error.body(call.version, call.request_id), api_error.status, api_error.headers)
