"""The checks of `nomos-mcp doctor`: Python, packages and settings, then the connection to Nomos."""

import platform
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal
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
from nomos_mcp.lifecycle import VERSIONS, nearest_names
from nomos_mcp.settings import Settings, SettingsError
from nomos_mcp.variables import (
    ACCESS_TOKEN,
    API_VERSION,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    HTTP_VARIABLES,
    READ_ONLY,
    VARIABLES,
)

State = Literal["ok", "warning", "failed"]

MASK = "********"
MAX_SKEW = 60.0
"""Seconds that two clocks may differ; our choice. A signed delivery is valid for five minutes, a token for sixty."""

_READ_SCOPE = "read:*"

# How to fix a failure; the first matching class counts.
_CURES: tuple[tuple[type[NomosError], str], ...] = (
    (
        CredentialsError,
        f"Check {CLIENT_ID} and {CLIENT_SECRET}, and that {BASE_URL} is the host they were made for.",
    ),
    (AuthenticationError, f"Renew {ACCESS_TOKEN}; access tokens last 60 minutes. {CLIENT_ID} renews by itself."),
    (PermissionDeniedError, "Ask Nomos for credentials that may do this."),
    (VersionMismatchError, f"Check {API_VERSION}, and any proxy between here and Nomos."),
    (APIConnectionError, f"Check the network, a proxy, the certificates, and {BASE_URL}."),
    (APIError, "Try again later. If it happens again, write to support@nomos.energy with the request ID."),
)
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: What was checked.
        state: The result.
        found: What was found, without secrets.
        cure: How to fix it; empty if nothing is wrong.
    """

    name: str
    state: State
    found: str
    cure: str = ""


def python() -> Finding:
    """Report the interpreter; one that is too old could not have installed the package."""
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Check that every dependency is installed, except those of extras."""
    needed = [needed for needed in requires("nomos-mcp") or [] if "extra ==" not in needed]
    found, missing = [], []
    for name in sorted(match[0] for match in map(_NAME.match, needed) if match):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "failed", f"missing: {', '.join(missing)}", "Reinstall nomos-mcp.")
    return Finding("packages", "ok", ", ".join(found))


def settings(environ: Mapping[str, str], *, demo: bool) -> tuple[Settings | None, list[Finding]]:
    """Read the settings as a start would; return them, or None if there are mistakes, and the findings about them."""
    try:
        read = Settings.from_env(environ, demo=demo)
    except SettingsError as error:
        problems = [problem.partition(". ") for problem in error.problems]
        return None, [Finding("settings", "failed", wrong, cure) for wrong, _, cure in problems]
    unknown = list(_unknown(environ))
    return read, unknown or [Finding("settings", "ok", f"{len(_set(environ))} set, no mistakes")]


def settings_in_force(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the value in force of every variable: secrets masked, empty where there is none.

    Those of the HTTP server are left out unless one of them is set.
    """
    there = _set(environ)
    http = HTTP_VARIABLES if uses_http(environ) else ()
    return {
        variable.name: (MASK if variable.secret else environ[variable.name].strip())
        if variable.name in there
        else variable.default
        for variable in (*VARIABLES, *http)
    }


def uses_http(environ: Mapping[str, str]) -> bool:
    return any(environ.get(variable.name, "").strip() for variable in HTTP_VARIABLES)


def _set(environ: Mapping[str, str]) -> set[str]:
    known = (*VARIABLES, *HTTP_VARIABLES)
    return {variable.name for variable in known if environ.get(variable.name, "").strip()}


def _unknown(environ: Mapping[str, str]) -> Iterable[Finding]:
    known = [variable.name for variable in (*VARIABLES, *HTTP_VARIABLES)]
    for name in sorted(environ):
        if name.startswith("NOMOS_") and name not in known:
            near = nearest_names(name, known)
            cure = f"Did you mean {near[0]}?" if near else "Unset it, unless another program uses it."
            yield Finding("settings", "warning", f"{name} is set, and no setting of this name exists.", cure)


async def nomos_checks(client: NomosClient, settings: Settings) -> AsyncIterator[Finding]:
    """Check the connection to Nomos: whether it answers, what the token may do, the API version, the rate limit.

    Reads at most one object and never writes. Each check needs those before it, so the first failure is the last one.
    """
    where = "the built-in simulator" if settings.demo else urlsplit(client.base_url).hostname
    check, started = "host", time.perf_counter()
    try:
        date = await client.health()
        yield Finding(check, "ok", f"{where} answers ({_milliseconds(started)})")
        yield clock(date)
        check = "token"
        if not (settings.demo or settings.has_credentials):
            cure = f"Set {CLIENT_ID} and {CLIENT_SECRET}, or try --demo."
            yield Finding(check, "warning", "no credentials are set: only explain_status by name works", cure)
            return
        yield scope(await client.granted_scopes(), read_only=settings.read_only)
        check, started = "read", time.perf_counter()
        read = await _read_one(client)
        yield _version(client)
        yield Finding(check, "ok", f"{read} ({_milliseconds(started)})")
        yield _rate(client)
    except NomosError as error:
        name = "version" if isinstance(error, VersionMismatchError) else check
        cure = next((cure for kind, cure in _CURES if isinstance(error, kind)), "")
        request_id = getattr(error, "request_id", "")
        yield Finding(name, "failed", f"{error}{f' (request ID {request_id})' if request_id else ''}", cure)


async def _read_one(client: NomosClient) -> str:
    if client.api_version in VERSIONS:
        orders = await client.meter_orders.list(limit=1)
        return "one meter order" if orders.items else "an empty list of meter orders"
    subscriptions = await client.subscriptions.list(limit=1)
    return "one subscription" if subscriptions.items else "an empty list of subscriptions"


def clock(date: datetime | None) -> Finding:
    """Compare this computer's clock with the host's, if its answer had a date."""
    if date is None:
        return Finding("clock", "ok", "the host does not tell the time")
    skew = (datetime.now(UTC) - date).total_seconds()
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", "ok", f"within {MAX_SKEW:.0f} s of the host's")
    direction = "ahead of" if skew > 0 else "behind"
    return Finding("clock", "warning", f"{abs(skew):.0f} s {direction} the host's", "Set this computer's clock by NTP.")


def scope(scopes: frozenset[str] | None, *, read_only: bool) -> Finding:
    """Check what the token may do: read, and write too, unless the server is read-only."""
    if scopes is None:
        return Finding("token", "ok", "set directly, so its scope is not known")
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
        return Finding("version", "warning", f"{client.api_version} is supported, but has no meter orders", cure)
    return Finding("version", "ok", f"{client.api_version} is requested and confirmed")


def _rate(client: NomosClient) -> Finding:
    limit = client.rate_limit
    if limit is None or limit.limit is None:
        return Finding("rate", "ok", "the host states no rate limit")
    return Finding("rate", "ok", f"{limit.limit} requests in a window, {limit.remaining} left")


def _milliseconds(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"
