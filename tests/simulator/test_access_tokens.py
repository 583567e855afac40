"""`POST /oauth/token`, and what a token may do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator

DEMO_LOGIN = (DEMO.client_id, DEMO.client_secret)
CREDENTIALS = {"grant_type": "client_credentials"}


async def grant(client: httpx.AsyncClient, client_id: str = DEMO.client_id, **fields: str) -> dict[str, Any]:
    """Get a pair of tokens by form, or fail."""
    answer = await client.post("/oauth/token", auth=(client_id, DEMO.client_secret), data=fields or CREDENTIALS)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_client_credentials_in_a_form_give_a_pair_of_tokens_for_an_hour(anonymous: httpx.AsyncClient) -> None:
    body = await grant(anonymous)
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "read:* write:*")


async def test_the_body_may_be_json(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/oauth/token", auth=DEMO_LOGIN, json=CREDENTIALS)
    assert answer.json()["token_type"] == "Bearer"


async def test_older_versions_do_not_return_the_scope(batman: httpx.AsyncClient) -> None:
    assert "scope" not in await grant(batman)


async def test_an_access_token_gives_access(anonymous: httpx.AsyncClient) -> None:
    token = (await grant(anonymous))["access_token"]
    answer = await anonymous.get("/meter-orders", headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 200


async def test_an_access_token_is_refused_once_its_hour_is_over(anonymous: httpx.AsyncClient, clock: Any) -> None:
    token = (await grant(anonymous))["access_token"]
    clock.moment += timedelta(seconds=3600)
    answer = await anonymous.get("/meter-orders", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("shown", ["Basic é", "Basic %%%", "Basic /w==", "Basic", "Bearer é", "é"])
async def test_credentials_that_cannot_be_read_are_401(anonymous: httpx.AsyncClient, shown: str) -> None:
    headers = {b"Authorization": shown.encode("latin-1")}
    answers = [await anonymous.post("/oauth/token", data=CREDENTIALS, headers=headers)]
    answers.append(await anonymous.get("/meter-orders", headers=headers))
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_a_static_key_does_not_expire(curie: httpx.AsyncClient, clock: Any) -> None:
    clock.moment += timedelta(days=365)
    assert (await curie.get("/meter-orders")).status_code == 200


async def test_a_refresh_token_gives_a_new_pair_with_the_same_scope(anonymous: httpx.AsyncClient) -> None:
    first = await grant(anonymous, DEMO.read_only_client_id)
    second = await grant(
        anonymous, DEMO.read_only_client_id, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert second["scope"] == "read:*"
    assert second["access_token"] != first["access_token"]


async def test_a_refresh_token_works_once(anonymous: httpx.AsyncClient) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": (await grant(anonymous))["refresh_token"]}
    await grant(anonymous, **fields)
    again = await anonymous.post("/oauth/token", auth=DEMO_LOGIN, data=fields)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (400, "refresh_token")


async def test_another_client_cannot_use_a_refresh_token(anonymous: httpx.AsyncClient) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": (await grant(anonymous))["refresh_token"]}
    answer = await anonymous.post("/oauth/token", auth=(DEMO.other_client_id, DEMO.client_secret), data=fields)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic ***",
        "Basic /w==",
        "Basic bm9ib2R5OnNlY3JldA==",
        "Basic ZGVtb19jbGllbnQ6d3Jvbmc=",
        "Bearer x",
    ],
    ids=["none", "empty", "no base64", "no text", "unknown client", "wrong secret", "other scheme"],
)
async def test_wrong_client_credentials_are_refused(anonymous: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await anonymous.post("/oauth/token", headers=headers, data=CREDENTIALS)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "grant_type"),
        ({"grant_type": "password"}, "grant_type"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
    ],
)
async def test_a_token_request_without_a_field_is_400_and_names_it(
    anonymous: httpx.AsyncClient, fields: dict[str, str], field: str
) -> None:
    answer = await anonymous.post("/oauth/token", auth=DEMO_LOGIN, data=fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic nonsense"])
async def test_a_resource_without_a_valid_token_is_401(anonymous: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await anonymous.get("/subscriptions", headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["www-authenticate"]) == (
        401,
        "UNAUTHORIZED",
        "Bearer",
    )


async def test_a_read_only_token_reads_and_does_not_write(
    sim: Simulator, anonymous: httpx.AsyncClient, connect: Callable[..., httpx.AsyncClient]
) -> None:
    reader = connect(sim, (await grant(anonymous, DEMO.read_only_client_id))["access_token"])
    assert (await reader.get("/meter-orders")).status_code == 200
    refused = await reader.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert sim.ledger == []
