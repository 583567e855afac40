"""Where clients learn who issues tokens for this server (RFC 9728).

The SDK has such a route too; it rewrites the issuer's address, which clients compare letter by letter.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, request_response

from nomos_mcp.server.request_context import SCOPES
from nomos_mcp.settings_http import HttpSettings

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


def metadata_url(http: HttpSettings) -> str:
    """Return where the metadata is; empty if no issuer is trusted."""
    parts = urlsplit(http.public_url)
    return parts._replace(path=_WELL_KNOWN + parts.path).geturl() if http.issuer else ""


def metadata_routes(http: HttpSettings) -> list[Route]:
    """Return the route of the metadata; none if no issuer is trusted."""
    if not http.issuer:
        return []

    async def metadata(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "resource": http.public_url,
                "resource_name": "nomos-mcp",
                "authorization_servers": [http.issuer],
                "scopes_supported": list(SCOPES),
                "bearer_methods_supported": ["header"],
            },
            headers={"cache-control": "public, max-age=3600"},
        )

    # Public, and read by clients in web pages of any origin.
    public = CORSMiddleware(request_response(metadata), allow_origins="*", allow_methods=["GET"], allow_headers=["*"])
    return [Route(urlsplit(metadata_url(http)).path, public, methods=["GET", "OPTIONS"])]
