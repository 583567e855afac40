"""Access tokens: none, a static one, or those that client ID and secret are exchanged for and that are renewed in time.

Source: the vendor's authentication guide (tokens last 60 minutes, refresh tokens rotate on every use).
"""

import re
from http import HTTPStatus
from typing import Final

from pydantic import SecretStr

from nomos_mcp.client.errors import (
    APIError,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    RateLimitError,
    UnreadableResponseError,
)
from nomos_mcp.client.http_connection import HttpConnection, SingleFlight
from nomos_mcp.client.http_messages import MAX_WORD, VERSION_HEADER, ApiVersion, Form, Json, Request

WRITE_SCOPE: Final = "write:*"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105  a path

_RENEWED_AHEAD: Final = 60.0
"""An access token counts as expired so many seconds before it is."""
_DEFAULT_LIFETIME: Final = 3600.0
"""Seconds that the vendor documents; used where the response states none, or an implausible number."""
_LONGEST_LIFETIME: Final = 365 * 24 * 3600.0

_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
"""What a header can carry. Anything else would be quoted in clear by the HTTP library's error."""
_SCOPE: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_WORD}}}")
"""What a scope may be made of (RFC 6749); `doctor` shows them."""


def is_token(text: str) -> bool:
    """Whether a text can be a token, as far as its characters tell."""
    return _TOKEN.fullmatch(text) is not None


class Credentials:
    """A bearer token that was issued elsewhere, which cannot be renewed and whose scope is unknown; or no token.

    Without one, and where the token endpoint refuses the credentials, the methods raise `CredentialsError`.

    Attributes:
        current: The newest token, expired or not; None before the first.
        scopes: Scopes of that token; None while they are unknown.
    """

    scopes: frozenset[str] | None = None

    def __init__(self, token: SecretStr | None = None) -> None:
        if token is not None and not is_token(token.get_secret_value()):
            raise InvalidRequestError(
                "access_token holds a space, a line break or another character that no token has; it may have been "
                "copied along with it."
            )
        self.current = token

    async def token(self, deadline: float) -> SecretStr:  # noqa: ARG002  for subclasses
        """Return a token that is not known to be expired; wait for one until the deadline on the clock at most."""
        if self.current is None:
            raise CredentialsError("No Nomos credentials are configured.")
        return self.current

    async def renewed(self, refused: SecretStr, deadline: float) -> SecretStr | None:  # noqa: ARG002  for subclasses
        """Return another token than the one that upstream refused, or None if there is no way to get one."""
        return None


class ClientCredentials(Credentials):
    """Client ID and secret. One renewal at a time, however many calls wait for it, and all of them get its outcome."""

    def __init__(
        self, client_id: str, client_secret: SecretStr, connection: HttpConnection, api_version: ApiVersion
    ) -> None:
        super().__init__()
        self._id_and_secret = client_id, client_secret
        self._connection = connection
        self._headers = {VERSION_HEADER: api_version}
        self._expires_at = 0.0
        self._refresh_token: SecretStr | None = None
        self._renewals: SingleFlight[SecretStr] = SingleFlight()

    async def token(self, deadline: float) -> SecretStr:
        """Return the current token, renewed first if it expires within a minute."""
        if self.current is None or self._connection.timing.monotonic() >= self._expires_at:
            return await self._renew(deadline)
        return self.current

    async def renewed(self, refused: SecretStr, deadline: float) -> SecretStr | None:
        """Return a newer token than `refused`, unless another call has fetched one meanwhile."""
        if self.current is None or self.current == refused:
            return await self._renew(deadline)
        return self.current

    async def _renew(self, deadline: float) -> SecretStr:
        return await self._renewals.run("token", lambda: self._fetch(deadline))

    async def _fetch(self, deadline: float) -> SecretStr:
        # Taken away before it is sent: it is good for one use, and after a lost response nobody knows if it was used.
        refresh_token, self._refresh_token = self._refresh_token, None
        if refresh_token is not None:
            try:
                return await self._exchange({"grant_type": "refresh_token", "refresh_token": refresh_token}, deadline)
            except (RateLimitError, InternalServerError):
                raise
            except (CredentialsError, APIError):
                pass  # used up, expired or not accepted at all; the client credentials may still be
        return await self._exchange({"grant_type": "client_credentials"}, deadline)

    async def _exchange(self, form: Form, deadline: float) -> SecretStr:
        asked_at = self._connection.timing.monotonic()
        answer = await self._ask(form, deadline)
        token = _secret(answer.get("access_token"))
        if token is None:
            del answer  # it may hold the other token, and a traceback may be shown with its variables
            raise UnreadableResponseError(
                "The token endpoint's response holds no usable access token.", status_code=200
            )
        scope, lifetime = answer.get("scope"), _lifetime(answer.get("expires_in"))
        self.current = token
        self.scopes = frozenset(filter(_SCOPE.fullmatch, scope.split())) if isinstance(scope, str) else None
        self._refresh_token = _secret(answer.get("refresh_token"))
        self._expires_at = asked_at + max(lifetime - _RENEWED_AHEAD, lifetime / 2)
        return token

    async def _ask(self, form: Form, deadline: float) -> Json:
        request = Request("POST", TOKEN_PATH, headers=self._headers, form=form)
        async with self._connection.turn(deadline, urgent=True):
            response = await self._connection.send(request, self._id_and_secret)
            if response.is_rate_limited:
                # Anything less may be about token requests alone, and would slow down all others.
                self._connection.limiter.observe(response.rate_limit, refused=True)
        if response.status_code in _REFUSED:
            raise CredentialsError(
                f"The token endpoint refused the client credentials (HTTP {response.status_code}).",
                request_id=response.error().request_id,
            )
        if response.is_error:
            raise response.error()
        return response.json()


def _lifetime(stated: object) -> float:
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated <= _LONGEST_LIFETIME:
        return float(stated)
    return _DEFAULT_LIFETIME


def _secret(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) and is_token(value) else None
