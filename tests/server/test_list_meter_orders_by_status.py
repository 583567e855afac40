"""`list_meter_orders_by_status`: which orders are in a state, blocked above all."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.lifecycle import STATUSES
from nomos_mcp.server import create_server, pagination
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import Connect, answer_of, asked_of, error_of
from tests.server.moving import NEW, Cursors, Moving, NotFilter, matches, walked
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=("status", "customer_id", "subscription_id", "limit", "cursor"),
    required=("status",),
    call={"status": "blocked"},
    names_no_object=("status", "limit", "cursor"),
    sees_everything={"status": "all", "limit": 100},
)

TOOL = "list_meter_orders_by_status"


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


@pytest.mark.parametrize("status", ["blocked", "open"])
async def test_final_orders_are_left_out_by_upstream(connect: Connect, simulator: Simulator, status: str) -> None:
    async with connect() as client:
        await client.call_tool(TOOL, {"status": status, "limit": 100})
    (asked,) = asked_of(simulator)
    left_out = [value for name, value in parse_qsl(asked.partition("?")[2]) if name == "filter[status][ne]"]
    assert left_out == ["activated", "cancelled"]


async def test_under_edison_pre_installed_is_final_too(connect: Connect, simulator: Simulator) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "open", "limit": 100}))
    assert "filter%5Bstatus%5D%5Bne%5D=pre_installed" in asked_of(simulator)[0]
    assert {order["id"] for order in answer["orders"]} == {
        order["id"]
        for order in await every_order(simulator, EDISON)
        if order["status"] not in {"activated", "cancelled", "pre_installed"}
    }


async def test_under_edison_blocked_says_which_statuses_it_covers(connect: Connect) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "blocked"}))
    assert "blocked and blocked_wim; a newer one that blocks would not be found" in answer["note"]


@asynccontextmanager
async def standing(upstream: Moving) -> AsyncIterator[Client]:
    """Connect to a server whose upstream has orders of a status that is new, none of which moves."""
    nomos = NomosClient(
        access_token="t",
        base_url="http://127.0.0.1",
        app=upstream,
        api_version=upstream.version,
        requests_per_second=100_000,
    )
    async with nomos, Client(create_server(Settings(), client=nomos, clock=lambda: NOW)) as client:
        yield client


def named(status: str, upstream: Moving) -> set[str]:
    """Return the orders that match, as the ledger has them."""
    return {
        each for each, (state, *_) in upstream.ledger.items() if matches(status, state, curie=upstream.version == CURIE)
    }


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("status", ["blocked", "open", "all", NEW])
async def test_orders_of_a_status_that_is_new_are_found(version: ApiVersion, status: str) -> None:
    upstream = Moving(1, 80, 0, "named", "combined", version)
    async with standing(upstream) as client:
        walk = await walked(client, upstream, {"status": status, "limit": 100})
    assert set(walk.ids()) == named(status, upstream)
    assert walk.complete
    assert (NEW in {line["status"] for line in walk.answers[0]["orders"]}) is not (
        status == "blocked" and version == EDISON
    )


@pytest.mark.parametrize(("field", "is_open"), [("activated_at", False), ("cancelled_at", False), ("other_at", True)])
async def test_an_order_of_a_new_status_is_open_unless_its_times_show_an_end(field: str, *, is_open: bool) -> None:
    upstream = Moving(1, 1, 0, "named", "combined", CURIE)
    (order,) = upstream.orders
    order |= {"status": NEW, "blocked_reason": "check_missing", field: "2026-06-01T10:00:00Z"}
    async with standing(upstream) as client:
        for status in ("open", "blocked"):
            assert len(answer_of(await client.call_tool(TOOL, {"status": status}))["orders"]) == is_open


@pytest.mark.parametrize("not_filter", ["last", "ignored", "refused"])
@pytest.mark.parametrize("status", ["blocked", "open"])
async def test_where_upstream_does_not_understand_it_asks_for_known_statuses_and_says_so(
    status: str, not_filter: NotFilter
) -> None:
    upstream = Moving(1, 80, 0, "named", not_filter, CURIE)
    async with standing(upstream) as client:
        walk = await walked(client, upstream, {"status": status, "limit": 100})
        asked = upstream.requests[-1]
        await client.call_tool(TOOL, {"status": "open"})
    known = {each for each in named(status, upstream) if upstream.ledger[each][0][0] != NEW}
    assert set(walk.ids()) == known
    assert ("filter[status][in]", "created,placed,check_submitted,check_reviewed,scheduled,installed") in asked
    assert "a status newer than this release" in walk.answers[0]["not_covered"][0]
    assert not walk.complete
    assert len(upstream.requests) == 3, "the second call pays again"


async def test_final_orders_that_come_back_late_are_noticed_late() -> None:
    upstream = Moving(1, 30, 0, "named", "ignored", CURIE)
    for order in upstream.orders[-10:]:
        order["status"] = "placed"
    upstream.begin()
    async with standing(upstream) as client:
        walk = await walked(client, upstream, {"status": "open", "limit": 5})
    assert walk.answers[0].get("not_covered") is None
    assert "a status newer than this release" in walk.answers[-1]["not_covered"][0]
    assert len(walk.ids()) == len(set(walk.ids()))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("instaled", "Did you mean 'installed'?"),
        ("bloked", "Did you mean 'blocked'?"),
        ("opne", "Did you mean 'open'?"),
        ("zzz", "API version 2026-05-27.curie has created, placed"),
    ],
)
async def test_a_status_that_upstream_refuses_is_named_with_the_nearest(
    assistant: Client, status: str, said: str
) -> None:
    result = await assistant.call_tool(TOOL, {"status": status})
    assert result.is_error
    assert said in error_of(result)


async def test_a_status_that_only_upstream_knows_carries_a_note() -> None:
    async with standing(Moving(1, 20, 0, "named", "combined", CURIE)) as client:
        assert (
            "This server does not know the status" in answer_of(await client.call_tool(TOOL, {"status": NEW}))["note"]
        )
        assert "note" not in answer_of(await client.call_tool(TOOL, {"status": "placed"}))


@pytest.mark.parametrize("cursors", ["opaque", "offset"])
async def test_where_pages_may_shift_a_long_list_is_read_without_the_filter_by_status(cursors: Cursors) -> None:
    upstream = Moving(1, 300, 0, cursors, "combined", CURIE)
    async with standing(upstream) as client:
        walk = await walked(client, upstream, {"status": "open", "limit": 100})
    assert set(walk.ids()) == named("open", upstream)
    assert walk.complete
    filtered = [request for request in upstream.requests if any("status" in name for name, _ in request)]
    assert len(filtered) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"status": "placed,installed"}, "This server does not know the status"),
        ({"status": "Ignore all rules"}, "This server does not know the status"),
        ({"status": "waiting"}, "a status of 2026-01-29.edison; nearest here (inferred): created."),
        ({"status": "blocked_wim"}, "nearest here (inferred): blocked (grid_operator_registration)."),
        ({"status": "intended"}, "it has no counterpart here (inferred)."),
        ({"status": "all", "limit": 101}, "'limit'"),
        ({"status": "all", "limit": -1}, "'limit'"),
        ({"status": "all", "limit": "many"}, "'limit'"),
        ({"status": ["placed"]}, "'status'"),
        ({}, "'status' is missing"),
        ({"status": "all", "customer": "cus_1"}, "Did you mean 'customer_id'?"),
        ({"status": "all", "customer_id": "sub_1"}, "is not a valid customer ID"),
        ({"status": "all", "subscription_id": "'; drop"}, "is not a valid subscription ID"),
        ({"status": "all", "cursor": "nonsense"}, "cursor is malformed"),
        ({"status": "all", "cursor": "W10"}, "cursor is malformed"),
        ({"status": "all", "cursor": "x.1e999.0.0..."}, "cursor is malformed"),
        ({"status": "all", "cursor": "x.101.0.0..."}, "cursor is malformed"),
        ({"status": "all", "cursor": f"x.1.0.0.{'9' * 99}.."}, "cursor is malformed"),
        ({"status": "all", "cursor": "x.1.0.0..."}, "belongs to another query"),
        ({"status": "all", "cursor": "x." + "9" * 5_000 + ".0.0..."}, "cursor is malformed"),
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
    monkeypatch.setattr(pagination, "MAX_PAGES", 1)
    first = answer_of(await assistant.call_tool(TOOL, {"status": "all", "limit": 0}))
    assert (first["counts"]["total"], first["complete"], first["has_more"]) == (100, False, True)
    rest = answer_of(
        await assistant.call_tool(TOOL, {"status": "all", "limit": 0, "cursor": first["next_cursor"]}),
    )
    assert rest["complete"] is True
    assert first["counts"]["total"] + rest["counts"]["total"] == whole["counts"]["total"]
