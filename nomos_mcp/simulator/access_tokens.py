"""Who is calling: clients, access tokens, rotating refresh tokens, and static keys.

Knows the `Authorization` header and nothing of routes. Durations are the documented ones: an access token lives 60
minutes; for a refresh token none is published, so here it lives until it is used.
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
    """A registered machine client of one organisation."""

    id: str
    secret: str = field(repr=False)
    organisation: str
    scopes: tuple[Scope, ...] = ("read:*", "write:*")
    default_version: ApiVersion = CURIE


@dataclass(frozen=True, slots=True)
class AuthorizedClient:
    """A client together with the scopes of the token it showed."""

    client: AuthClient
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A fresh pair of tokens."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: tuple[Scope, ...]


class Tokens:
    """Issues tokens and recognises them.

    Args:
        clients: Everyone who may ask for a token.
        static_keys: Keys that never expire (`nom_…`), each with the ID of the client it acts for.
        now: The clock.
    """

    def __init__(self, clients: Iterable[AuthClient], static_keys: Mapping[str, str], now: Clock) -> None:
        self._clients = {client.id: client for client in clients}
        self._static = {key: self._clients[client_id] for key, client_id in static_keys.items()}
        self._now = now
        self._access: dict[str, tuple[AuthorizedClient, datetime]] = {}
        self._refresh: dict[str, AuthorizedClient] = {}

    def client(self, authorization: str | None) -> AuthClient | None:
        """Recognise a client by `Authorization: Basic …`; None when it is not one of ours."""
        encoded = _credentials(authorization, "basic")
        if encoded is None:
            return None
        try:
            client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # no base64, or no UTF-8 in it
            return None
        client = self._clients.get(client_id)
        return client if client is not None and client.secret == secret else None

    def caller(self, authorization: str | None) -> AuthorizedClient | None:
        """Recognise a caller by `Authorization: Bearer …`; None when the token is unknown or has expired."""
        token = _credentials(authorization, "bearer")
        if token is None:
            return None
        if token in self._static:
            client = self._static[token]
            return AuthorizedClient(client, client.scopes)
        caller, expires_at = self._access.get(token, (None, self._now()))
        return caller if expires_at > self._now() else None

    def default_version(self, authorization: str | None) -> ApiVersion:
        """Tell which version a request without `X-API-Version` gets; curie when nobody is recognised."""
        caller = self.caller(authorization)
        client = caller.client if caller is not None else self.client(authorization)
        return client.default_version if client is not None else CURIE

    def expire(self, authorization: str | None) -> None:
        """Let the access token in an `Authorization: Bearer …` be expired from now on; a static key never is."""
        self._access.pop(_credentials(authorization, "bearer") or "", None)

    def issue(self, client: AuthClient, scopes: tuple[Scope, ...]) -> Grant:
        """Make a new pair of tokens.

        Args:
            client: For whom.
            scopes: What the access token may do.

        Returns:
            The pair; both are random, so they differ between runs.
        """
        now = self._now()
        self._access = {token: entry for token, entry in self._access.items() if entry[1] > now}
        caller = AuthorizedClient(client, scopes)
        grant = Grant(secrets.token_urlsafe(32), secrets.token_urlsafe(32), scopes)
        self._access[grant.access_token] = (caller, now + timedelta(seconds=ACCESS_TOKEN_SECONDS))
        self._refresh[grant.refresh_token] = caller
        return grant

    def rotate(self, client: AuthClient, refresh_token: str) -> Grant | None:
        """Trade a refresh token for a new pair; it is good for one use.

        Args:
            client: Who asks; another client's refresh token is refused and stays valid.
            refresh_token: The token of the last pair.

        Returns:
            The new pair, or None when the refresh token is unknown, used, or another client's.
        """
        caller = self._refresh.get(refresh_token)
        if caller is None or caller.client != client:
            return None
        del self._refresh[refresh_token]
        return self.issue(client, caller.scopes)


def _credentials(authorization: str | None, scheme: str) -> str | None:
    """Take the part after the scheme's name, which is compared without regard to case (RFC 9110)."""
    named, _, credentials = (authorization or "").partition(" ")
    return credentials.strip() if named.lower() == scheme else None
