"""What Nomos says: whether it answers, whom it takes us for, in which version, how fast we may ask.

Reads, and one object at most; never writes. Each check stands on those before it, so the first failure ends the visit.
"""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from nomos_mcp.client import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    CredentialsError,
    NomosClient,
    NomosError,
    PermissionDeniedError,
    VersionMismatchError,
)
from nomos_mcp.client.credentials import WRITE_SCOPE
from nomos_mcp.commands.checks.finding import Finding
from nomos_mcp.lifecycle import VERSIONS
from nomos_mcp.settings import Settings
from nomos_mcp.variables import ACCESS_TOKEN, API_VERSION, BASE_URL, CLIENT_ID, CLIENT_SECRET, READ_ONLY

SKEW = 60.0
"""Seconds that two clocks may differ. Ours to choose: a signed delivery is good for five minutes, a token for sixty."""

_READ_SCOPE = "read:*"

# What to do about a failure; the first class that fits speaks for it.
_CURES: tuple[tuple[type[NomosError], str], ...] = (
    (
        CredentialsError,
        f"Check {CLIENT_ID} and {CLIENT_SECRET}, and that {BASE_URL} is the host that they were made for.",
    ),
    (AuthenticationError, f"Renew {ACCESS_TOKEN}; access tokens last 60 minutes. {CLIENT_ID} renews by itself."),
    (PermissionDeniedError, "Ask Nomos for credentials that may do this."),
    (VersionMismatchError, f"Check {API_VERSION}, and what lies between here and Nomos."),
    (APIConnectionError, f"Check the network, a proxy, the certificates, and {BASE_URL}."),
    (APIError, "Try again later; if it stays, write to support@nomos.energy with the request ID."),
)


async def visit(client: NomosClient, settings: Settings) -> AsyncIterator[Finding]:
    """Look at Nomos as the settings have it.

    Args:
        client: Made from the settings.
        settings: What to start with.

    Yields:
        One finding after the other, as they are made.
    """
    where = "the built-in simulator" if settings.demo else urlsplit(client.base_url).hostname
    started = time.perf_counter()
    try:
        date = await client.health()
    except NomosError as error:
        yield _failed("host", error)
        return
    yield Finding("host", "ok", f"{where} answers ({_milliseconds(started)})")
    yield clock(date)
    if not (settings.demo or settings.has_credentials):
        cure = f"Set {CLIENT_ID} and {CLIENT_SECRET}, or try --demo."
        yield Finding("token", "warning", "no credentials are set: only explain_status by name answers", cure)
        return
    try:
        yield scope(await client.granted_scopes(), read_only=settings.read_only)
    except NomosError as error:
        yield _failed("token", error)
        return
    started = time.perf_counter()
    try:
        read = await _read_one(client)
    except NomosError as error:
        yield _failed("version" if isinstance(error, VersionMismatchError) else "read", error)
        return
    yield _version(client)
    yield Finding("read", "ok", f"{read} ({_milliseconds(started)})")
    yield _rate(client)


async def _read_one(client: NomosClient) -> str:
    if client.api_version in VERSIONS:
        orders = await client.meter_orders.list(limit=1)
        return "one meter order" if orders.items else "no meter order there, but the list"
    subscriptions = await client.subscriptions.list(limit=1)
    return "one subscription" if subscriptions.items else "no subscription there, but the list"


def clock(date: datetime | None) -> Finding:
    """Compare this computer's clock with the host's, if the host told it."""
    if date is None:
        return Finding("clock", "ok", "not told by the host")
    skew = (datetime.now(UTC) - date).total_seconds()
    if abs(skew) <= SKEW:
        return Finding("clock", "ok", f"within {SKEW:.0f} s of the host's")
    direction = "ahead of" if skew > 0 else "behind"
    return Finding("clock", "warning", f"{abs(skew):.0f} s {direction} the host's", "Set this computer's clock by NTP.")


def scope(scopes: frozenset[str] | None, *, read_only: bool) -> Finding:
    """Judge what the token may do: reading is needed; writing too, unless nothing is to be ordered."""
    if scopes is None:
        return Finding("token", "ok", "accepted as it is; its scope is not told")
    granted = f"granted {' '.join(sorted(scopes)) or 'nothing'}"
    if _READ_SCOPE not in scopes:
        return Finding("token", "failed", granted, f"Ask Nomos for the scope {_READ_SCOPE}: nothing can be read.")
    if WRITE_SCOPE not in scopes and not read_only:
        cure = f"Ask Nomos for {WRITE_SCOPE} to order meters, or set {READ_ONLY}=1."
        return Finding("token", "warning", f"{granted}: nothing can be ordered", cure)
    return Finding("token", "ok", granted)


def _version(client: NomosClient) -> Finding:
    if client.api_version not in VERSIONS:
        cure = f"Set {API_VERSION} to {' or '.join(VERSIONS)}."
        return Finding("version", "warning", f"{client.api_version} is echoed, but has no meter orders", cure)
    return Finding("version", "ok", f"{client.api_version} is asked for and echoed")


def _rate(client: NomosClient) -> Finding:
    told = client.rate_limit
    if told is None or told.limit is None:
        return Finding("rate", "ok", "not told by the host")
    return Finding("rate", "ok", f"{told.limit} requests in a window, {told.remaining} left")


def _failed(name: str, error: NomosError) -> Finding:
    cure = next((cure for kind, cure in _CURES if isinstance(error, kind)), "")
    request_id = getattr(error, "request_id", "")
    return Finding(name, "failed", f"{error}{f' (request ID {request_id})' if request_id else ''}", cure)


def _milliseconds(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"
