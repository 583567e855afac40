"""The checks of `nomos-mcp doctor`: Python, packages, settings, the connection to Nomos, and the HTTP server's own."""

import json
import os
import platform
import re
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
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
from nomos_mcp.service.authorization import TokenCheckUnavailableError
from nomos_mcp.service.jwks import FetchError, JwksCache, fetch
from nomos_mcp.service.token_file import TokenFile, TokenFileError
from nomos_mcp.settings import HttpSettings, Settings, SettingsError
from nomos_mcp.variables import (
    ACCESS_TOKEN,
    ALLOWED_HOSTS,
    API_VERSION,
    AUTH_ISSUER,
    AUTH_JWKS_URL,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    CONFIRM,
    HTTP_VARIABLES,
    PUBLIC_URL,
    READ_ONLY,
    TOKENS_FILE,
    VARIABLES,
    WEBHOOK_SECRETS,
    ConfirmMode,
)

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
_KEYS = {
    CLIENT_ID: "client_id_env",
    CLIENT_SECRET: "client_secret_env",
    ACCESS_TOKEN: "access_token_env",
    API_VERSION: "api_version",
    BASE_URL: "base_url",
}
"""What the cures call a setting where it stands in the file of organisations."""
_NAMES = re.compile("|".join(_KEYS))
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    name: str  # what was checked
    state: Literal["ok", "warning", "failed"]
    found: str  # without secrets
    cure: str = ""


def python() -> Finding:
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


def settings(
    environ: Mapping[str, str], organisation: str = "", *, demo: bool
) -> tuple[Settings | None, list[Finding]]:
    """Read an organisation's settings as a start would; return them, None if there are mistakes, and the findings."""
    try:
        of_all = Settings.from_env(environ, demo=demo)
        read = of_all.of(organisation)
    except SettingsError as error:
        problems = [problem.partition(". ") for problem in error.problems]
        return None, [Finding("settings", "failed", wrong, cure) for wrong, _, cure in problems]
    named = {name for each in of_all.http.organisations for name in each.variables}
    unknown = list(_unknown(environ, named))
    return read, [*(unknown or [Finding("settings", "ok", f"{len(_set(environ))} set, no mistakes")]), _ordering(read)]


_CONFIRMED: Mapping[ConfirmMode, str] = {
    "auto": "takes a yes in a form, or a code where the client shows no form",
    "elicit": "takes a yes in a form that the client shows",
    "code": "takes the code of a preview, whatever the client can show",
    "none": "takes no confirmation: nobody is asked",
}


def _ordering(read: Settings) -> Finding:
    how = "is switched off" if read.read_only else f"{_CONFIRMED[read.confirm]} ({CONFIRM}={read.confirm})"
    return Finding("ordering", "ok", how)


def settings_in_force(environ: Mapping[str, str], organisation: str = "") -> dict[str, str]:
    """The value in force of every variable, secrets masked; those of the HTTP server only if one of them is set.

    Of an organisation those that its table says stand for the variables.
    """
    there = _set(environ)
    with suppress(SettingsError):  # which was told
        own = Settings.from_env(environ).of(organisation)
        there |= _said_by_table(own) if own.organisation else {}
    http = HTTP_VARIABLES if uses_http(environ) else ()
    return {
        variable.name: (MASK if variable.secret else there[variable.name])
        if variable.name in there
        else variable.default
        for variable in (*VARIABLES, *http)
    }


def _said_by_table(own: Settings) -> dict[str, str]:
    values = {
        CLIENT_ID: own.client_id,
        CLIENT_SECRET: own.client_secret.get_secret_value(),
        ACCESS_TOKEN: own.access_token.get_secret_value(),
        API_VERSION: own.api_version,
        BASE_URL: own.base_url,
        WEBHOOK_SECRETS: ",".join(each.get_secret_value() for each in own.http.webhook_secrets),
    }
    return {name: value for name, value in values.items() if value}


def uses_http(environ: Mapping[str, str]) -> bool:
    return any(variable.name in _set(environ) for variable in HTTP_VARIABLES)


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    known = (variable.name for variable in (*VARIABLES, *HTTP_VARIABLES))
    return {name: value for name in known if (value := environ.get(name, "").strip())}


def _unknown(environ: Mapping[str, str], named: Collection[str]) -> Iterator[Finding]:
    known = [variable.name for variable in (*VARIABLES, *HTTP_VARIABLES)]
    for name in sorted(environ):
        if name.startswith("NOMOS_") and name not in {*known, *named}:
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
        if settings.organisation:
            cure = _NAMES.sub(lambda name: _KEYS[name[0]], cure)
        request_id = getattr(error, "request_id", "")
        yield Finding(name, "failed", f"{error}{f' (request ID {request_id})' if request_id else ''}", cure)


async def _read_one(client: NomosClient) -> str:
    if client.api_version in VERSIONS:
        orders = await client.meter_orders.list(limit=1)
        return "one meter order" if orders.items else "an empty list of meter orders"
    subscriptions = await client.subscriptions.list(limit=1)
    return "one subscription" if subscriptions.items else "an empty list of subscriptions"


def clock(date: datetime | None) -> Finding:
    if date is None:
        return Finding("clock", "ok", "the host does not tell the time")
    skew = (datetime.now(UTC) - date).total_seconds()
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", "ok", f"within {MAX_SKEW:.0f} s of the host's")
    direction = "ahead of" if skew > 0 else "behind"
    return Finding("clock", "warning", f"{abs(skew):.0f} s {direction} the host's", "Set this computer's clock by NTP.")


def scope(scopes: frozenset[str] | None, *, read_only: bool) -> Finding:
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


_OTHERS = 0o077  # permissions of all but the owner


async def http_checks(settings: Settings) -> AsyncIterator[Finding]:
    http = settings.http
    if settings.organisation and not http.authenticates:
        found = "need no token, and a token chooses the organisation: `nomos-mcp http` does not start"
        yield Finding("callers", "failed", found, f"Set {AUTH_ISSUER} or {TOKENS_FILE}.")
    elif not http.authenticates:
        cure = f"Set {AUTH_ISSUER} or {TOKENS_FILE} before other machines may call."
        yield Finding("callers", "warning", "need no token, so the server is for loopback only", cure)
    if http.issuer:
        yield await _issuer(http)
        yield await _keys(http)
    if http.tokens_file:
        yield _tokens(Path(http.tokens_file))
    yield _hosts(http)
    if http.webhook_secrets:
        yield _webhooks(http)


async def _issuer(http: HttpSettings) -> Finding:
    metadata = await _metadata(http.issuer)
    if metadata is None:
        return Finding("issuer", "ok", f"{http.issuer} (publishes no metadata to compare with)")
    if (stated := metadata.get("issuer")) != http.issuer:
        cure = f"Set {AUTH_ISSUER} to exactly the `iss` of its tokens, including a trailing slash."
        found = f"{http.issuer} states another name in its metadata: {str(stated)[:200]!r}"
        return Finding("issuer", "failed", found, cure)
    if (stated := metadata.get("jwks_uri")) not in {None, http.jwks_url}:
        found = f"its metadata has another JWKS URL: {str(stated)[:200]!r}"
        return Finding("issuer", "warning", found, f"Compare with {AUTH_JWKS_URL}.")
    return Finding("issuer", "ok", f"{http.issuer}, for {http.audience}")


async def _metadata(issuer: str) -> dict[str, object] | None:
    """Read what the issuer publishes about itself (OpenID Connect Discovery, RFC 8414)."""
    parts = urlsplit(issuer)
    for address in (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}",
    ):
        try:
            read = json.loads(await fetch(address))
        except (FetchError, ValueError, RecursionError):
            continue
        if isinstance(read, dict) and "issuer" in read:
            return read
    return None


async def _keys(http: HttpSettings) -> Finding:
    try:
        ids = await JwksCache(http.jwks_url).ids()
    except TokenCheckUnavailableError:
        found, cure = f"cannot be read from {http.jwks_url}", f"Check {AUTH_JWKS_URL} and the network."
        return Finding("keys", "failed", found, cure)
    if not ids:
        return Finding("keys", "failed", "none that can verify a token", f"Check {AUTH_JWKS_URL}.")
    return Finding("keys", "ok", f"{len(ids)} that can verify tokens")


def _tokens(file: Path) -> Finding:
    try:
        entries = TokenFile(file).entries()
    except TokenFileError as error:
        return Finding("tokens", "failed", str(error), f"Repair it, or set {TOKENS_FILE} to another.")
    if not entries:
        return Finding("tokens", "warning", f"{file} holds none", "Make one with `nomos-mcp token add`.")
    if os.name == "posix" and file.stat().st_mode & _OTHERS:
        return Finding("tokens", "warning", f"{file} can be read by others", f"chmod 600 {file}")
    return Finding("tokens", "ok", f"{len(entries)} in {file}")


def _hosts(http: HttpSettings) -> Finding:
    public = urlsplit(http.public_url).netloc.lower()
    names = http.allowed_hosts or tuple(name for name in ("loopback", public) if name)
    origins = f"; pages of {', '.join(http.allowed_origins)}" if http.allowed_origins else ""
    if public and http.allowed_hosts and public not in http.allowed_hosts:
        cure = f"Add {public} to {ALLOWED_HOSTS}, or correct {PUBLIC_URL}."
        return Finding("hosts", "failed", f"does not answer to its own public name {public}", cure)
    return Finding("hosts", "ok", f"answers to {', '.join(names)}{origins}")


def _webhooks(http: HttpSettings) -> Finding:
    count = len(http.webhook_secrets)
    found = f"{count} {'secret' if count == 1 else 'secrets'}"
    if not (http.public_url or http.allowed_hosts):
        cure = f"Set {ALLOWED_HOSTS} to the host in the endpoint's URL, or {PUBLIC_URL}."
        return Finding("webhooks", "warning", f"{found}, but deliveries to a public host name are refused", cure)
    return Finding("webhooks", "ok", found)
