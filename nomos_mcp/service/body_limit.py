"""Reads a request's body before anything else is done with the request: within a size and within a time."""

from collections.abc import Callable
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.service.constants import BODY_DEADLINE, MAX_BODY_BYTES, MAX_DISCARDED_BYTES
from nomos_mcp.service.refusals import refusal

# Closed, as what is left of the body would be read as the next request.
_CLOSE: Final = {"connection": "close"}


class BodyLimit:
    """Reads the body of a request and passes the request on once the body is complete.

    Ordinary clients send the whole body before they read the answer, and see a broken connection instead of a 413 if
    the server closes before. So the rest of a body that is too large is read too, up to a bound, and thrown away.

    Args:
        app: What is behind.
        check: Returns the answer to a request that its body disqualifies, or None.
    """

    def __init__(self, app: ASGIApp, check: Callable[[Scope, bytes], Response | None]) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await _read(Headers(scope=scope), receive)
        if body is None:
            return  # the client went away
        answer = self._check(scope, body) if isinstance(body, bytes) else body
        if answer is not None:
            await answer(scope, receive, send)
        elif isinstance(body, bytes):
            await self._app(scope, _replayed(body, receive), send)


async def _read(headers: Headers, receive: Receive) -> bytes | Response | None:
    stated = headers.get("content-length", "0")
    too_large = not stated.isdigit() or int(stated) > MAX_BODY_BYTES
    if too_large and "expect" in headers:
        return _too_large()  # the client has sent no body yet
    chunks, size = [], 0
    with anyio.move_on_after(BODY_DEADLINE):
        while size <= MAX_BODY_BYTES + MAX_DISCARDED_BYTES:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if too_large := too_large or size > MAX_BODY_BYTES:
                chunks.clear()
            if not message.get("more_body", False):
                return _too_large() if too_large else b"".join(chunks)
    return _too_large() if too_large else _too_late()


def _too_large() -> Response:
    message = f"The body is larger than {MAX_BODY_BYTES} bytes, which no call of these tools needs."
    return refusal(413, "content_too_large", message, _CLOSE)


def _too_late() -> Response:
    message = f"The body did not arrive within {BODY_DEADLINE:g} seconds. Send the request again, at once."
    return refusal(408, "request_timeout", message, _CLOSE)


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
