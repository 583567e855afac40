"""What all calls of the API share: versions, the documented error bodies, clients and their tokens.

An error is `{code, message, requestId, docs}`, with `errors` from curie on. A version's name starts with its ISO date,
so `version >= CURIE` reads "from curie on" and compares strings.
"""

import secrets
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Literal, NamedTuple, get_args

from nomos_mcp.simulator.world_records import Clock

ApiVersion = Literal["2025-12-01.chucky", "2025-12-16.batman", "2026-01-29.edison", "2026-05-27.curie"]
Json = dict[str, object]

CHUCKY: Final = "2025-12-01.chucky"
BATMAN: Final = "2025-12-16.batman"
EDISON: Final = "2026-01-29.edison"
CURIE: Final = "2026-05-27.curie"

VERSIONS: Final[Mapping[str, ApiVersion]] = {version: version for version in get_args(ApiVersion)}
_DOCS: Final = "https://docs.nomos.energy/api-references/errors/"
CODES: Final = {status: HTTPStatus(status).name for status in (400, 401, 402, 403, 404, 405, 409, 422, 429, 500)}
CODES[422] = "UNPROCESSABLE_ENTITY"  # Python renames its own constant with version 3.13


def format_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ApiError(Exception):
    """An error answer with a documented status."""

    def __init__(
        self, status: int, message: str, *, errors: Sequence[Json] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self._errors = errors

    def body(self, version: ApiVersion, request_id: str) -> Json:
        code = CODES[self.status]
        body: Json = {"code": code, "message": str(self), "requestId": request_id, "docs": _DOCS + code}
        return body | {"errors": self._errors} if self._errors and version >= CURIE else body


def violation(code: str, field: str, message: str, status: int = 400) -> ApiError:
    """400 or 409: a value cannot be read, or a rule forbids it; `code` is a documented one of `errors[].code`."""
    errors: list[Json] = [{"code": code, "field": field, "message": message}]
    return ApiError(status, f"{code} in '{field}': {message}", errors=errors)


def too_many_requests(wait_seconds: int = 30) -> ApiError:
    """The vendor's example says 30 seconds."""
    message = f"Wait {wait_seconds} seconds before retrying."
    return ApiError(429, message, headers={"Retry-After": str(wait_seconds)})


Scope = Literal["read:*", "write:*"]

API_CALL: Final = "nomos_mcp.simulator.call"
ACCESS_TOKEN_SECONDS: Final = 3600  # documented; for a refresh token nothing is, so here it lasts until it is used


@dataclass(frozen=True, slots=True)
class AuthClient:
    id: str
    secret: str = field(repr=False)
    organisation: str
    scopes: tuple[Scope, ...] = ("read:*", "write:*")
    default_version: ApiVersion = CURIE


class LedgerEntry(NamedTuple):
    order_id: str
    subscription_id: str
    client_id: str
    at: datetime
    request_id: str


class RequestRecord(NamedTuple):
    method: str
    path: str  # with its query, as it came
    api_version: ApiVersion  # it was processed with
    status: int | None  # of the answer; None when the answer was lost
    request_id: str  # as in an error's body, and in the ledger


@dataclass(frozen=True, slots=True)
class ApiCall:
    """What is known of a request before its path is looked at: `scope[API_CALL]`."""

    version: ApiVersion
    request_id: str
    client: AuthClient | None  # None: the bearer token is missing, unknown or expired
    ignore_filters: bool

    @property
    def caller(self) -> AuthClient:
        if self.client is None:
            raise ApiError(401, "Invalid or malformed token", headers={"WWW-Authenticate": "Bearer"})
        return self.client


class Tokens:
    """Issues tokens and recognises them; `static_keys` (key to client ID) never expire."""

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
        self._access.pop(_credentials(authorization, "bearer") or "", None)

    def issue(self, client: AuthClient) -> tuple[str, str]:
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
