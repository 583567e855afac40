"""The knobs of the HTTP server: who may call, under which names it is reached, and how much one caller may ask.

Part of the settings, in a file of its own; knows nothing of who uses them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from nomos_mcp.client.trusted_hosts import is_loopback
from nomos_mcp.variables import (
    ALLOWED_HOSTS,
    ALLOWED_ORIGINS,
    AUTH_AUDIENCE,
    AUTH_CUSTOMER_CLAIM,
    AUTH_ISSUER,
    AUTH_JWKS_URL,
    CALLS_PER_MINUTE,
    CUSTOMER_ID,
    PUBLIC_URL,
    TOKENS_FILE,
)

PATH: Final = "/mcp"
"""Where the server answers."""

DEFAULT_CUSTOMER_CLAIM: Final = "nomos_customer"
DEFAULT_CALLS_PER_MINUTE: Final = 120
_MAX_CALLS_PER_MINUTE: Final = 60_000

_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?")


class HttpSettings(BaseModel):
    """What the HTTP server is started with.

    Attributes:
        issuer: `NOMOS_MCP_AUTH_ISSUER`; whose tokens are taken, exactly as their `iss` has it.
        audience: `NOMOS_MCP_AUTH_AUDIENCE`; what their `aud` has to name, the public URL by default.
        jwks_url: `NOMOS_MCP_AUTH_JWKS_URL`; where the issuer's keys are.
        customer_claim: `NOMOS_MCP_AUTH_CUSTOMER_CLAIM`; the claim that fences a caller in to one customer.
        public_url: `NOMOS_MCP_PUBLIC_URL`; the address that clients use, ending in `/mcp`.
        tokens_file: `NOMOS_MCP_TOKENS_FILE`; tokens that `nomos-mcp token` makes.
        allowed_hosts: `NOMOS_MCP_ALLOWED_HOSTS`; taken `Host` headers, exact. Empty: loopback, and the public URL's.
        allowed_origins: `NOMOS_MCP_ALLOWED_ORIGINS`; taken `Origin` headers, exact, besides the server's own.
        calls_per_minute: `NOMOS_MCP_CALLS_PER_MINUTE`; the budget of each authenticated caller.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    customer_claim: str = DEFAULT_CUSTOMER_CLAIM
    public_url: str = ""
    tokens_file: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    calls_per_minute: int = DEFAULT_CALLS_PER_MINUTE

    @property
    def authenticates(self) -> bool:
        """Whether a caller has to show a token."""
        return bool(self.issuer or self.tokens_file)


def http_settings(env: Mapping[str, str]) -> HttpSettings:
    """Read the settings from an environment in which `http_problems` finds nothing."""
    public_url = env.get(PUBLIC_URL, "").rstrip("/")
    return HttpSettings(
        issuer=env.get(AUTH_ISSUER, ""),
        audience=env.get(AUTH_AUDIENCE) or public_url,
        jwks_url=env.get(AUTH_JWKS_URL, ""),
        customer_claim=env.get(AUTH_CUSTOMER_CLAIM) or DEFAULT_CUSTOMER_CLAIM,
        public_url=public_url,
        tokens_file=env.get(TOKENS_FILE, ""),
        allowed_hosts=_listed(env, ALLOWED_HOSTS),
        allowed_origins=_listed(env, ALLOWED_ORIGINS),
        calls_per_minute=int(env.get(CALLS_PER_MINUTE) or DEFAULT_CALLS_PER_MINUTE),
    )


def http_problems(env: Mapping[str, str]) -> list[str]:
    """Return one sentence or two for each mistake: the variable, what is wrong with it, and the cure."""
    problems = [
        f"{name}: {flaw}"
        for name in (AUTH_ISSUER, AUTH_JWKS_URL, PUBLIC_URL)
        if (url := env.get(name)) and (flaw := _url_flaw(url))
    ]
    together = (AUTH_ISSUER, AUTH_JWKS_URL, PUBLIC_URL)
    if any(env.get(name) for name in (AUTH_ISSUER, AUTH_JWKS_URL, AUTH_AUDIENCE)):
        problems += [
            f"{name}: not set, and without it no issuer's token can be checked. Set {', '.join(together)} together."
            for name in together
            if not env.get(name)
        ]
    if (public_url := env.get(PUBLIC_URL)) and not urlsplit(public_url).path.rstrip("/").endswith(PATH):
        problems.append(f"{PUBLIC_URL}: does not end in {PATH}, where the server answers. Append {PATH}.")
    if (tokens_file := env.get(TOKENS_FILE)) and not Path(tokens_file).absolute().parent.is_dir():
        problems.append(f"{TOKENS_FILE}: its folder does not exist. Make it, or name a file in one that exists.")
    if env.get(CUSTOMER_ID) and (env.get(AUTH_ISSUER) or tokens_file):
        problems.append(
            f"{CUSTOMER_ID}: set together with authentication, where each token says whose it is. Unset it."
        )
    return [*problems, *_name_problems(env), *_budget_problems(env)]


def _url_flaw(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        return "is no plain URL. It starts with https://, names a host, and carries no credentials, query or fragment."
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return ""
    return "has to start with https://; plain HTTP is for loopback only."


def _name_problems(env: Mapping[str, str]) -> list[str]:
    hosts = [host for host in _listed(env, ALLOWED_HOSTS) if not _HOST.fullmatch(host)]
    origins = [origin for origin in _listed(env, ALLOWED_ORIGINS) if not _is_origin(origin)]
    return [
        *(f"{ALLOWED_HOSTS}: {host!r} is no host. Use names as in `mcp.example.com:8443`, exact." for host in hosts),
        *(f"{ALLOWED_ORIGINS}: {origin!r} is no origin. Use `https://chat.example.com`, exact." for origin in origins),
    ]


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    return scheme in {"https", "http"} and bool(_HOST.fullmatch(host))


def _budget_problems(env: Mapping[str, str]) -> list[str]:
    text = env.get(CALLS_PER_MINUTE)
    if not text or (text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_CALLS_PER_MINUTE):
        return []
    return [f"{CALLS_PER_MINUTE}: {text!r} is no number of calls. Use 1 to {_MAX_CALLS_PER_MINUTE}."]


def _listed(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(entry.strip().lower() for entry in env.get(name, "").split(",") if entry.strip())
