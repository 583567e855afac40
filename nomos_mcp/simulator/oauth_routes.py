"""`POST /oauth/token`: client credentials and refresh, the client named by HTTP Basic only.

The body may be a form, as OAuth has it, or JSON, as the vendor's schema has it. The answer lacks `scope` before
edison: the vendor says that older versions may, which ones is inferred.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nomos_mcp.simulator.access_tokens import ACCESS_TOKEN_SECONDS, AuthClient, Grant, Tokens
from nomos_mcp.simulator.api_format import EDISON, Json, bad_request, unauthorized
from nomos_mcp.simulator.api_middleware import Envelope
from nomos_mcp.simulator.api_routes import json_object


class TokenRoutes:
    """Hands out tokens.

    Args:
        tokens: Makes them.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Build the route."""
        return [Route("/oauth/token", self._token, methods=["POST"])]

    async def _token(self, request: Request) -> Response:
        client = self._tokens.client(request.headers.get("authorization"))
        if client is None:
            raise unauthorized("Basic")
        grant = self._grant(client, await _fields(request))
        body: Json = {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_SECONDS,
            "refresh_token": grant.refresh_token,
        }
        if Envelope.of(request).version >= EDISON:
            body["scope"] = " ".join(grant.scopes)
        return JSONResponse(body)

    def _grant(self, client: AuthClient, fields: Mapping[str, object]) -> Grant:
        match fields.get("grant_type"):
            case "client_credentials":
                return self._tokens.issue(client, client.scopes)
            case "refresh_token":
                refresh_token = fields.get("refresh_token")
                if not isinstance(refresh_token, str):
                    raise bad_request("invalid_type", "refresh_token", "Required")
                grant = self._tokens.rotate(client, refresh_token)
                if grant is None:
                    raise bad_request("invalid_value", "refresh_token", "Unknown, or used before")
                return grant
            case None:
                raise bad_request("invalid_type", "grant_type", "Required")
            case _:
                message = "Invalid option: Expected 'client_credentials' | 'refresh_token'"
                raise bad_request("invalid_value", "grant_type", message)


async def _fields(request: Request) -> Mapping[str, object]:
    body = await request.body()
    if request.headers.get("content-type", "").lower().startswith("application/json"):
        return json_object(body)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


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
