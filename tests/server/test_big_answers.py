"""No answer is larger than an assistant can hold, whatever upstream sends; a long way is reported on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import bpe_openai  # type: ignore[import-untyped]  # it ships no types
from mcp import Client

from nomos_mcp.client import CURIE, NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.server.tool_factory import MAX_BYTES
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import answer_of, error_of

LIST = "list_meter_orders_by_status"


def order(number: int, customer: str) -> dict[str, object]:
    return {
        "object": "meter_order",
        "id": f"prdo_{number:050}",
        "subscription": f"sub_{number:050}",
        "customer": customer,
        "provider": "metrify",
        "status": "placed",
        "created_at": (NOW - timedelta(hours=number)).isoformat(),
    }


@asynccontextmanager
async def asking(orders: list[dict[str, object]]) -> AsyncIterator[Client]:
    """Connect to a server whose upstream has these orders."""

    async def upstream(scope: Any, _: Any, send: Any) -> None:
        if scope["path"] == "/meter-orders":
            query = parse_qs(scope["query_string"].decode())
            begin, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
            more = begin + limit < len(orders)
            page = {"items": orders[begin : begin + limit], "has_more": more, "next_page": str(begin + limit)}
            body = json.dumps({"object": "list", **page})
        else:
            body = json.dumps(orders[0])
        headers = [(b"content-type", b"application/json"), (b"x-api-version", CURIE.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    async with (
        NomosClient(access_token="t", base_url="http://127.0.0.1", app=upstream, requests_per_second=1000) as nomos,
        Client(create_server(Settings(), client=nomos, clock=lambda: NOW)) as client,
    ):
        yield client


def tokens(text: str) -> int:
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


async def test_a_list_that_would_be_too_large_ends_earlier_with_a_cursor_and_loses_nothing() -> None:
    orders = [order(number, "顧客" * 60) for number in range(150)]
    found: list[str] = []
    calls = 0
    arguments: dict[str, object] = {"status": "placed", "limit": 100}
    async with asking(orders) as client:
        while True:
            result = await client.call_tool(LIST, arguments)
            answer = answer_of(result)
            assert len(error_of(result).encode()) <= MAX_BYTES
            assert tokens(error_of(result)) <= 20_000
            found += [line["id"] for line in answer["orders"]]
            calls += 1
            if answer["complete"]:
                break
            arguments["cursor"] = answer["next_cursor"]
    assert found == [each["id"] for each in orders]
    assert calls > 1


async def test_a_record_with_a_huge_field_stays_small() -> None:
    async with asking([order(0, "cus_" + "x" * 30_000)]) as client:
        result = await client.call_tool("get_meter_order", {"order_id": f"prdo_{0:050}"})
    assert not result.is_error
    assert len(error_of(result)) < MAX_BYTES
    assert "xxxx" not in error_of(result)


async def test_a_long_way_is_reported_on_as_it_is_gone() -> None:
    told: list[tuple[float, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001  the SDK's
        told.append((progress, message))

    async with (
        client_for(Simulator(now=lambda: NOW, orders=500)) as nomos,
        Client(create_server(Settings(), client=nomos, clock=lambda: NOW)) as client,
    ):
        answer = answer_of(await client.call_tool(LIST, {"status": "all", "limit": 0}, progress_callback=listen))
    assert answer["counts"]["total"] >= 500
    assert [message for _, message in told][:2] == ["200 orders read", "300 orders read"]
    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)
