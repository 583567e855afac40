"""`list_meter_orders_by_status`: which orders are in a state, blocked above all."""

import base64
from collections import Counter
from dataclasses import replace

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON
from nomos_mcp.lifecycle import STATUSES
from nomos_mcp.server import walks
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.server.conftest import Connect, answer_of, asked_of, error_of

TOOL = "list_meter_orders_by_status"


def cursor_saying(text: str) -> str:
    """Return a cursor of somebody's own making."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def every_order(simulator: Simulator, version: str = CURIE) -> list[dict[str, str]]:
    """Return what upstream has, read without the server."""
    async with client_for(simulator, EDISON if version == EDISON else CURIE) as client:
        return [order.model_dump() async for order in client.meter_orders.list()]


async def test_blocked_finds_every_order_under_the_overlay_and_nothing_else(
    assistant: Client, simulator: Simulator
) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "blocked", "limit": 100}))
    expected = {order["id"] for order in await every_order(simulator) if order["blocked_at"]}
    assert {order["id"] for order in answer["orders"]} == expected
    assert DEMO.orders["blocked_check_missing"] in expected
    assert (answer["returned"], answer["complete"], answer["has_more"]) == (len(expected), True, False)
    assert all("blocked" in order["summary"] for order in answer["orders"])


async def test_under_edison_blocked_is_both_statuses_each_named(connect: Connect, simulator: Simulator) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "blocked", "limit": 100}))
    expected = {order["id"] for order in await every_order(simulator, EDISON) if order["status"].startswith("blocked")}
    assert {order["id"] for order in answer["orders"]} == expected
    assert {order["status"] for order in answer["orders"]} == {"blocked", "blocked_wim"}


async def test_under_edison_blocked_can_not_be_mistaken_for_one_status(connect: Connect) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "blocked_wim", "limit": 100}))
    assert {order["status"] for order in answer["orders"]} == {"blocked_wim"}


@pytest.mark.parametrize("status", STATUSES[CURIE])
async def test_a_status_finds_exactly_its_orders(assistant: Client, simulator: Simulator, status: str) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": status, "limit": 100}))
    assert {order["id"] for order in answer["orders"]} == {
        order["id"] for order in await every_order(simulator) if order["status"] == status
    }
    assert answer["orders"]


async def test_open_leaves_out_what_can_not_progress(assistant: Client, simulator: Simulator) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "open", "limit": 100}))
    assert {order["id"] for order in answer["orders"]} == {
        order["id"] for order in await every_order(simulator) if order["status"] not in {"activated", "cancelled"}
    }


@pytest.mark.parametrize("status", ["all", "blocked", "open", "placed"])
@pytest.mark.parametrize("limit", [1, 3, 20])
async def test_following_the_cursor_finds_the_same_as_one_large_page(
    assistant: Client, status: str, limit: int
) -> None:
    whole = answer_of(await assistant.call_tool(TOOL, {"status": status, "limit": 100}))
    found: list[str] = []
    arguments: dict[str, object] = {"status": status, "limit": limit}
    while True:
        answer = answer_of(await assistant.call_tool(TOOL, arguments))
        assert answer["returned"] <= limit
        found += [order["id"] for order in answer["orders"]]
        assert answer["complete"] is not answer["has_more"]
        if not answer["has_more"]:
            break
        arguments["cursor"] = answer["next_cursor"]
    assert found == [order["id"] for order in whole["orders"]]


async def test_a_customer_and_a_subscription_narrow_the_list(assistant: Client) -> None:
    customer = DEMO.customers["two_subscriptions"]
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "all", "customer_id": customer}))
    assert {order["id"] for order in answer["orders"]} == {DEMO.orders["two_first"], DEMO.orders["two_second"]}
    subscription = DEMO.subscriptions["two_first"]
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "all", "subscription_id": subscription}))
    assert [order["id"] for order in answer["orders"]] == [DEMO.orders["two_first"]]


async def test_blocked_does_not_read_what_can_not_be_blocked(assistant: Client, simulator: Simulator) -> None:
    await assistant.call_tool(TOOL, {"status": "blocked"})
    asked = asked_of(simulator)
    assert len(asked) == 1
    assert "activated" not in asked[0]
    assert "cancelled" not in asked[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"status": "instaled"}, "Did you mean 'installed'?"),
        ({"status": "bloked"}, "Did you mean 'blocked'?"),
        ({"status": "opne"}, "Did you mean 'open'?"),
        ({"status": "waiting"}, "a status of 2026-01-29.edison; nearest here (inferred): created."),
        ({"status": "blocked_wim"}, "nearest here (inferred): blocked (grid_operator_registration)."),
        ({"status": "intended"}, "it has no counterpart here (inferred)."),
        ({"status": "zzz"}, "API version 2026-05-27.curie has created, placed"),
        ({"status": "all", "limit": 101}, "'limit'"),
        ({"status": "all", "limit": -1}, "'limit'"),
        ({"status": "all", "limit": "many"}, "'limit'"),
        ({"status": ["placed"]}, "'status'"),
        ({}, "'status' is missing"),
        ({"status": "all", "customer": "cus_1"}, "Did you mean 'customer_id'?"),
        ({"status": "all", "customer_id": "sub_1"}, "is no customer ID"),
        ({"status": "all", "subscription_id": "'; drop"}, "is no subscription ID"),
        ({"status": "all", "cursor": "nonsense"}, "cursor is malformed"),
        ({"status": "all", "cursor": "W10"}, "cursor is malformed"),
        ({"status": "all", "cursor": cursor_saying('["x",1e999,"","",""]')}, "cursor is malformed"),
        ({"status": "all", "cursor": cursor_saying("[" * 5_000)}, "cursor is malformed"),
    ],
)
async def test_bad_input_is_named_and_costs_no_request(
    assistant: Client, simulator: Simulator, arguments: dict[str, object], said: str
) -> None:
    result = await assistant.call_tool(TOOL, arguments)
    assert result.is_error
    assert said in error_of(result)
    assert "errors.pydantic.dev" not in error_of(result)
    assert not asked_of(simulator)


async def test_a_cursor_of_another_query_is_refused(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "open", "limit": 1}))
    result = await assistant.call_tool(TOOL, {"status": "all", "limit": 1, "cursor": answer["next_cursor"]})
    assert result.is_error
    assert "belongs to another query" in error_of(result)


def more_orders(simulator: Simulator, number: int) -> None:
    """Add orders that are placed and nothing else."""
    model = simulator.world.orders.get(DEMO.orders["placed"])
    assert model
    for each in range(number):
        simulator.world.orders.put(replace(model, id=f"prdo_more{each:03}", subscription_id=f"sub_more{each:03}"))


@pytest.mark.parametrize("status", ["all", "open", "blocked", "placed"])
async def test_limit_zero_counts_what_a_list_would_show(assistant: Client, status: str) -> None:
    listed = answer_of(await assistant.call_tool(TOOL, {"status": status, "limit": 100}))["orders"]
    answer = answer_of(await assistant.call_tool(TOOL, {"status": status, "limit": 0}))
    assert (answer["orders"], answer["returned"], answer["complete"]) == ([], 0, True)
    assert answer["counts"]["total"] == len(listed)
    assert answer["counts"]["by_status"] == Counter(order["status"] for order in listed)


async def test_counts_name_the_reasons_of_blocks(assistant: Client, simulator: Simulator) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "all", "limit": 0}))
    reasons = Counter(order["blocked_reason"] for order in await every_order(simulator) if order["blocked_at"])
    assert answer["counts"]["by_block_reason"] == reasons
    assert set(reasons) == {"check_missing", "grid_operator_registration"}


async def test_under_edison_the_status_that_blocks_is_the_reason(connect: Connect) -> None:
    async with connect(EDISON) as client:
        counts = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 0}))["counts"]
    assert counts["by_block_reason"] == {name: counts["by_status"][name] for name in ("blocked", "blocked_wim")}


async def test_a_status_without_orders_counts_as_nothing(assistant: Client) -> None:
    customer = {"customer_id": DEMO.customers["two_subscriptions"]}
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "blocked", "limit": 0, **customer}))
    assert answer["counts"] == {"total": 0, "by_status": {}, "by_block_reason": {}}
    assert answer["complete"] is True


async def test_a_list_carries_no_counts(assistant: Client) -> None:
    assert "counts" not in answer_of(await assistant.call_tool(TOOL, {"status": "all"}))


async def test_a_count_that_reaches_its_bound_says_so_and_goes_on(
    assistant: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    more_orders(simulator, 100)
    whole = answer_of(await assistant.call_tool(TOOL, {"status": "all", "limit": 0}))
    monkeypatch.setattr(walks, "MAX_PAGES", 1)
    first = answer_of(await assistant.call_tool(TOOL, {"status": "all", "limit": 0}))
    assert (first["counts"]["total"], first["complete"], first["has_more"]) == (100, False, True)
    rest = answer_of(
        await assistant.call_tool(TOOL, {"status": "all", "limit": 0, "cursor": first["next_cursor"]}),
    )
    assert rest["complete"] is True
    assert first["counts"]["total"] + rest["counts"]["total"] == whole["counts"]["total"]
