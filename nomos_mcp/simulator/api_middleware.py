"""What every API request passes: faults, version, authentication, rate limit; and every answer on its way back.

Only here does an answer get its `X-API-Version` and `ratelimit-*` headers, and an error its body.
"""

from collections import deque
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

from nomos_mcp.simulator.api_calls import (
    API_CALL,
    CODES,
    CURIE,
    EDISON,
    VERSIONS,
    ApiCall,
    ApiError,
    ApiVersion,
    RequestRecord,
    Tokens,
    too_many_requests,
    violation,
)
from nomos_mcp.simulator.faults import Fault, FaultMiddleware, Faults, Sleep
from nomos_mcp.simulator.world_records import Clock, request_id

_WINDOW_SECONDS: Final = 1


class ClientRateLimit:
    """Counts each client's requests in whole seconds; how the vendor's window is cut is not documented."""

    def __init__(self, per_second: int, now: Clock) -> None:
        self._per_second = per_second
        self._now = now
        self._used: dict[str, tuple[datetime, int]] = {}

    def count(self, client_id: str) -> tuple[bool, dict[str, str]]:
        """Return whether a request is within the limit, and the IETF's headers that say how much is left."""
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
    app: ASGIApp
    seed: int
    faults: Faults
    requests: deque[RequestRecord]
    tokens: Tokens
    rate_limit: ClientRateLimit | None
    sleep: Sleep
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the lifespan
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        faults = self.faults.draw(request.method, request.url.path)
        call = self._call(request, faults)
        scope[API_CALL] = call
        headers = {"X-API-Version": _echoed_version(call.version, faults)}
        error: ApiError | None = None
        if self.rate_limit is not None and call.client is not None:
            allowed, rate_headers = self.rate_limit.count(call.client.id)
            headers |= rate_headers
            error = None if allowed else too_many_requests(_WINDOW_SECONDS)
        asked = request.headers.get("x-api-version")
        if error is None and asked not in {None, *VERSIONS}:
            error = violation("invalid_value", "X-API-Version", "Unknown API version")
        answered = False

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({name: value for name, value in headers.items() if value})
                answered = True
                # Before it is sent, so that a client that has its answer finds it among the requests.
                self._log(request, call, int(message["status"]))
            await send(message)

        app = self.app if error is None else on_error(request, error)
        if faults:
            app = FaultMiddleware(app, faults, lambda status: _error_answer(request, status), self.sleep)
        try:
            await app(scope, receive, answer)
        finally:
            if not answered:
                self._log(request, call, None)

    def _log(self, request: Request, call: ApiCall, status: int | None) -> None:
        query = request.url.query
        path = f"{request.url.path}?{query}" if query else request.url.path
        record = RequestRecord(request.method, path, call.version, status, call.request_id)
        self.requests.append(record)

    def _call(self, request: Request, faults: Sequence[Fault]) -> ApiCall:
        kinds = {fault.kind for fault in faults}
        authorization = request.headers.get("authorization")
        asked = VERSIONS.get(request.headers.get("x-api-version", ""))
        version = asked or self.tokens.default_version(authorization)
        if "expired_token" in kinds:
            self.tokens.expire(authorization)
        return ApiCall(
            version,
            request_id(self.seed, next(self._numbers)),
            None if "expired_token" in kinds else self.tokens.bearer(authorization),
            ignore_filters="ignored_filter" in kinds,
        )


def _echoed_version(right: ApiVersion, faults: Sequence[Fault]) -> str:
    """Name the version, or, on demand, a wrong one; an empty one leaves the header out."""
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
            api_error = ApiError(404, "Resource not found")
        case _:
            api_error = ApiError(500, "Internal Server Error")
    call: ApiCall = request.scope[API_CALL]
    return JSONResponse(api_error.body(call.version, call.request_id), api_error.status, api_error.headers)
