"""Who we are to Nomos: a static token, or client credentials that are exchanged for one and renewed in time.

Knows the OAuth exchange, not how it is sent: the transport lends `ask`, which posts a form to the token endpoint.
Source: the vendor's authentication guide (tokens last 60 minutes, refresh tokens rotate on every use).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from pydantic import SecretStr

from nomos_mcp.client.answers import Json
from nomos_mcp.client.constants import TOKEN_DEFAULT_LIFETIME, TOKEN_RENEWED_AHEAD
from nomos_mcp.client.errors import CredentialsError, UnreadableAnswerError

Ask = Callable[[str, SecretStr, Mapping[str, str]], Awaitable[Json]]
"""Posts a form to the token endpoint, authenticated by client ID and secret (HTTP Basic)."""

WRITE_SCOPE = "write:*"


class Credentials(Protocol):
    """A source of access tokens."""

    async def token(self, ask: Ask) -> SecretStr:
        """Return a token that is not known to be expired."""
        ...

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:
        """Return another token than the one that upstream refused, or None if there is no way to get one."""
        ...

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes of the current token; None while they are unknown."""
        ...


class NoCredentials:
    """Nothing is configured: every call says so."""

    scopes: frozenset[str] | None = None

    async def token(self, ask: Ask) -> SecretStr:  # noqa: ARG002  the protocol's signature
        """Raise `CredentialsError`."""
        raise CredentialsError("No Nomos credentials are configured.")

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:  # noqa: ARG002  as above
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A bearer token that was issued elsewhere; it cannot be renewed, and its scope is unknown."""

    value: SecretStr
    scopes: frozenset[str] | None = None

    async def token(self, ask: Ask) -> SecretStr:  # noqa: ARG002  as above
        """Return the token."""
        return self.value

    async def renewed(self, refused: SecretStr, ask: Ask) -> SecretStr | None:  # noqa: ARG002  as above
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class _Grant:
    token: SecretStr
    refresh_token: SecretStr | None
    expires_at: float
    scopes: frozenset[str] | None


@dataclass(slots=True)
class ClientCredentials:
    """Client ID and secret. One renewal at a time, however many calls wait for it.

    Attributes:
        client_id: The Auth Client's ID.
        client_secret: Its secret.
        clock: Seconds that only go forward; for tests.
    """

    client_id: str
    client_secret: SecretStr
    clock: Callable[[], float] = time.monotonic
    _grant: _Grant | None = field(default=None, init=False, repr=False)
    _renewal: anyio.Lock = field(default_factory=anyio.Lock, init=False, repr=False)

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
        async with self._renewal:
            if self._grant is None or self._grant is stale:
                self._grant = await self._fetch(stale, ask)
            return self._grant

    async def _fetch(self, stale: _Grant | None, ask: Ask) -> _Grant:
        asked_at = self.clock()
        if stale is not None and stale.refresh_token is not None:
            form = {"grant_type": "refresh_token", "refresh_token": stale.refresh_token.get_secret_value()}
            try:
                return self._read(await ask(self.client_id, self.client_secret, form), asked_at)
            except CredentialsError:
                pass  # used up or expired: refresh tokens rotate; the client credentials still stand
        answer = await ask(self.client_id, self.client_secret, {"grant_type": "client_credentials"})
        return self._read(answer, asked_at)

    @staticmethod
    def _read(answer: Json, asked_at: float) -> _Grant:
        token, refresh, scope = answer.get("access_token"), answer.get("refresh_token"), answer.get("scope")
        if not isinstance(token, str) or not token:
            raise UnreadableAnswerError("The token endpoint's answer holds no access token.", status=200)
        stated = answer.get("expires_in")
        usable = isinstance(stated, int | float) and not isinstance(stated, bool) and stated > 0
        lifetime = float(stated) if usable and isinstance(stated, int | float) else TOKEN_DEFAULT_LIFETIME
        return _Grant(
            token=SecretStr(token),
            refresh_token=SecretStr(refresh) if isinstance(refresh, str) and refresh else None,
            expires_at=asked_at + max(lifetime - TOKEN_RENEWED_AHEAD, lifetime / 2),
            scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
        )
