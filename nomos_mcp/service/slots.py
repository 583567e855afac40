"""How many requests are worked on at once. One too many is told to come back, rather than queued without an end."""

from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.service.constants import MAX_RUNNING
from nomos_mcp.service.refusals import refusal


class Slots:
    """Lets a bounded number of requests through at once.

    It stands behind the reading of bodies: connections that send nothing, or only a part, do not take a slot.

    Args:
        app: What is behind.
        limit: How many.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_RUNNING) -> None:
        self._app = app
        self._limit = limit
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._running >= self._limit:
            message = "This server is busy. Send the request again in a second."
            await refusal(503, "busy", message, {"retry-after": "1"})(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
