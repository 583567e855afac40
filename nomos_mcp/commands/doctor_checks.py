"""What can be told without asking anybody: Python, packages, settings."""

import platform
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
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
from nomos_mcp.lifecycle import VERSIONS
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: What was looked at.
        state: How it is.
        found: What was found, without secrets.
        cure: What to do about it; empty if there is nothing to do.
    """

    name: str
    state: State
    found: str
    cure: str = ""


def worst(findings: list[Finding]) -> State:
    """Return the worst state among findings; ok if there are none."""
    states = {finding.state for finding in findings}
    return "failed" if "failed" in states else "warning" if "warning" in states else "ok"


MASK = "********"

_PREFIX = "NOMOS_"
_NAME = re.compile(r"[\w.-]+")


def python() -> Finding:
    """Tell the interpreter; one that is too old could not have installed the package."""
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Look for what the package needs, extras aside."""
    needed = [needed for needed in requires("nomos-mcp") or [] if "extra ==" not in needed]
    found, missing = [], []
    for name in sorted(match[0] for match in map(_NAME.match, needed) if match):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "failed", f"missing: {', '.join(missing)}", "Install nomos-mcp anew.")
    return Finding("packages", "ok", ", ".join(found))


def settings(environ: Mapping[str, str], *, demo: bool) -> tuple[Settings | None, list[Finding]]:
    """Read the settings as a start would.

    Args:
        environ: The environment.
        demo: Whether a demo is to be looked at.

    Returns:
        The settings, None if there are mistakes; and what is to be said about them.
    """
    try:
        read = Settings.from_env(environ, demo=demo)
    except SettingsError as error:
        told = [problem.partition(". ") for problem in error.problems]
        return None, [Finding("settings", "failed", wrong, cure) for wrong, _, cure in told]
    unknown = list(_unknown(environ))
    return read, unknown or [Finding("settings", "ok", f"{len(_set(environ))} set, no mistakes")]


def settings_in_force(environ: Mapping[str, str]) -> dict[str, str]:
    """Return every variable with the value that holds: secrets masked, empty where nothing is set.

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
    """Whether anything is set that only the HTTP server looks at."""
    return any(environ.get(variable.name, "").strip() for variable in HTTP_VARIABLES)


def _set(environ: Mapping[str, str]) -> set[str]:
    known = (*VARIABLES, *HTTP_VARIABLES)
    return {variable.name for variable in known if environ.get(variable.name, "").strip()}


def _unknown(environ: Mapping[str, str]) -> Iterable[Finding]:
    known = [variable.name for variable in (*VARIABLES, *HTTP_VARIABLES)]
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known:
            guess = get_close_matches(name, known, n=1)
            cure = f"Did you mean {guess[0]}?" if guess else "Unset it, unless another program uses it."
            yield Finding("settings", "warning", f"{name} is set, and no setting of this name exists.", cure)


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


async def nomos_checks(client: NomosClient, settings: Settings) -> AsyncIterator[Finding]:
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
