"""Tokens of an issuer: which are taken, which are not, and what the caller is told."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from nomos_mcp.client import NomosClient
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Era, era  # noqa: F401  a fixture
from tests.service.authority import (
    EC_KEY,
    ISSUER,
    PUBLIC_URL,
    RSA_KEY,
    STRANGER,
    Authority,
    public_key_pem,
    settings,
    token,
)
from tests.service.running import Running, running
from tests.service.wire import call
from tests.serving import served

OWN = DEMO.customers["blocked_check_missing"]
METADATA = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def keys_url(authority: Authority) -> Iterator[str]:
    with served(authority) as url:
        yield url


@pytest.fixture(scope="module")
def service(keys_url: str) -> Iterator[Running]:
    with running(Settings(demo=True, http=settings(keys_url))) as server:
        yield server


def challenge(response: httpx.Response) -> dict[str, str]:
    """Return the parameters of the challenge."""
    scheme, _, rest = response.headers["www-authenticate"].partition(" ")
    assert scheme == "Bearer"
    return dict(part.split("=", 1) for part in rest.replace('"', "").split(", ") if "=" in part)


def unsigned() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa"}').rstrip(b"=").decode()
    return f"{head}.{token().split('.')[1]}."


def signed_with_the_public_key() -> str:
    """Return what a checker takes that lets the token choose how it is checked; PyJWT refuses to make one."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=")
    signed = head + b"." + token().split(".")[1].encode()
    signature = base64.urlsafe_b64encode(hmac.digest(public_key_pem(), signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def with_head(head: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode() + "." + token().split(".", 1)[1]


def tampered() -> str:
    head, claims, signature = token().split(".")
    other = token(sub="somebody-else").split(".")[1]
    assert other != claims
    return f"{head}.{other}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "...",
        "nmcp_1_2",
        "é",
        unsigned(),
        signed_with_the_public_key(),
        tampered(),
        with_head([]),
        with_head({"alg": []}),
        with_head({"alg": "RS256", "kid": 1}),
        with_head({"alg": "RS256", "kid": "rsa", "crit": ["x"]}),
        token(typ="logout+jwt"),
        token(typ="dpop+jwt"),
        token(typ="oauth-id-jag+jwt"),
        token(typ="token-introspection+jwt"),
        token(typ="id+jwt"),
        token(typ="at+jwt "),
        token(typ=["at+jwt"]),
        token(STRANGER),
        token(kid="nobody"),
        token(kid=None),
        token(STRANGER, kid="enc"),
        token("x" * 32, "HS256", kid="oct"),
        token(algorithm="RS256", kid="ec"),
        token(EC_KEY, "ES256", kid="rsa"),
        token(iss="https://evil.example"),
        token(iss=f"{ISSUER}/"),
        token(iss=None),
        token(aud="https://other.example/mcp"),
        token(aud=None),
        token(aud=[]),
        token(exp=None),
        token(exp=int(time.time()) - 100),
        token(exp="soon"),
        token(nbf=int(time.time()) + 3600),
        token(iat=int(time.time()) + 3600),
        token(sub=7),
        token(sub="half a \ud83d"),
        token(sub="a\0b"),
        token(sub="support-bot\u200b"),
        token(sub="a\nb"),
        token(sub=None),
        token(nomos_customer=""),
        token(nomos_customer=None, scope=None, sub=""),
        token(nomos_customer="sub_1"),
        token(nomos_customer=["cus_1", "cus_2"]),
        token(nomos_customer=[["cus_1"]]),
        token(nomos_customer=[]),
        token(nomos_customer="cus_1 or everybody"),
    ],
)
def test_a_token_that_is_not_right_is_not_taken(service: Running, text: str) -> None:
    response = httpx.post(f"{service.url}/mcp", headers={b"authorization": b"Bearer " + text.encode()}, json={})
    assert response.status_code == 401
    assert challenge(response)["error"] == "invalid_token"
    assert challenge(response)["resource_metadata"] == METADATA
    assert challenge(response)["scope"] == "orders:read"
    assert text not in response.text or len(text) < 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (token(exp=int(time.time()) - 100), "has expired"),
        (token(nbf=int(time.time()) + 3600), "not valid yet"),
        (token(nomos_customer="x"), "nomos_customer"),
        (token(STRANGER), "not valid for this server"),
    ],
)
def test_the_caller_is_told_why(service: Running, text: str, said: str) -> None:
    assert said in call(service.url, token=text).json()["error_description"]


def test_there_is_no_leeway_for_the_end_of_a_token(service: Running) -> None:
    assert "has expired" in call(service.url, token=token(exp=int(time.time()) - 1)).text


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic bTpz"}, {"authorization": "Bearer"}])
def test_without_a_token_the_caller_is_told_what_to_come_back_with(service: Running, header: dict[str, str]) -> None:
    response = httpx.post(f"{service.url}/mcp", headers=header, json={})
    assert response.status_code == 401
    assert challenge(response) == {"scope": "orders:read", "resource_metadata": METADATA}


def test_a_token_in_the_url_is_not_taken_and_not_logged(service: Running, capfd: pytest.CaptureFixture[str]) -> None:
    text = token()
    for header in ({}, {"authorization": f"Bearer {text}"}):
        assert httpx.post(f"{service.url}/mcp?access_token={text}", headers=header, json={}).status_code == 400
    assert text not in capfd.readouterr().err


def test_the_metadata_tells_where_to_get_a_token(service: Running) -> None:
    response = httpx.get(f"{service.url}/.well-known/oauth-protected-resource/mcp")
    assert response.json() == {
        "resource": PUBLIC_URL,
        "resource_name": "nomos-mcp",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["orders:read", "orders:write"],
        "bearer_methods_supported": ["header"],
    }


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(EC_KEY, "ES256", kid="ec"),
        token(RSA_KEY, "PS256"),
        token(aud=["https://other.example", PUBLIC_URL]),
        token(nbf=int(time.time()) + 5),
        token(typ="at+jwt"),
        token(typ="application/AT+JWT"),
        token(typ="jwt"),
        token(typ=None),
        token(scope=None, scp=["orders:read", "org", 7]),
        token(scope=None, scp="orders:read org", roles=["org"]),
        token(sub=None, client_id="robot"),
        token(sub=None, azp="robot"),
        token(nomos_customer=OWN),
    ],
)
def test_a_right_token_is_taken(service: Running, text: str) -> None:
    assert call(service.url, token=text).status_code == 200


@pytest.mark.parametrize(
    ("claims", "tool", "needed"),
    [
        ({"scope": ""}, "get_meter_order", "orders:read org"),
        ({"scope": None}, "get_meter_order", "orders:read org"),
        ({"scope": {"orders:read": True}}, "get_meter_order", "orders:read org"),
        ({"scope": "orders:read"}, "get_meter_order", "orders:read org"),
        ({"scope": "org"}, "get_meter_order", "orders:read org"),
        ({"scope": "orders:read x\u00a0org"}, "get_meter_order", "orders:read org"),
        ({"scope": "orders:read x\torg"}, "get_meter_order", "orders:read org"),
        ({"scope": "orders:read org"}, "order_smart_meter", "orders:read orders:write org"),
        ({"scope": "org", "nomos_customer": OWN}, "get_meter_order", "orders:read"),
        ({"scope": "orders:read", "nomos_customer": OWN}, "order_smart_meter", "orders:read orders:write"),
    ],
)
def test_a_token_that_does_not_suffice_is_told_all_the_scopes_to_come_back_with(
    service: Running, claims: dict[str, Any], tool: str, needed: str
) -> None:
    response = call(service.url, tool, {}, token=token(**claims))
    assert response.status_code == 403
    assert challenge(response)["error"] == "insufficient_scope"
    assert challenge(response)["scope"] == needed
    assert challenge(response)["resource_metadata"] == METADATA


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"])
def test_a_call_without_the_scope_is_refused_in_every_revision(service: Running, version: str) -> None:
    text = token(scope="orders:read", nomos_customer=OWN)
    arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
    modern = version == "2026-07-28"
    response = call(
        service.url, "order_smart_meter", arguments, modern=modern, token=text, mcp_protocol_version=version
    )
    assert response.status_code == 403
    assert challenge(response)["scope"] == "orders:read orders:write"


def test_a_name_in_base64_gets_nobody_past_the_scope(service: Running) -> None:
    text = token(scope="orders:read", nomos_customer=OWN)
    arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
    encoded = f"=?base64?{base64.b64encode(b'order_smart_meter').decode()}?="
    response = call(service.url, "order_smart_meter", arguments, token=text, mcp_name=encoded)
    assert response.status_code == 403


async def test_what_is_listed_is_what_may_be_called(service: Running, era: Era) -> None:  # noqa: F811  the fixture
    listed = {}
    for scope in ("orders:read org", "orders:read orders:write org"):
        http = httpx2_client(token(scope=scope))
        with anyio.fail_after(30):
            async with http, Client(streamable_http_client(f"{service.url}/mcp", http_client=http), mode=era) as client:
                listed[scope] = {tool.name for tool in (await client.list_tools()).tools}
    assert listed["orders:read orders:write org"] - listed["orders:read org"] == {"order_smart_meter"}


def httpx2_client(text: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(headers={"authorization": f"Bearer {text}"})


@pytest.mark.parametrize("modern", [True, False])
def test_a_caller_limited_to_one_customer_sees_nobody_elses_order(service: Running, modern: bool) -> None:  # noqa: FBT001  a parameter
    text = token(nomos_customer=OWN)
    own, foreign = DEMO.orders["blocked_check_missing"], DEMO.orders["installed"]
    assert (
        '"isError":true' not in call(service.url, "get_meter_order", {"order_id": own}, modern=modern, token=text).text
    )
    answer = call(service.url, "get_meter_order", {"order_id": foreign}, modern=modern, token=text).text
    unknown = call(service.url, "get_meter_order", {"order_id": f"prdo_{'0' * 24}"}, modern=modern, token=text).text
    assert answer == unknown


def test_the_claim_of_the_customer_scope_can_have_another_name(keys_url: str) -> None:
    with running(
        Settings(demo=True, http=settings(keys_url, customer_claim="https://acme.example/customer"))
    ) as service:
        text = token(**{"https://acme.example/customer": OWN}, scope="orders:read")
        assert call(service.url, token=text).status_code == 200


def test_a_caller_is_named_in_the_log_and_its_token_is_not(service: Running, capfd: pytest.CaptureFixture[str]) -> None:
    text = token(nomos_customer=OWN)
    call(service.url, token=text)
    line = capfd.readouterr().err
    assert json.loads(line)["caller"] == "support-bot"
    assert json.loads(line)["customer"] == OWN
    assert text not in line


def test_an_unreachable_issuer_is_no_fault_of_the_caller() -> None:
    with running(Settings(demo=True, http=settings("http://127.0.0.1:9"))) as service:
        response = call(service.url, token=token())
        assert response.status_code == 503
        assert response.headers["retry-after"] == "10"
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_what_goes_upstream_carries_our_token_and_not_the_callers(keys_url: str) -> None:
    seen: list[dict[bytes, bytes]] = []
    simulator = Simulator()

    async def upstream(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]))
        await simulator(scope, receive, send)

    nomos = NomosClient(
        client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url="http://127.0.0.1", app=upstream
    )
    text = token()
    with running(Settings(http=settings(keys_url)), client=nomos) as service:
        answer = call(service.url, "get_meter_order", {"order_id": DEMO.orders["installed"]}, token=text)
    sent = b"".join(value for headers in seen for value in headers.values())
    assert text.encode() not in sent
    ours = [headers[b"authorization"].decode().split()[1] for headers in seen]
    assert not any(secret in answer.text or secret in str(answer.headers) for secret in ours)
