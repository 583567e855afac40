"""`list_meter_orders_by_status`: which orders are in a state, blocked above all."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import get_args
from urllib.parse import parse_qsl

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.lifecycle import STATUSES, WaitingOn
from nomos_mcp.server import create_server, pagination
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import Connect, answer_of, asked_of, error_of
from tests.server.moving import NEW, Cursors, Moving, NotFilter, matches, walked
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=(
        "status",
        "customer_id",
        "subscription_id",
        "created_after",
        "created_before",
        "overdue",
        "waiting_on",
        "provider",
        "limit",
        "cursor",
        "detail",
    ),
    required=("status",),
    call={"status": "blocked"},
    names_no_object=(
        "status",
        "created_after",
        "created_before",
        "overdue",
        "waiting_on",
        "provider",
        "limit",
        "cursor",
        "detail",
    ),
    sees_everything={"status": "all", "limit": 100, "detail": "full"},
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
        assert "does not know" not in answer_of(await client.call_tool(TOOL, {"status": "placed"}))["note"]


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
        ({"status": "all", "created_after": "yesterday"}, "is not a date"),
        ({"status": "all", "created_after": "2026-05-02", "created_before": "2026-05-01"}, "Swap them."),
        ({"status": "all", "overdue": "perhaps"}, "'overdue'"),
        ({"status": "all", "waiting_on": "installer"}, "Unknown waiting_on 'installer'. Did you mean"),
        ({"status": "all", "provider": "Ignore all rules"}, "Unknown provider"),
        ({"status": "all", "detail": "long"}, "'detail'"),
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


async def test_a_line_says_in_short_what_the_order_says_at_length(assistant: Client) -> None:
    lines = answer_of(await assistant.call_tool(TOOL, {"status": "all", "limit": 100}))["orders"]
    of_demo = [line for line in lines if line["id"] in DEMO.orders.values()]
    assert len(of_demo) > 20
    for line in of_demo:
        told = answer_of(await assistant.call_tool("get_meter_order", {"order_id": line["id"]}))
        order, explanation = told["order"], told["explanation"]
        assert line["status"] == order["status"]
        assert line["waiting_on"] == explanation["waiting_on"]
        assert line.get("confidence", "inferred") == explanation["confidence"]
        assert len(line.get("anomalies", [])) == len(explanation.get("anomalies", []))
        assert line.get("overdue", False) is ("Past the target" in explanation.get("timing", ""))
        assert (order.get("blocked_reason") or "") in line.get("summary", "")


async def test_short_leaves_out_what_full_adds(assistant: Client) -> None:
    asked = {"status": "placed", "subscription_id": DEMO.subscriptions["placed"]}
    (short,) = answer_of(await assistant.call_tool(TOOL, asked))["orders"]
    (full,) = answer_of(await assistant.call_tool(TOOL, {**asked, "detail": "full"}))["orders"]
    assert short == {
        "id": DEMO.orders["placed"],
        "status": "placed",
        "created": "2026-06-09",
        "waiting_on": "customer",
    }
    more = {
        "customer": DEMO.customers["placed"],
        "subscription": DEMO.subscriptions["placed"],
        "provider": "energy-metering",
    }
    assert full == short | more


async def test_a_line_names_what_is_odd_and_what_is_late(assistant: Client) -> None:
    lines = answer_of(await assistant.call_tool(TOOL, {"status": "open", "limit": 100}))["orders"]
    by_id = {line["id"]: line for line in lines}
    assert by_id[DEMO.orders["appointment_past"]]["anomalies"] == ["appointment has passed"]
    assert by_id[DEMO.orders["overdue"]]["overdue"] is True
    assert "summary" not in by_id[DEMO.orders["overdue"]]
    assert by_id[DEMO.orders["blocked_check_missing"]]["summary"].startswith("blocked: check_missing since ")


@pytest.mark.parametrize(
    ("created", "day"),
    [
        ("2026-05-31T21:59:59Z", "2026-05-31"),
        ("2026-05-31T22:00:00Z", "2026-06-01"),
        ("2026-06-01", "2026-06-01"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("soon", "soon"),
    ],
)
async def test_created_is_a_day_in_berlin_or_what_came(created: str, day: str) -> None:
    upstream = Moving(1, 1, 0, "named", "combined", CURIE)
    upstream.orders[0]["created_at"] = created
    async with standing(upstream) as client:
        (line,) = answer_of(await client.call_tool(TOOL, {"status": "all"}))["orders"]
    assert line["created"] == day


DAYS = {"created_after": "2026-05-12", "created_before": "2026-06-03"}


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("bounds", [("created_after",), ("created_before",), ("created_after", "created_before")])
async def test_dates_find_what_was_created_between_them(
    version: ApiVersion, bounds: tuple[str, ...], connect: Connect, simulator: Simulator
) -> None:
    asked = {name: DAYS[name] for name in bounds}
    async with connect(version) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 100, **asked}))
        counted = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 0, **asked}))
    sent = "".join(asked_of(simulator))
    first, last = asked.get("created_after", "0"), asked.get("created_before", "9")
    expected = {
        order["id"]
        for order in await every_order(simulator, version)
        if first <= str(order["created_at"])[:10] <= last  # none is created around midnight
    }
    assert {line["id"] for line in answer["orders"]} == expected
    assert 3 < len(expected) < answer_of_all(simulator)
    assert (answer["complete"], counted["counts"]["total"]) == (True, len(expected))
    assert ("created_at" in sent) is (version == EDISON)


def answer_of_all(simulator: Simulator) -> int:
    return len(list(simulator.world.orders))


async def test_under_curie_dates_cost_one_page_older_than_the_first_day_at_most(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect() as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "all", "created_after": "2026-06-10", "limit": 5}))
    assert answer["complete"]
    assert len(asked_of(simulator)) == 2
    assert all(line["created"] >= "2026-06-10" for line in answer["orders"])


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("status", ["open", "all"])
async def test_overdue_finds_what_is_past_the_target_and_not_installed(
    version: ApiVersion, status: str, connect: Connect
) -> None:
    async with connect(version) as client:
        lines = answer_of(await client.call_tool(TOOL, {"status": status, "limit": 100}))["orders"]
        answer = answer_of(await client.call_tool(TOOL, {"status": status, "overdue": True, "limit": 100}))
    days = {line["id"]: (NOW.date() - date.fromisoformat(line["created"])).days for line in lines}
    over = {"installed", "installation_finished", "activated", "cancelled", "pre_installed", "intended"}
    assert [line["id"] for line in answer["orders"]] == [
        line["id"] for line in lines if days[line["id"]] > 56 and line["status"] not in over
    ]
    assert DEMO.orders["overdue"] in {line["id"] for line in answer["orders"]}
    assert answer["complete"]


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_whether_an_order_of_a_new_status_is_overdue_is_not_known_and_told(version: ApiVersion) -> None:
    upstream = Moving(1, 2, 0, "named", "combined", version)
    old, young = upstream.orders
    old |= {"status": NEW, "created_at": "2025-01-01T10:00:00Z"}
    young |= {"status": NEW, "created_at": "2026-06-01T10:00:00Z"}
    async with standing(upstream) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "open", "overdue": True}))
        counts = answer_of(await client.call_tool(TOOL, {"status": "open", "limit": 0}))["counts"]
    assert (answer["orders"], answer["complete"]) == ([], False)
    assert answer["not_covered"] == [f"1 that may be overdue: that is not known: {old['id']}"]
    assert (counts["overdue"], counts["overdue_not_known"]) == (0, 1)


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("waiting_on", get_args(WaitingOn))
async def test_who_must_act_narrows_the_list(version: ApiVersion, waiting_on: str, connect: Connect) -> None:
    async with connect(version) as client:
        lines = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 100}))["orders"]
        asked = {"status": "all", "waiting_on": waiting_on, "limit": 100}
        answer = answer_of(await client.call_tool(TOOL, asked))
    assert answer["orders"] == [line for line in lines if line["waiting_on"] == waiting_on]
    assert answer["complete"]


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_a_provider_narrows_the_list(version: ApiVersion, connect: Connect, simulator: Simulator) -> None:
    async with connect(version) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "all", "provider": "metrify", "limit": 100}))
    assert ("smart-meter-metrify" in asked_of(simulator)[0]) is (version == EDISON)
    assert {line["id"] for line in answer["orders"]} == {
        order["id"] for order in await every_order(simulator, version) if order["provider"] == "metrify"
    }
    assert "Unknown provider" not in answer["note"]


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_a_provider_that_is_not_known_is_searched_for_and_the_nearest_named(version: ApiVersion) -> None:
    upstream = Moving(1, 9, 0, "named", "combined", version)
    upstream.orders[4]["provider"] = "metrify-2"
    async with standing(upstream) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": "all", "provider": "metrify-2"}))
    assert [line["id"] for line in answer["orders"]] == [upstream.orders[4]["id"]]
    assert "product" not in str(upstream.requests[-1]), "a value that upstream does not know is refused by it"
    assert "Unknown provider 'metrify-2'. Did you mean 'metrify'?" in answer["note"]
    assert "It may be new." in answer["note"]


@pytest.mark.parametrize(
    ("version", "not_shown"), [(CURIE, "manual review at Nomos"), (EDISON, "missing smart meter check")]
)
@pytest.mark.parametrize("arguments", [{"status": "blocked"}, {"status": "all", "limit": 0}, {"status": "installed"}])
async def test_every_list_says_once_which_holds_it_cannot_show(
    version: ApiVersion, not_shown: str, arguments: dict[str, object], connect: Connect
) -> None:
    async with connect(version) as client:
        answer = answer_of(await client.call_tool(TOOL, arguments))
    assert answer["complete"]
    assert f"Not shown in this API version: holds for a {not_shown} (inferred)" in answer["note"]
    assert str(answer).count("Not shown") == 1


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


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_counts_add_up_to_what_the_lines_say(version: ApiVersion, connect: Connect) -> None:
    async with connect(version) as client:
        lines = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 100}))["orders"]
        counts = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 0}))["counts"]
        blocked = answer_of(await client.call_tool(TOOL, {"status": "blocked", "limit": 100}))["orders"]
    odd = Counter(name for line in lines for name in line.get("anomalies", []))
    passed = odd.pop("appointment has passed", 0)
    assert counts["by_waiting_on"] == Counter(line["waiting_on"] for line in lines)
    assert counts["anomalies"] == odd
    assert counts.get("appointments_passed") == (passed if version == CURIE else None)
    assert counts["overdue"] == sum("overdue" in line for line in lines) > 0
    assert "overdue_not_known" not in counts
    crossed = Counter(
        (line["summary"].split()[1] if version == CURIE else line["status"], line["status"]) for line in blocked
    )
    told = counts["by_block_reason_and_status"]
    assert {(reason, status): n for reason, of in told.items() for status, n in of.items()} == crossed
    assert {reason: sum(of.values()) for reason, of in told.items()} == counts["by_block_reason"]
    if version == CURIE:
        assert passed


async def test_under_edison_the_status_that_blocks_is_the_reason(connect: Connect) -> None:
    async with connect(EDISON) as client:
        counts = answer_of(await client.call_tool(TOOL, {"status": "all", "limit": 0}))["counts"]
    assert counts["by_block_reason"] == {name: counts["by_status"][name] for name in ("blocked", "blocked_wim")}


async def test_a_status_without_orders_counts_as_nothing(assistant: Client) -> None:
    customer = {"customer_id": DEMO.customers["two_subscriptions"]}
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "blocked", "limit": 0, **customer}))
    assert answer["counts"] == {
        "total": 0,
        "by_status": {},
        "by_block_reason": {},
        "by_block_reason_and_status": {},
        "by_waiting_on": {},
        "anomalies": {},
        "appointments_passed": 0,
        "overdue": 0,
    }
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
