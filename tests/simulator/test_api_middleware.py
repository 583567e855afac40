"""What every request passes: the API version, by header or else by client, and the rate limit."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator

Connect = Callable[..., httpx.AsyncClient]
ALL = ["2025-12-01.chucky", "2025-12-16.batman", "2026-01-29.edison", "2026-05-27.curie"]
CURIE = "2026-05-27.curie"
EDISON = "2026-01-29.edison"


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("path", ["/health", "/subscriptions", "/subscriptions/sub_unknown", "/nowhere"])
async def test_every_answer_echoes_the_version_that_was_asked_for(
    curie: httpx.AsyncClient, path: str, version: str
) -> None:
    answer = await curie.get(path, headers={"X-API-Version": version})
    assert answer.headers["x-api-version"] == version


async def test_without_the_header_the_client_gets_its_own_default(
    sim: Simulator, anonymous: httpx.AsyncClient, connect: Connect
) -> None:
    login = (DEMO.edison_client_id, DEMO.client_secret)
    token = await anonymous.post("/oauth/token", auth=login, data={"grant_type": "client_credentials"})
    assert token.headers["x-api-version"] == EDISON
    answer = await connect(sim, token.json()["access_token"]).get(f"/meter-orders/{DEMO.orders['created']}")
    assert (answer.headers["x-api-version"], answer.json()["status"]) == (EDISON, "waiting")


async def test_without_header_and_client_the_version_is_curie(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/health")).headers["x-api-version"] == CURIE


async def test_an_unknown_version_is_400_and_echoes_the_default(curie: httpx.AsyncClient) -> None:
    answer = await curie.get("/subscriptions", headers={"X-API-Version": "curie"})
    assert (answer.status_code, answer.headers["x-api-version"]) == (400, CURIE)
    assert answer.json()["errors"][0]["field"] == "X-API-Version"


@pytest.mark.parametrize("version", ["2025-12-01.chucky", "2025-12-16.batman"])
@pytest.mark.parametrize("path", ["/meter-orders", f"/meter-orders/{DEMO.orders['created']}"])
async def test_versions_before_edison_have_no_meter_orders(curie: httpx.AsyncClient, path: str, version: str) -> None:
    answer = await curie.get(path, headers={"X-API-Version": version})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert "upgrade_api_version" in answer.json()["message"]


async def test_nothing_can_be_ordered_in_a_version_without_meter_orders(
    sim: Simulator, batman: httpx.AsyncClient
) -> None:
    await batman.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order"]})
    assert sim.ledger == []


async def test_requests_are_remembered_with_query_version_and_status(
    sim: Simulator, curie: httpx.AsyncClient, edison: httpx.AsyncClient
) -> None:
    await curie.get("/meter-orders?limit=3")
    await edison.get("/meter-orders/prdo_unknown")
    assert [request[:4] for request in sim.requests] == [
        ("GET", "/meter-orders?limit=3", CURIE, 200),
        ("GET", "/meter-orders/prdo_unknown", EDISON, 404),
    ]


async def test_by_default_nothing_is_counted(curie: httpx.AsyncClient) -> None:
    assert "ratelimit-limit" not in (await curie.get("/meter-orders")).headers


async def test_an_answer_says_how_much_is_left(clock: Any, connect: Connect) -> None:
    answer = await connect(Simulator(now=clock, rate_limit=10)).get("/meter-orders")
    shown = [answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert shown == ["10", "9", "1"]


async def test_one_request_too_many_is_429_with_the_time_to_wait(clock: Any, connect: Connect) -> None:
    client = connect(Simulator(now=clock, rate_limit=1))
    await client.get("/meter-orders")
    refused = await client.get("/meter-orders")
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert (refused.headers["retry-after"], refused.headers["ratelimit-remaining"]) == ("1", "0")


async def test_the_next_second_is_a_new_one(clock: Any, connect: Connect) -> None:
    client = connect(Simulator(now=clock, rate_limit=1))
    await client.get("/meter-orders")
    clock.moment += timedelta(seconds=1)
    assert (await client.get("/meter-orders")).status_code == 200


async def test_clients_do_not_share_their_limit(clock: Any, connect: Connect) -> None:
    sim = Simulator(now=clock, rate_limit=1)
    login = (DEMO.read_only_client_id, DEMO.client_secret)
    token = await connect(sim, token=None).post("/oauth/token", auth=login, data={"grant_type": "client_credentials"})
    await connect(sim).get("/meter-orders")
    assert (await connect(sim, token.json()["access_token"]).get("/meter-orders")).status_code == 200
