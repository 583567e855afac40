"""The checks of `nomos-mcp doctor` for the HTTP server: callers, the issuer and its keys, token file, host names."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from nomos_mcp.commands.doctor_checks import Finding
from nomos_mcp.service.error_responses import TokenCheckUnavailableError
from nomos_mcp.service.jwks import FetchError, JwksCache, fetch
from nomos_mcp.service.token_file import TokenFile, TokenFileError
from nomos_mcp.settings import HttpSettings
from nomos_mcp.variables import ALLOWED_HOSTS, AUTH_ISSUER, AUTH_JWKS_URL, PUBLIC_URL, TOKENS_FILE

_OTHERS = 0o077
"""Permissions of all but the owner."""


async def http_checks(http: HttpSettings) -> AsyncIterator[Finding]:
    if not http.authenticates:
        cure = f"Set {AUTH_ISSUER} or {TOKENS_FILE} before other machines may call."
        yield Finding("callers", "warning", "need no token, so the server is for loopback only", cure)
    if http.issuer:
        yield await _issuer(http)
        yield await _keys(http)
    if http.tokens_file:
        yield _tokens(Path(http.tokens_file))
    yield _hosts(http)


async def _issuer(http: HttpSettings) -> Finding:
    metadata = await _metadata(http.issuer)
    if metadata is None:
        return Finding("issuer", "ok", f"{http.issuer} (publishes no metadata to compare with)")
    if (stated := metadata.get("issuer")) != http.issuer:
        cure = f"Set {AUTH_ISSUER} to exactly the `iss` of its tokens, including a trailing slash."
        return Finding(
            "issuer", "failed", f"{http.issuer} states another name in its metadata: {str(stated)[:200]!r}", cure
        )
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
