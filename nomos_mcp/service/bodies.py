"""A request's body, whole, within its size and its time, before anything is done with the request."""

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.service.constants import BODY_DEADLINE, MAX_BODY_BYTES
from nomos_mcp.service.refusals import refusal

# Closed, as what is left of the body would be read as the next request.
_CLOSE = {"connection": "close"}


class Bodies:
    """Reads the body of a request and passes the request on once it is complete.

    Args:
        app: What is behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdigit() or int(stated) > MAX_BODY_BYTES:
            await _too_large()(scope, receive, send)
            return
        body: bytes | Response | None = None
        with anyio.move_on_after(BODY_DEADLINE) as waiting:
            body = await _read(receive)
        if waiting.cancelled_caught:
            message = f"The body did not arrive within {BODY_DEADLINE:g} seconds. Send the request again, at once."
            body = refusal(408, "request_timeout", message, _CLOSE)
        if isinstance(body, Response):
            await body(scope, receive, send)
        elif body is not None:
            await self._app(scope, _replayed(body, receive), send)


async def _read(receive: Receive) -> bytes | Response | None:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None  # the client went away
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            return _too_large()
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large() -> Response:
    message = f"The body is larger than {MAX_BODY_BYTES} bytes, which no call of these tools needs."
    return refusal(413, "content_too_large", message, _CLOSE)


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
