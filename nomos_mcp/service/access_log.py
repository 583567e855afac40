"""One JSON line on stderr for each call, and for each request that got an HTTP error before it became a call.

Webhooks have a line each too. Of a call's arguments and of an event only IDs are written. Never a token, a URL's query,
or free text.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.client.ids import kind_of
from nomos_mcp.server.request_context import Caller, current_caller
from nomos_mcp.service.authorization import caller_in, header_values
from nomos_mcp.stderr import write_line

HEADER: Final = b"x-request-id"
_VALID_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LOGGED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", "completion/complete": ""}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLIENT_ERRORS: Final = 400
_MAX_TEXT: Final = 128  # a caller's name is as long as its issuer likes

Observe = Callable[[Mapping[str, Any], float], object]
"""Is told of each line: its fields, and for a call how many seconds it took. Must neither raise nor wait."""


@dataclass(slots=True)
class _Request:
    """Shared by the tasks that answer the request."""

    id: str
    observe: Observe | None
    is_logged: bool = False
    is_limited: bool = False


_request: ContextVar[_Request] = ContextVar("_request")


_encoded: Final = json.JSONEncoder(separators=(",", ":")).encode


class RequestLog:
    """Gives each request an ID, and logs those that get an HTTP error and are not logged as a call.

    The ID is the caller's `X-Request-Id` if that is valid, else a new one. It is returned with the answer.

    Args:
        observe: Told of everything that is logged, and of the refused webhooks that have no line of their own.
    """

    def __init__(self, app: ASGIApp, observe: Observe | None = None) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header_values(scope).get(HEADER, b"")
        request = _Request(given.decode() if _VALID_ID.fullmatch(given) else secrets.token_hex(16), self._observe)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, request.id.encode())]}
                if message["status"] >= _CLIENT_ERRORS and not request.is_logged:
                    _log(
                        0.0,
                        event="refused",
                        organisation=_organisation(scope),
                        http=scope["method"],
                        status=message["status"],
                    )
            await send(message)

        token = _request.set(request)
        try:
            await self._app(scope, receive, answer)
        finally:
            _request.reset(token)


class CallLog:
    """Logs each call, whatever its outcome; `default` is the caller without a token."""

    def __init__(self, default: Caller) -> None:
        self._default = default

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method not in _LOGGED:
            return await call_next(ctx)
        trace.get_current_span().set_attribute("nomos.request_id", _request.get().id)
        started, outcome = time.monotonic(), "cancelled"
        try:
            result = await call_next(ctx)
            # Other middleware may have turned the result into a dictionary.
            error = result.get("isError") if isinstance(result, dict) else getattr(result, "is_error", False)
            outcome = "failed" if error else "ok"
        except MCPError as refusal:
            outcome = f"refused {refusal.error.code}"
            raise
        except Exception:
            outcome = "crashed"
            raise
        finally:
            caller, request = current_caller(self._default), _request.get()
            request.is_logged = True
            seconds = time.monotonic() - started
            _log(
                seconds,
                event="call",
                organisation=caller.organisation,
                caller=caller.name,
                customer=caller.customer_id,
                **_called(ctx.method, ctx.params or {}),
                outcome="limited" if request.is_limited else outcome,
                ms=round(seconds * 1000),
            )
        return result


def _organisation(scope: Scope) -> str:
    caller = caller_in(scope)
    return caller.organisation if caller else ""


def call_is_limited() -> None:
    """Log the current call as one that its caller's budget did not allow."""
    if request := _request.get(None):
        request.is_limited = True


def log_webhook(*, quietly: bool = False, **fields: object) -> None:
    """Log a delivery, of which this is then the only line; there is none if it is to be done `quietly`."""
    request = _request.get()
    request.is_logged = True
    if not quietly:
        _log(0.0, event="webhook", **fields)
    elif request.observe:
        request.observe({"event": "webhook", **fields}, 0.0)


def _called(method: str, params: Mapping[str, Any]) -> dict[str, object]:
    """Return what was called with which IDs; anything that is neither a name nor an ID is left out."""
    arguments = params.get("arguments")
    given = arguments.items() if isinstance(arguments, Mapping) else ()
    ids = {
        name: value for name, value in given if isinstance(value, str) and kind_of(value) and _NAME.fullmatch(str(name))
    }
    called = str(params.get(_LOGGED[method], ""))
    if method == "resources/read":
        last = called.rpartition("/")[2]
        return {"method": method, "ids": {"uri": last} if kind_of(last) else {}}
    return {"method": method, "tool": called if _NAME.fullmatch(called) else "", "ids": ids}


def log_line(**fields: object) -> None:
    """Write the fields as JSON, with the time, about what is no request."""
    line = {"time": datetime.now(UTC), **fields}
    write_line(
        json.dumps(line, separators=(",", ":"), default=lambda moment: moment.isoformat(timespec="milliseconds"))
    )


def _log(seconds: float, **fields: object) -> None:
    """Write the fields as JSON, with the time and the request ID; empty fields are left out."""
    request = _request.get()
    if request.observe:
        request.observe(fields, seconds)
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields, "request_id": request.id}
    kept = {
        name: value[:_MAX_TEXT] if isinstance(value, str) else value
        for name, value in line.items()
        if value or value not in ("", {})
    }
    write_line(_encoded(kept))
