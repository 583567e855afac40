"""Refuses requests whose headers two readers could understand differently: a proxy in front, say, and this server."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.service.refusals import refusal

_CLOSE: Final = {"connection": "close"}  # nobody can tell where the next request begins
_SINGLE: Final = ("host", "origin")


class HeaderValidation:
    """Lets requests through that state one length, one `Host` and at most one `Origin`.

    Args:
        app: What is behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; what is not HTTP goes straight through."""
        flaw = _flaw(Headers(scope=scope)) if scope["type"] == "http" else ""
        if flaw:
            await refusal(400, "invalid_request", flaw, _CLOSE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _flaw(headers: Headers) -> str:
    if "content-length" in headers and "transfer-encoding" in headers:
        return "A request has a Content-Length or a Transfer-Encoding, not both."
    repeated = next((name for name in _SINGLE if len(headers.getlist(name)) > 1), "")
    return f"The header {repeated.capitalize()} may stand in a request once only." if repeated else ""
