"""Under which names the server may be reached, so that a web page cannot reach it under a name of its own making."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.service.refusals import refusal
from nomos_mcp.settings_http import HttpSettings
from nomos_mcp.variables import ALLOWED_HOSTS, ALLOWED_ORIGINS

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Hosts:
    """Lets requests through whose `Host` and `Origin` are allowed.

    An origin that is the server itself, under an allowed host, is allowed; a missing one too, as only browsers send it.

    Args:
        app: What is behind.
        http: The settings.
    """

    def __init__(self, app: ASGIApp, http: HttpSettings) -> None:
        self._app = app
        self._any_loopback = not http.allowed_hosts
        self._hosts = frozenset(http.allowed_hosts) or frozenset({urlsplit(http.public_url).netloc.lower()} - {""})
        self._origins = frozenset(http.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin", "").lower()
        if not self._is_ours(host):
            message = (
                f"This server is not reached under the name in the Host header. The operator sets {ALLOWED_HOSTS}."
            )
            await refusal(421, "misdirected_request", message)(scope, receive, send)
        elif origin and origin not in self._origins and origin not in {f"http://{host}", f"https://{host}"}:
            message = f"Pages of this origin may not call this server. The operator sets {ALLOWED_ORIGINS}."
            await refusal(403, "origin_not_allowed", message)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        loopback = host in _LOOPBACK or (name in _LOOPBACK and port.isdigit())
        return host in self._hosts or (self._any_loopback and loopback)
