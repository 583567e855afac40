"""Tokens with the claims that Keycloak, Entra ID and Auth0 document: who the caller is, and what they may do.

`docs/identity-providers.md` names the pages from which the claims were taken. Only names and forms are theirs: the key
is a test's, and IDs are invented.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

import jwt
import pytest
from mcp.client.auth.utils import build_oauth_authorization_server_metadata_discovery_urls
from mcp.shared.auth import ProtectedResourceMetadata
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nomos_mcp.server.request_context import Caller
from nomos_mcp.service.authentication import JwtVerifier
from nomos_mcp.service.authorization import Challenges, InvalidTokenError, metadata_routes
from nomos_mcp.service.jwks import JwksCache
from nomos_mcp.settings import HttpSettings
from tests.service.authority import PUBLIC_URL, RSA_KEY, Authority
from tests.serving import served

Claims = dict[str, Any]

TENANT: Final = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
API: Final = "00001111-aaaa-2222-bbbb-3333cccc4444"
READ: Final = frozenset({"orders:read"})
READ_ALL: Final = frozenset({"orders:read", "org"})

KEYCLOAK: Final = HttpSettings(issuer="https://id.example.com/realms/acme", audience=PUBLIC_URL, public_url=PUBLIC_URL)
ENTRA: Final = HttpSettings(
    issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
    audience=API,
    public_url=PUBLIC_URL,
    customer_claim="extn.nomosCustomer",
    organisation_claim="extn.nomosOrganisation",
    scope_prefix=f"{PUBLIC_URL}/",
)
ENTRA_V1: Final = ENTRA.model_copy(update={"issuer": f"https://sts.windows.net/{TENANT}/"})
AUTH0: Final = HttpSettings(
    issuer="https://acme.eu.auth0.com/",
    audience=PUBLIC_URL,
    public_url=PUBLIC_URL,
    customer_claim="https://mcp.example.com/customer",
)

KEYCLOAK_PERSON: Final[Claims] = {
    "auth_time": 1,
    "jti": "onrtac:3b6d2a80-8b6b-4f5e-9a1a-0f2f6a6f1c11",
    "iss": KEYCLOAK.issuer,
    "aud": [PUBLIC_URL, "account"],
    "sub": "f5d7c1b2-9f7e-4a0e-8c57-1d9f5b1f2a10",
    "typ": "Bearer",
    "azp": "chat",
    "sid": "0a1b2c3d-6a0e-4c5e-9a44-6a2f3e1c7d55",
    "acr": "1",
    "allowed-origins": ["https://chat.example.com"],
    "realm_access": {"roles": ["offline_access", "default-roles-acme", "org", "orders:write"]},
    "resource_access": {"account": {"roles": ["manage-account", "org"]}},
    "scope": "openid orders:read profile email",
    "email_verified": True,
    "preferred_username": "anna",
    "nomos_customer": "cus_4fK2",
}
KEYCLOAK_MACHINE: Final[Claims] = {
    "jti": "trrtcc:8c0d8a8e-51c8-4a5a-b2a5-3f7c8f2b1e90",
    "iss": KEYCLOAK.issuer,
    "aud": PUBLIC_URL,
    "sub": "6b1f2d3c-0b7a-4b52-8a65-2f0c9d7e4b31",
    "typ": "Bearer",
    "azp": "reports",
    "acr": "1",
    "scope": "profile orders:read org email",
    "email_verified": False,
    "clientHost": "192.0.2.1",
    "clientAddress": "192.0.2.1",
    "client_id": "reports",
    "preferred_username": "service-account-reports",
}
ENTRA_PERSON: Final[Claims] = {
    "aud": API,
    "iss": ENTRA.issuer,
    "aio": "AYQAe/8TAAAA",
    "azp": "22223333-cccc-4444-dddd-5555eeee6666",
    "azpacr": "0",
    "name": "Anna Example",
    "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
    "preferred_username": "anna@acme.example",
    "rh": "0.AXEA",
    "roles": ["org", "orders:write"],
    "scp": "orders:read",
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "tid": TENANT,
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "ver": "2.0",
    "extn.nomosCustomer": ["cus_4fK2"],
    "extn.nomosOrganisation": ["acme"],
}
ENTRA_MACHINE: Final[Claims] = {
    "aud": API,
    "iss": ENTRA.issuer,
    "aio": "k2RgYHj",
    "azp": "33334444-dddd-5555-eeee-6666ffff7777",
    "azpacr": "1",
    "idtyp": "app",
    "oid": "bbbbbbbb-1111-2222-3333-cccccccccccc",
    "rh": "0.AXEA",
    "roles": [f"{PUBLIC_URL}/orders:read", f"{PUBLIC_URL}/org", "Something.Else"],
    "sub": "bbbbbbbb-1111-2222-3333-cccccccccccc",
    "tid": TENANT,
    "uti": "GUTIoTJSUkmG0DQC",
    "ver": "2.0",
}
ENTRA_V1_PERSON: Final[Claims] = {
    "aud": API,  # as the optional claim `aud` with `use_guid` makes it
    "iss": ENTRA_V1.issuer,
    "acr": "1",
    "amr": ["pwd", "mfa"],
    "appid": "22223333-cccc-4444-dddd-5555eeee6666",
    "appidacr": "0",
    "oid": "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
    "roles": [f"{PUBLIC_URL}/org"],
    "scp": "orders:read org",
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "tid": TENANT,
    "unique_name": "anna@acme.example",
    "ver": "1.0",
}
AUTH0_PERSON: Final[Claims] = {
    "https://mcp.example.com/customer": "cus_4fK2",
    "nomos_organisation": "acme",
    "iss": AUTH0.issuer,
    "sub": "auth0|6553da60a54af58e29493993",
    "aud": [PUBLIC_URL, "https://acme.eu.auth0.com/userinfo"],
    "azp": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx",
    "scope": "openid profile orders:read",
    "permissions": ["orders:read", "orders:write", "org"],
}
AUTH0_PERSON_9068: Final[Claims] = {
    "https://mcp.example.com/customer": "cus_4fK2",
    "iss": AUTH0.issuer,
    "sub": "auth0|6553da60a54af58e29493993",
    "aud": [PUBLIC_URL, "https://acme.eu.auth0.com/userinfo"],
    "client_id": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx",
    "jti": "73WakrfVbNJBaAmhQtEeDv",
    "scope": "openid orders:read",
}
AUTH0_MACHINE: Final[Claims] = {
    "iss": AUTH0.issuer,
    "sub": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients",
    "aud": PUBLIC_URL,
    "azp": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx",
    "scope": "orders:read org",
    "gty": "client-credentials",
    "permissions": ["orders:read", "org"],
}


@pytest.fixture(scope="module")
def keys_url() -> Iterator[str]:
    with served(Authority()) as url:
        yield f"{url}/jwks"


def without(claims: Claims, name: str) -> Claims:
    return {kept: value for kept, value in claims.items() if kept != name}


async def checked(
    http: HttpSettings, keys_url: str, claims: Claims, kind: str = "JWT"
) -> tuple[str, str, str, frozenset[str]]:
    """Return a token's caller: name, customer, organisation, scopes."""
    now = int(time.time())
    token = jwt.encode(
        {"iat": now, "nbf": now, "exp": now + 300, **claims}, RSA_KEY, "RS256", headers={"kid": "rsa", "typ": kind}
    )
    caller = (await JwtVerifier(http, JwksCache(keys_url)).check(token)).caller
    return caller.name, caller.customer_id, caller.organisation, caller.scopes


@pytest.mark.parametrize(
    ("http", "claims", "customer", "organisation", "scopes"),
    [
        pytest.param(KEYCLOAK, KEYCLOAK_PERSON, "cus_4fK2", "", READ, id="keycloak, person"),
        pytest.param(KEYCLOAK, KEYCLOAK_MACHINE, "", "", READ_ALL, id="keycloak, machine"),
        pytest.param(ENTRA, ENTRA_PERSON, "cus_4fK2", "acme", READ, id="entra, person"),
        pytest.param(ENTRA, ENTRA_MACHINE, "", "", READ_ALL, id="entra, machine"),
        pytest.param(
            ENTRA, {**ENTRA_MACHINE, "roles": ["orders:read", "org"]}, "", "", READ_ALL, id="entra, machine, no prefix"
        ),
        pytest.param(ENTRA_V1, ENTRA_V1_PERSON, "", "", READ_ALL, id="entra, person, version 1"),
        pytest.param(AUTH0, AUTH0_PERSON, "cus_4fK2", "acme", READ, id="auth0, person"),
        pytest.param(AUTH0, AUTH0_PERSON_9068, "cus_4fK2", "", READ, id="auth0, person, RFC 9068"),
        pytest.param(AUTH0, AUTH0_MACHINE, "", "", READ_ALL, id="auth0, machine"),
    ],
)
@pytest.mark.parametrize("kind", ["JWT", "at+jwt"])
async def test_the_callers_of_their_tokens(
    http: HttpSettings,
    keys_url: str,
    claims: Claims,
    customer: str,
    organisation: str,
    scopes: frozenset[str],
    kind: str,
) -> None:
    assert await checked(http, keys_url, claims, kind) == (claims["sub"], customer, organisation, scopes)


@pytest.mark.parametrize(
    ("http", "claims"),
    [
        pytest.param(KEYCLOAK, {**KEYCLOAK_MACHINE, "scope": "profile email"}, id="keycloak, scopes not asked for"),
        pytest.param(KEYCLOAK, without(KEYCLOAK_PERSON, "scope"), id="keycloak, roles of the realm only"),
        pytest.param(ENTRA, {**ENTRA_MACHINE, "roles": None}, id="entra, application without a role"),
        pytest.param(ENTRA, {**ENTRA_MACHINE, "roles": "orders:read org"}, id="entra, roles that are a text"),
        pytest.param(ENTRA, {**ENTRA_MACHINE, "idtyp": "user"}, id="entra, roles of a user"),
        pytest.param(ENTRA, {**ENTRA_MACHINE, "idtyp": ["app"]}, id="entra, another form of idtyp"),
        pytest.param(ENTRA, without(ENTRA_MACHINE, "idtyp"), id="entra, an ID token's roles"),
        pytest.param(ENTRA, {**ENTRA_MACHINE, "scp": ""}, id="entra, an empty scp goes before roles"),
        pytest.param(KEYCLOAK, {**KEYCLOAK_MACHINE, "scope": f"{PUBLIC_URL}/org"}, id="a prefix that is not set"),
        pytest.param(AUTH0, without(AUTH0_PERSON, "scope"), id="auth0, permissions not asked for"),
    ],
)
async def test_what_grants_nothing(http: HttpSettings, keys_url: str, claims: Claims) -> None:
    assert (await checked(http, keys_url, claims))[-1] == frozenset()


@pytest.mark.parametrize("roles", [None, [], ["Something.Else"], "org", {"org": 1}, [["org"]], ["ORG"]])
@pytest.mark.parametrize("idtyp", ["user", "app"])
async def test_a_consent_to_org_is_not_enough_where_it_counts_for_everybody(
    keys_url: str, roles: object, idtyp: str
) -> None:
    claims = {**without(ENTRA_PERSON, "extn.nomosCustomer"), "scp": "orders:read org", "roles": roles, "idtyp": idtyp}
    assert (await checked(ENTRA, keys_url, claims))[-1] == READ


@pytest.mark.parametrize(
    ("http", "claims"),
    [
        pytest.param(KEYCLOAK, {**KEYCLOAK_PERSON, "aud": "account"}, id="keycloak, no audience mapper"),
        pytest.param(KEYCLOAK, {**KEYCLOAK_PERSON, "iss": "https://id.example.com/realms/other"}, id="another realm"),
        pytest.param(KEYCLOAK, {**KEYCLOAK_PERSON, "nomos_customer": ["cus_1", "cus_2"]}, id="two customers"),
        pytest.param(ENTRA, {**ENTRA_PERSON, "aud": f"api://{API}"}, id="entra, an address for the ID"),
        pytest.param(ENTRA, {**ENTRA_PERSON, "aud": "00000003-0000-0000-c000-000000000000"}, id="entra, for Graph"),
        pytest.param(ENTRA, ENTRA_V1_PERSON, id="entra, version 1 where 2 is set"),
        pytest.param(ENTRA, {**ENTRA_PERSON, "extn.nomosCustomer": []}, id="entra, an empty attribute"),
        pytest.param(AUTH0, {**AUTH0_PERSON, "iss": AUTH0.issuer.rstrip("/")}, id="auth0, without the slash"),
        pytest.param(AUTH0, {**AUTH0_PERSON, "aud": "https://acme.eu.auth0.com/userinfo"}, id="auth0, no API named"),
    ],
)
async def test_what_is_refused(http: HttpSettings, keys_url: str, claims: Claims) -> None:
    with pytest.raises(InvalidTokenError):
        await checked(http, keys_url, claims)


@pytest.mark.parametrize("issuer", [KEYCLOAK.issuer, ENTRA.issuer, AUTH0.issuer, AUTH0.issuer.rstrip("/")])
def test_the_sdks_client_finds_the_provider_and_takes_its_name_as_it_is(issuer: str) -> None:
    http = KEYCLOAK.model_copy(update={"issuer": issuer})
    response = TestClient(Starlette(routes=metadata_routes(http))).get("/.well-known/oauth-protected-resource/mcp")
    (server,) = ProtectedResourceMetadata.model_validate_json(response.content).authorization_servers
    assert str(server) == issuer
    looked_at = build_oauth_authorization_server_metadata_discovery_urls(str(server), PUBLIC_URL)
    assert f"{issuer.rstrip('/')}/.well-known/openid-configuration" in looked_at


def test_clients_are_told_to_ask_for_scopes_with_the_prefix() -> None:
    for caller, scopes in (
        (None, f"{PUBLIC_URL}/orders:read"),
        (Caller(scopes=READ), f"{PUBLIC_URL}/orders:read {PUBLIC_URL}/org"),
    ):
        response = Challenges(ENTRA).scope_error(caller, "orders:read")
        assert response is not None
        assert f'scope="{scopes}"' in response.headers["www-authenticate"]
    metadata = TestClient(Starlette(routes=metadata_routes(ENTRA))).get("/.well-known/oauth-protected-resource/mcp")
    assert metadata.json()["scopes_supported"] == [f"{PUBLIC_URL}/orders:read", f"{PUBLIC_URL}/orders:write"]
