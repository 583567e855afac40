"""One structured line on stderr for each call, and for each request that was refused before it became one.

Of a call's arguments only IDs are written. Never a token, a URL's query, or a text that somebody wrote freely.
"""

import json
import re
import time
from collections.abc import Mapping
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
from nomos_mcp.service.request_ids import request_id
from nomos_mcp.stderr import write_line

_LOGGED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", "completion/complete": ""}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLIENT_ERRORS: Final = 400
_MAX_TEXT: Final = 128  # a caller's name is as long as its issuer likes


@dataclass(slots=True)
class _Answer:
    """What is known about a request that is being answered; shared by the tasks that answer it."""

    is_call: bool = False


_answer: ContextVar[_Answer] = ContextVar("_answer")


def log(**fields: object) -> None:
    """Write one line of JSON on stderr, with the time and the request ID; empty fields are left out."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields, "request_id": request_id.get()}
    kept = {
        name: value[:_MAX_TEXT] if isinstance(value, str) else value
        for name, value in line.items()
        if value not in ("", {})
    }
    write_line(json.dumps(kept, separators=(",", ":")))


class CallLog:
    """Writes a line for each call, whatever becomes of it.

    Args:
        default: Who calls if no token says so.
    """

    def __init__(self, default: Caller) -> None:
        self._default = default

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Serve one message of the protocol."""
        if ctx.method not in _LOGGED:
            return await call_next(ctx)
        trace.get_current_span().set_attribute("nomos.request_id", request_id.get())
        started, outcome = time.monotonic(), "cancelled"
        try:
            result = await call_next(ctx)
            outcome = "failed" if _is_failure(result) else "ok"
        except MCPError as error:
            outcome = f"refused {error.error.code}"
            raise
        except Exception:
            outcome = "crashed"
            raise
        finally:
            caller = current_caller(self._default)
            _answer.get().is_call = True
            log(
                event="call",
                caller=caller.name,
                customer=caller.customer_id,
                **_called(ctx.method, ctx.params or {}),
                outcome=outcome,
                ms=round((time.monotonic() - started) * 1000),
            )
        return result


def _is_failure(result: HandlerResult) -> bool:
    """Whether a tool said that it could not; other middleware may have made a dictionary of its answer already."""
    return bool(result.get("isError") if isinstance(result, dict) else getattr(result, "is_error", False))


def _called(method: str, params: Mapping[str, Any]) -> dict[str, object]:
    """Return what was called, with which IDs; what is no name and no ID is not repeated."""
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


class RefusalLog:
    """Writes a line for each request that is answered with an error of HTTP, and is no call that has its line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        known = _Answer()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= _CLIENT_ERRORS and not known.is_call:
                log(event="refused", http=scope["method"], status=message["status"])
            await send(message)

        token = _answer.set(known)
        try:
            await self._app(scope, receive, answer)
        finally:
            _answer.reset(token)
