"""Edison lists a customer's mere interest as an order too: a real order wins over it in every tool."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from mcp import Client
from starlette.types import Receive, Scope, Send

from nomos_mcp.client import EDISON, NomosClient
from nomos_mcp.server import create_server, pagination
from nomos_mcp.settings import Settings
from tests.server.conftest import answer_of, error_of


def subscription(name: str) -> dict[str, Any]:
    return {
        "object": "subscription",
        "id": f"sub_{name}",
        "plan": "plan_1",
        "customer": f"cus_{name}",
        "status": "active",
        "number": name,
        "direction": "consumption",
        "created_at": "2026-05-01T10:00:00Z",
    }


def record(order_id: str, of: str, status: str, day: int) -> dict[str, Any]:
    time = f"2026-06-{day:02}T10:00:00Z"
    return {
        "object": "meter_order",
        "id": order_id,
        "subscription": f"sub_{of}",
        "customer": f"cus_{of}",
        "provider": "inexogy",
        "status": status,
        "created_at": time,
        "updated_at": time,
    }


@asynccontextmanager
async def upstream_with(*orders: dict[str, Any], page: int = 100) -> AsyncIterator[Client]:
    """Connect to a server over an upstream with two subscriptions that ignores the filter of `/meter-orders`."""
    subscriptions = [subscription("a"), subscription("b")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  ASGI
        _, kind, *object_id = scope["path"].split("/")
        if object_id:
            (body,) = [each for each in subscriptions if each["id"] == object_id[0]]
        else:
            listed = subscriptions if kind == "subscriptions" else list(orders)
            start = int(parse_qs(scope["query_string"].decode()).get("cursor", ["0"])[0])
            more = len(listed) > start + page
            body = {"items": listed[start : start + page], "has_more": more, "next_page": str(start + page)}
        headers = [(b"content-type", b"application/json"), (b"x-api-version", EDISON.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    nomos = NomosClient(
        access_token="t", base_url="http://127.0.0.1", app=app, api_version=EDISON, requests_per_second=1000
    )
    async with nomos, Client(create_server(Settings(), client=nomos)) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    return answer_of(await client.call_tool(tool, arguments))


@pytest.mark.parametrize("newest_first", [("intended", "ordered"), ("ordered", "intended")])
@pytest.mark.parametrize("page", [100, 1])
async def test_a_real_order_wins_whichever_is_listed_first(newest_first: tuple[str, str], page: int) -> None:
    orders = [record(f"prdo_{status}", "a", status, 2 - place) for place, status in enumerate(newest_first)]
    async with upstream_with(*orders, page=page) as client:
        one = (await ask(client, "get_subscription", subscription_id="sub_a"))["subscription"]
        listed = (await ask(client, "list_subscriptions"))["subscriptions"][0]
        order = await ask(client, "get_meter_order", order_id="sub_a")
        ordering = await ask(client, "order_smart_meter", subscription_id="sub_a")
    assert one["order_id"] == listed["order_id"] == order["order"]["id"] == ordering["order"]["id"] == "prdo_ordered"
    assert one["order"].startswith("ordered")
    assert (one["can_order"], listed["can_order"], ordering["outcome"]) == ("no", "no", "already_ordered")


async def test_two_records_of_one_subscription_use_up_nobody_elses_place() -> None:
    orders = [
        record("prdo_1", "a", "intended", 3),
        record("prdo_2", "a", "ordered", 2),
        record("prdo_3", "b", "ordered", 1),
    ]
    async with upstream_with(*orders, page=2) as client:
        listed = (await ask(client, "list_subscriptions"))["subscriptions"]
    assert [(each["order_id"], each["can_order"]) for each in listed] == [("prdo_2", "no"), ("prdo_3", "no")]


async def test_interest_alone_is_told_as_interest() -> None:
    async with upstream_with(record("prdo_1", "a", "intended", 1)) as client:
        one = (await ask(client, "get_subscription", subscription_id="sub_a"))["subscription"]
        order = await ask(client, "get_meter_order", order_id="sub_a")
    assert (one["order_id"], one["can_order"], order["order"]["id"]) == ("prdo_1", "unknown", "prdo_1")
    assert "did not complete" in one["why"]


async def test_interest_does_not_hide_that_a_real_order_may_be_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", 1)
    interest, ordered = record("prdo_1", "a", "intended", 2), record("prdo_2", "a", "ordered", 1)
    async with upstream_with(interest, ordered, page=1) as client:
        unread = (await ask(client, "get_subscription", subscription_id="sub_a"))["subscription"]
    async with upstream_with(interest, {**ordered, "provider": None}) as client:
        broken = (await ask(client, "get_subscription", subscription_id="sub_a"))["subscription"]
        result = await client.call_tool("get_meter_order", {"order_id": "sub_a"})
    assert "older ones exist" in unread["why"]
    assert "not all orders could be read" in broken["why"]
    assert "could not be read" in error_of(result)
    for found in (unread, broken):
        assert found["can_order"] == "unknown"
        assert "order" in found["not_known"]
