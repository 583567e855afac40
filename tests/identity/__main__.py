"""Checks docs/identity-providers.md with a real provider, a real server and the SDK's OAuth client.

`python -m tests.identity PROVIDER` starts `provider.mjs`, which lies beside the package oidc-provider, on another host
and path than `nomos-mcp http --demo`, and prints a line for each check. All is on loopback.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from mcp.shared.auth import OAuthClientInformationFull
from mcp_types import TextContent

from nomos_mcp.simulator import DEMO
from tests.docs.blocks import blocks
from tests.identity.people import REDIRECT, Person, Storage, agent_at, connected, order, person_at
from tests.service.processes import process, wait_until_closed
from tests.service.wire import call

SECRET: Final = "a secret of thirty-two characters"
DOCUMENT: Final = "https://chat.example.com/oauth/client.json"
PREFIX: Final = "api://nomos/"
ELSEWHERE: Final = "https://elsewhere.example.com/mcp"
OWN, FOREIGN, UNKNOWN = DEMO.orders["blocked_check_missing"], DEMO.orders["installed"], f"prdo_{'0' * 24}"
PAGE: Final = "docs/identity-providers.md"
HARNESS: Final = """
const nobody = { user: { app_metadata: {} }, client: { metadata: {} } };
const set = { nomos_customer: 'cus_4fK2' };
const somebody = { user: { app_metadata: set }, client: { metadata: set } };
const api = { accessToken: { setCustomClaim: (name, value) => console.log(name, value) } };
for (const action of Object.values(exports)) for (const event of [nobody, somebody]) action(event, api);
"""
AGENTS: Final = ("reports", "chat", "hasty")
METADATA_OF_AGENTS: Final = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
CLAIMS: Final[dict[str, dict[str, str | list[str]]]] = {
    "anna": {"nomos_customer": DEMO.customers["blocked_check_missing"]},
    "bea": {"nomos_customer": DEMO.customers["can_order"]},
    "staff": {"roles": [f"{PREFIX}org"]},
    "carl": {},
    "chat": {"nomos_customer": DEMO.customers["blocked_check_missing"]},
}


class Provider:
    """The provider's process, and what stays the same when it is started again."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.port = free_port()
        self.issuer = self.of("acme")

    def of(self, realm: str) -> str:
        return f"http://localhost:{self.port}/realms/{realm}"

    @contextmanager
    def runs(self, key: dict[str, Any]) -> Iterator[None]:
        agents = [{"client_id": name, "client_secret": SECRET, **METADATA_OF_AGENTS} for name in AGENTS]
        told = {
            "port": self.port,
            "keys": [key],
            "realms": {"acme": "", "other": "", "prefixed": PREFIX},
            "scopes": ["orders:read", "orders:write", "org"],
            "claims": CLAIMS,
            "clients": [*agents, document("desk")],
            "documents": {DOCUMENT: document(DOCUMENT)},
            "lifetimes": {"hasty": 1},
        }
        with subprocess.Popen(
            ["node", self._program],  # noqa: S607  the one that .ci/node puts on PATH
            env={**os.environ, "PROVIDER": json.dumps(told)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as started:
            try:
                assert started.stdout is not None
                assert started.stdout.readline() == "ready\n", "the provider did not start"
                yield
            finally:
                started.terminate()
        wait_until_closed(self.port)

    def token(self, name: str, resource: str, scope: str, realm: str = "acme") -> str:
        """Get an agent's token as `curl` does on the page."""
        asked = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        response = httpx.post(f"{self.of(realm)}/token", auth=(name, SECRET), data=asked)
        return str(response.raise_for_status().json()["access_token"])


def document(client_id: str) -> dict[str, Any]:
    """Return what a client for people says about itself (Client ID Metadata Document)."""
    return {
        "client_id": client_id,
        "client_name": "chat",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }


def new_key(kid: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048)))
    return {**key, "kid": kid, "use": "sig", "alg": "RS256"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def passed(what: str) -> None:
    sys.stdout.write(f"ok: {what}\n")
    sys.stdout.flush()


async def people(url: str) -> None:
    anna, kept = Person("anna"), Storage()
    async with connected(url, person_at(url, anna, kept)) as client:
        assert not (await order(client, OWN)).is_error
        foreign, unknown = await order(client, FOREIGN), await order(client, UNKNOWN)
    assert foreign.is_error
    assert foreign.content == unknown.content
    assert anna.asked_for == ["orders:read offline_access"], anna.asked_for
    assert kept.client is not None
    assert kept.client.client_id != DOCUMENT
    passed("a person: registers, signs in, reads the own order; another customer's looks as if it did not exist")

    bea, kept = Person("bea"), Storage()
    async with connected(url, person_at(url, bea, kept, DOCUMENT)) as client:
        preview = await client.call_tool("order_smart_meter", {"subscription_id": DEMO.subscriptions["can_order"]})
    said = "".join(block.text for block in preview.content if isinstance(block, TextContent))
    assert "confirm" in said, said
    assert kept.client is not None
    assert kept.client.client_id == DOCUMENT
    assert [set(asked.split()) for asked in bea.asked_for] == [
        {"orders:read", "offline_access"},
        {"orders:read", "orders:write", "offline_access"},
    ], bea.asked_for
    passed("a person: named by a document (CIMD); orders:write is asked for when it is needed")

    staff, kept = Person("staff"), Storage(OAuthClientInformationFull(client_id="desk"))
    async with connected(url, person_at(url, staff, kept)) as client:
        assert not (await order(client, FOREIGN)).is_error
    assert "org" in staff.asked_for[-1].split()
    passed("staff: a client that the provider knows; no customer in the token, so org is asked for; reads any order")

    assert kept.tokens is not None
    kept.tokens = kept.tokens.model_copy(update={"access_token": f"{kept.access_token}x"})
    before = len(staff.asked_for)
    async with connected(url, person_at(url, staff, kept)) as client:
        assert not (await order(client, FOREIGN)).is_error
    assert len(staff.asked_for) > before
    passed("a token that is spoiled: 401, and the client gets another")


async def prefixed(url: str) -> None:
    staff = Person("staff")
    async with connected(url, person_at(url, staff, Storage(OAuthClientInformationFull(client_id="desk")))) as client:
        assert not (await order(client, FOREIGN)).is_error
    assert f"{PREFIX}org" in staff.asked_for[-1].split(), staff.asked_for
    passed("scopes with a prefix, as Entra ID has them: asked for with it, taken from scp without it")

    kept = Storage(OAuthClientInformationFull(client_id="desk"))
    with suppress(ExceptionGroup):  # the client comes back with what was asked for, and is refused again
        async with connected(url, person_at(url, Person("carl"), kept)):
            pass
    assert "org" in jwt.decode(kept.access_token, options={"verify_signature": False})["scp"].split()
    response = call(url.removesuffix("/mcp"), token=kept.access_token)
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope"), response.text
    passed("no customer, and org in scp by a consent but not in roles: 403 insufficient_scope")


async def agents(url: str, issuer: str) -> None:
    async with connected(url, agent_at(url, Storage(), issuer, "reports", SECRET)) as client:
        assert not (await order(client, FOREIGN)).is_error
    async with connected(url, agent_at(url, Storage(), issuer, "chat", SECRET)) as client:
        assert not (await order(client, OWN)).is_error
        assert (await order(client, FOREIGN)).is_error
    passed("agents: client credentials for the organisation, and for one customer only")


def refusals(base: str, url: str, provider: Provider) -> None:
    for what, token, status, said in (
        ("another audience", provider.token("reports", ELSEWHERE, "orders:read org"), 401, "not valid for this server"),
        ("another issuer", provider.token("reports", url, "orders:read org", "other"), 401, "not valid for this serv"),
        ("a forged one", forged(provider.token("reports", url, "orders:read org")), 401, "not valid for this server"),
        ("no orders:read", provider.token("reports", url, "org"), 403, "orders:read, org"),
        ("no customer, no org", provider.token("reports", url, "orders:read"), 403, "orders:read, org"),
        ("an expired token", expired(provider.token("hasty", url, "orders:read org")), 401, "has expired"),
    ):
        response = call(base, token=token)
        assert (response.status_code, said in response.text) == (status, True), (what, response.text[:300])
        passed(f"{what}: {status} {response.json()['error']}")


def forged(token: str) -> str:
    """Return a token with the same head and claims, signed by a stranger."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", jwt.get_unverified_header(token))


def expired(token: str) -> str:
    """Wait until a token has expired."""
    end = jwt.decode(token, options={"verify_signature": False})["exp"]
    while time.time() <= end:
        time.sleep(0.05)  # nothing but the clock tells it
    return token


def rotation(base: str, url: str, provider: Provider, old: str) -> None:
    with provider.runs(new := new_key("new")):
        token = provider.token("reports", url, "orders:read org")
    response = call(base, token=token)
    assert (response.status_code, response.headers.get("retry-after")) == (503, "10"), response.text
    assert call(base, token=old).status_code == 200
    passed("the provider is away: tokens with known keys are taken, others get 503")
    with provider.runs(new):
        assert call(base, token=token).status_code == 200
        assert call(base, token=old).status_code == 401
    passed("a new key: taken as soon as a token names it; tokens with the old one get 401")


def page(issuer: str, url: str) -> None:
    """Run the commands and the JavaScript of the page as they stand."""
    (commands,) = (block.text for block in blocks(PAGE, "shell") if "curl" in block.text)
    reader = {"TOKEN_URL": f"{issuer}/token", "MCP_URL": url, "CLIENT_ID": "reports", "CLIENT_SECRET": SECRET}
    said = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607  whichever the reader has
        env={**os.environ, **reader},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f'"iss":"{issuer}"' in said.stdout, said
    assert "HTTP/1.1 200 OK" in said.stdout, said
    assert '"name":"get_meter_order"' in said.stdout, said
    actions = [block.text for block in blocks(PAGE, "javascript")]
    for action in actions:
        said = subprocess.run(
            ["node", "--input-type=commonjs", "--eval", action + HARNESS],  # noqa: S607  as above
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.stdout == "https://mcp.example.com/customer cus_4fK2\n", said
    passed(f"the page: its commands, and {len(actions)} Actions of Auth0 with an event as they get it")


def doctor(settings: dict[str, str], issuer: str) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "nomos_mcp", "doctor", "--demo", "--json"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {check["name"]: check for check in json.loads(asked.stdout)["checks"]}
    assert (found["issuer"]["state"], issuer in found["issuer"]["found"]) == ("ok", True), found["issuer"]
    assert found["keys"]["state"] == "ok", found["keys"]
    passed("nomos-mcp doctor: issuer and keys")


def environment(issuer: str, url: str, **more: str) -> dict[str, str]:
    return {
        "NOMOS_MCP_AUTH_ISSUER": issuer,
        "NOMOS_MCP_AUTH_JWKS_URL": f"{issuer}/jwks",
        "NOMOS_MCP_PUBLIC_URL": url,
        **more,
    }


def main() -> None:
    provider, port = Provider(sys.argv[1]), free_port()
    base = f"http://127.0.0.1:{port}"
    url, demo = f"{base}/mcp", ("--demo", "--port", str(port))
    with provider.runs(new_key("old")):
        with process(*demo, **environment(provider.of("prefixed"), url, NOMOS_MCP_AUTH_SCOPE_PREFIX=PREFIX)):
            asyncio.run(prefixed(url))
        doctor(environment(provider.issuer, url), provider.issuer)
    with process(*demo, **environment(provider.issuer, url)):
        with provider.runs(new_key("old")):
            asyncio.run(people(url))
            asyncio.run(agents(url, provider.issuer))
            page(provider.issuer, url)
            refusals(base, url, provider)
            old = provider.token("reports", url, "orders:read org")
            assert call(base, token=old).status_code == 200
        rotation(base, url, provider, old)


if __name__ == "__main__":
    main()
