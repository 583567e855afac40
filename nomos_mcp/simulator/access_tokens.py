"""Who calls: clients, access tokens, rotating refresh tokens, and static keys.

An access token lasts the documented 60 minutes. No duration is published for a refresh token, so here it lasts until it
is used.
"""

import secrets
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from nomos_mcp.simulator.api_format import CURIE, ApiVersion
from nomos_mcp.simulator.world_clock import Clock

Scope = Literal["read:*", "write:*"]

ACCESS_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class AuthClient:
    id: str
    secret: str = field(repr=False)
    organisation: str
    scopes: tuple[Scope, ...] = ("read:*", "write:*")
    default_version: ApiVersion = CURIE


class Tokens:
    """Issues tokens and recognises them; a token has all scopes of its client.

    `static_keys` never expire (`nom_…`); each has its client's ID.
    """

    def __init__(self, clients: Iterable[AuthClient], static_keys: Mapping[str, str], now: Clock) -> None:
        self._clients = {client.id: client for client in clients}
        self._static = {key: self._clients[client_id] for key, client_id in static_keys.items()}
        self._now = now
        self._access: dict[str, tuple[AuthClient, datetime]] = {}
        self._refresh: dict[str, AuthClient] = {}

    def basic_client(self, authorization: str | None) -> AuthClient | None:
        encoded = _credentials(authorization, "basic")
        if encoded is None:
            return None
        try:
            client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # no base64, or no UTF-8 in it
            return None
        client = self._clients.get(client_id)
        return client if client is not None and client.secret == secret else None

    def bearer(self, authorization: str | None) -> AuthClient | None:
        token = _credentials(authorization, "bearer")
        if token is None:
            return None
        if token in self._static:
            return self._static[token]
        client, expires_at = self._access.get(token, (None, self._now()))
        return client if expires_at > self._now() else None

    def default_version(self, authorization: str | None) -> ApiVersion:
        client = self.bearer(authorization) or self.basic_client(authorization)
        return client.default_version if client else CURIE

    def expire(self, authorization: str | None) -> None:
        """Make the access token of an `Authorization` header expire now; static keys never do."""
        self._access.pop(_credentials(authorization, "bearer") or "", None)

    def issue(self, client: AuthClient) -> tuple[str, str]:
        """Return an access token and a refresh token."""
        now = self._now()
        self._access = {token: entry for token, entry in self._access.items() if entry[1] > now}
        access_token, refresh_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._access[access_token] = (client, now + timedelta(seconds=ACCESS_TOKEN_SECONDS))
        self._refresh[refresh_token] = client
        return access_token, refresh_token

    def refresh(self, client: AuthClient, refresh_token: str) -> tuple[str, str] | None:
        """Exchange a refresh token, once, for a new pair; None if it is unknown, used, or another client's."""
        if self._refresh.get(refresh_token) != client:
            return None
        del self._refresh[refresh_token]
        return self.issue(client)


def _credentials(authorization: str | None, scheme: str) -> str | None:
    """Return what follows the scheme's name, which is case-insensitive (RFC 9110)."""
    named, _, credentials = (authorization or "").partition(" ")
    return credentials.strip() if named.lower() == scheme else None
