"""Who we are to Nomos: a static token, or client credentials that are exchanged for one and renewed in time.

Knows the OAuth exchange, not how it is sent: the transport lends `ask`, which posts a form to the token endpoint.
Source: the vendor's authentication guide (tokens last 60 minutes, refresh tokens rotate on every use).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import SecretStr

from nomos_mcp.client.constants import MAX_WORD, TOKEN_DEFAULT_LIFETIME, TOKEN_LONGEST_LIFETIME, TOKEN_RENEWED_AHEAD
from nomos_mcp.client.errors import (
    APIError,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    TooManyRequestsError,
    UnreadableAnswerError,
)
from nomos_mcp.client.http_messages import Json
from nomos_mcp.client.single_flight import SharedReads

Form = Mapping[str, str | SecretStr]
Ask = Callable[[str, SecretStr, Form], Awaitable[Json]]
"""Posts a form to the token endpoint, authenticated by client ID and secret (HTTP Basic)."""

WRITE_SCOPE: Final = "write:*"

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What a header can carry. Anything else would come back in clear in the HTTP library's complaint."""
_SCOPE = re.compile(rf"[\x21-\x7e]{{1,{MAX_WORD}}}")
"""What a scope may be made of (RFC 6749); `doctor` shows them."""


class Credentials(Protocol):
    """A source of access tokens."""

    async def token(self, ask: Ask) -> SecretStr:
        """Return a token that is not known to be expired."""
        ...

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:
        """Return another token than the one that upstream refused, or None if there is no way to get one."""
        ...

    @property
    def current(self) -> SecretStr | None:
        """The newest token there is, without asking for one."""
        ...

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes of the current token; None while they are unknown."""
        ...


class NoCredentials:
    """Nothing is configured: every call says so."""

    current: SecretStr | None = None
    scopes: frozenset[str] | None = None

    async def token(self, ask: Ask) -> SecretStr:  # noqa: ARG002  the protocol's signature
        """Raise `CredentialsError`."""
        raise CredentialsError("No Nomos credentials are configured.")

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:  # noqa: ARG002  as above
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A bearer token that was issued elsewhere; it cannot be renewed, and its scope is unknown.

    Raises:
        InvalidRequestError: It holds characters that no token has.
    """

    current: SecretStr
    scopes: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.current.get_secret_value()):
            raise InvalidRequestError(
                "access_token holds a space, a line break or another character that no token has; it may have been "
                "copied along with it."
            )

    async def token(self, ask: Ask) -> SecretStr:  # noqa: ARG002  as above
        """Return the token."""
        return self.current

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:  # noqa: ARG002  as above
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class _Grant:
    token: SecretStr
    expires_at: float
    scopes: frozenset[str] | None


@dataclass(slots=True)
class ClientCredentials:
    """Client ID and secret. One renewal at a time, however many calls wait for it, and all of them get its outcome.

    Attributes:
        client_id: The Auth Client's ID.
        client_secret: Its secret.
        clock: Seconds that only go forward.
    """

    client_id: str
    client_secret: SecretStr
    clock: Callable[[], float]
    _grant: _Grant | None = field(default=None, init=False, repr=False)
    _refresh_token: SecretStr | None = field(default=None, init=False, repr=False)
    _renewals: SharedReads[_Grant] = field(default_factory=SharedReads, init=False, repr=False)

    @property
    def current(self) -> SecretStr | None:
        """The token of the last grant, expired or not."""
        return self._grant.token if self._grant else None

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes that the last token was granted; None before the first token, or if the answer did not say."""
        return self._grant.scopes if self._grant else None

    async def token(self, ask: Ask) -> SecretStr:
        """Return the current token, renewed first if it expires within a minute.

        Raises:
            CredentialsError: The token endpoint refused the credentials.
        """
        grant = self._grant
        if grant is not None and self.clock() < grant.expires_at:
            return grant.token
        return (await self._renew(grant, ask)).token

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:
        """Return a newer token than `refused`, fetching one unless another call has done so meanwhile.

        Raises:
            CredentialsError: The token endpoint refused the credentials.
        """
        grant = self._grant
        if grant is not None and grant.token != refused:
            return grant.token
        return (await self._renew(grant, ask)).token

    async def _renew(self, stale: _Grant | None, ask: Ask) -> _Grant:
        if self._grant is not None and self._grant is not stale:
            return self._grant
        return await self._renewals.read("grant", lambda: self._fetch(ask))

    async def _fetch(self, ask: Ask) -> _Grant:
        self._grant = await self._granted(ask)
        return self._grant

    async def _granted(self, ask: Ask) -> _Grant:
        # Taken away before it is sent: it is good for one use, and a lost answer leaves open whether it was used.
        refresh_token, self._refresh_token = self._refresh_token, None
        if refresh_token is not None:
            try:
                return await self._exchanged({"grant_type": "refresh_token", "refresh_token": refresh_token}, ask)
            except (TooManyRequestsError, InternalServerError):
                raise
            except (CredentialsError, APIError):
                pass  # used up, expired or not taken at all; the client credentials still stand
        return await self._exchanged({"grant_type": "client_credentials"}, ask)

    async def _exchanged(self, form: Form, ask: Ask) -> _Grant:
        asked_at = self.clock()
        answer = await ask(self.client_id, self.client_secret, form)
        token = _secret(answer.get("access_token"))
        if token is None:
            del answer  # it may hold the other token, and a traceback may be shown with its variables
            raise UnreadableAnswerError("The token endpoint's answer holds no usable access token.", status=200)
        self._refresh_token = _secret(answer.get("refresh_token"))
        scope, lifetime = answer.get("scope"), _lifetime(answer.get("expires_in"))
        return _Grant(
            token=token,
            expires_at=asked_at + max(lifetime - TOKEN_RENEWED_AHEAD, lifetime / 2),
            scopes=frozenset(filter(_SCOPE.fullmatch, scope.split())) if isinstance(scope, str) else None,
        )


def _lifetime(stated: object) -> float:
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated <= TOKEN_LONGEST_LIFETIME:
        return float(stated)
    return TOKEN_DEFAULT_LIFETIME


def _secret(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) and _TOKEN.fullmatch(value) else None
