"""`GET /.well-known/oauth-authorization-server`: where tokens come from, and how (RFC 8414). Without a token."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _metadata(request: Request) -> JSONResponse:
    issuer = str(request.base_url).rstrip("/")
    return JSONResponse(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "grant_types_supported": ["client_credentials", "refresh_token"],
            "response_types_supported": [],
            "scopes_supported": ["read:*", "write:*"],
        }
    )


def routes() -> list[Route]:
    """Build the route."""
    return [Route("/.well-known/oauth-authorization-server", _metadata, methods=["GET"])]
