"""The settings by which the HTTP server knows its callers: what each may hold."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nomos_mcp.client.trusted_hosts import is_loopback
from nomos_mcp.variables import (
    AUTH_AUDIENCE,
    AUTH_ISSUER,
    AUTH_JWKS_URL,
    AUTH_SCOPE_PREFIX,
    CUSTOMER_ID,
    PUBLIC_URL,
    TOKENS_FILE,
)

PATH: Final = "/mcp"
"""Where the HTTP server answers."""

_IN_SCOPES: Final = re.compile(r"[!#-\[\]-~]*")  # RFC 6749, section 3.3
_IN_URLS: Final = re.compile(r"[!#-;=?-\[\]_a-z~]*")  # RFC 3986: fits into a header, between quotes


def authentication_problems(env: Mapping[str, str]) -> Iterator[str]:
    """Yield every mistake in how callers prove who they are."""
    together = (AUTH_ISSUER, AUTH_JWKS_URL, PUBLIC_URL)
    for name in together:
        if (url := env.get(name)) and (flaw := _url_flaw(url)):
            yield f"{name}: {flaw}"
    if any(env.get(name) for name in (AUTH_ISSUER, AUTH_JWKS_URL, AUTH_AUDIENCE)):
        for name in together:
            if not env.get(name):
                yield f"{name}: not set, but needed to check an issuer's tokens. Set {', '.join(together)} together."
    if (public_url := env.get(PUBLIC_URL)) and not urlsplit(public_url).path.rstrip("/").endswith(PATH):
        yield f"{PUBLIC_URL}: does not end in {PATH}, where the server answers. Append {PATH}."
    if not _IN_SCOPES.fullmatch(prefix := env.get(AUTH_SCOPE_PREFIX, "")):
        yield f"{AUTH_SCOPE_PREFIX}: {prefix[:40]!r} cannot be part of a scope. Leave out spaces, quotes and the like."
    yield from folder_problems(env, TOKENS_FILE)
    if env.get(CUSTOMER_ID) and (env.get(AUTH_ISSUER) or env.get(TOKENS_FILE)):
        yield f"{CUSTOMER_ID}: set together with authentication, where each token names its customer. Unset it."


def folder_problems(env: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield that the folder of a file does not exist, if that is so."""
    if (file := env.get(name)) and not Path(file).absolute().parent.is_dir():
        yield f"{name}: its folder does not exist. Make the folder, or name a file in one that exists."


def _url_flaw(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or "@" in parts.netloc or parts.query or parts.fragment or not _IN_URLS.fullmatch(url):
        return (
            "is not a plain URL. Use https://, a host and a path, without credentials, query or fragment; "
            "write other letters than a to z as xn--… in the host and as %… in the path."
        )
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return ""
    return "must start with https://; plain HTTP is for loopback only."
