"""Takes the token out of the `Authorization` header and has it checked by whoever it is of."""

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials, AuthenticationBackend
from starlette.requests import HTTPConnection

from nomos_mcp.server.request_context import CallerToken
from nomos_mcp.service.auth.errors import TokenRefusedError
from nomos_mcp.service.auth.issuer import Issuer
from nomos_mcp.service.auth.token_file import PREFIX, TokenFile


class Bearer(AuthenticationBackend):
    """Checks bearer tokens (RFC 6750), those in the header only.

    Args:
        issuer: Checks JWTs; None if no issuer is trusted.
        file: Knows the tokens that were made here; None if there is no such file.
    """

    def __init__(self, issuer: Issuer | None, file: TokenFile | None) -> None:
        self._issuer = issuer
        self._file = file

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        """Return who calls, or None if there is no token.

        Raises:
            TokenRefusedError: The token is not taken.
            TokensUncheckableError: Nobody can tell right now.
        """
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        found = await self._checked(token.strip())
        return AuthCredentials(found.scopes), AuthenticatedUser(found)

    async def _checked(self, token: str) -> CallerToken:
        if self._file is not None and token.startswith(PREFIX):
            return self._file.check(token)
        if self._issuer is not None:
            return await self._issuer.check(token)
        raise TokenRefusedError("This server takes only tokens that its operator made with `nomos-mcp token add`.")
