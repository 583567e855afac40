"""The rate limit: so many requests a second and client, when it is switched on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from nomos_mcp.simulator import DEMO, Simulator

Connect = Callable[..., httpx.AsyncClient]


async def test_by_default_nothing_is_counted(curie: httpx.AsyncClient) -> None:
    assert "ratelimit-limit" not in (await curie.get("/meter-orders")).headers


async def test_an_answer_says_how_much_is_left(clock: Any, connect: Connect) -> None:
    answer = await connect(Simulator(now=clock, rate_limit=10)).get("/meter-orders")
    told = [answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert told == ["10", "9", "1"]


async def test_one_request_too_many_is_429_and_told_when_to_come_back(clock: Any, connect: Connect) -> None:
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
