"""`filter[field][operator]=value`."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator


async def listed(client: httpx.AsyncClient, path: str, *filters: tuple[str, str]) -> list[dict[str, Any]]:
    """Read up to a hundred items that pass the filters."""
    answer = await client.get(path, params=[("limit", "100"), *filters])
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def ids(items: Sequence[dict[str, Any]]) -> set[str]:
    """Take the IDs."""
    return {item["id"] for item in items}


async def test_a_status_filter_keeps_that_status_only(curie: httpx.AsyncClient) -> None:
    items = await listed(curie, "/meter-orders", ("filter[status][eq]", "placed"))
    assert {item["status"] for item in items} == {"placed"}
    assert {DEMO.orders["placed"], DEMO.orders["blocked_check_missing"]} <= ids(items)


async def test_ne_is_the_rest(curie: httpx.AsyncClient) -> None:
    everything = ids(await listed(curie, "/meter-orders"))
    placed = ids(await listed(curie, "/meter-orders", ("filter[status][eq]", "placed")))
    assert ids(await listed(curie, "/meter-orders", ("filter[status][ne]", "placed"))) == everything - placed


async def test_in_takes_several_values(edison: httpx.AsyncClient) -> None:
    items = await listed(edison, "/meter-orders", ("filter[status][in]", "blocked,blocked_wim"))
    assert {item["status"] for item in items} == {"blocked", "blocked_wim"}


async def test_edison_filters_by_product(edison: httpx.AsyncClient) -> None:
    items = await listed(edison, "/meter-orders", ("filter[product][eq]", "smart-meter-metrify"))
    assert {item["provider"] for item in items} == {"metrify"}


async def test_a_customer_filter_finds_all_their_orders(curie: httpx.AsyncClient) -> None:
    items = await listed(curie, "/meter-orders", ("filter[customer][eq]", DEMO.customers["two_subscriptions"]))
    assert ids(items) == {DEMO.orders["two_first"], DEMO.orders["two_second"]}


async def test_a_subscription_filter_finds_its_one_order(curie: httpx.AsyncClient) -> None:
    items = await listed(curie, "/meter-orders", ("filter[subscription][eq]", DEMO.subscriptions["overdue"]))
    assert ids(items) == {DEMO.orders["overdue"]}


async def test_a_filter_does_not_reach_into_another_organisation(curie: httpx.AsyncClient) -> None:
    theirs = DEMO.customers["other_organisation"]
    assert await listed(curie, "/meter-orders", ("filter[customer][eq]", theirs)) == []


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("contains", "twosubscr"),
        ("starts_with", "cus_twosub"),
        ("ends_with", "subscriptions00000000"),
        ("in", f"cus_nobody,{DEMO.customers['two_subscriptions']}"),
    ],
)
async def test_text_can_be_searched(curie: httpx.AsyncClient, operator: str, value: str) -> None:
    items = await listed(curie, "/meter-orders", (f"filter[customer][{operator}]", value))
    assert ids(items) == {DEMO.orders["two_first"], DEMO.orders["two_second"]}


async def test_several_filters_must_all_hold(curie: httpx.AsyncClient) -> None:
    items = await listed(
        curie,
        "/meter-orders",
        ("filter[customer][eq]", DEMO.customers["two_subscriptions"]),
        ("filter[status][eq]", "activated"),
    )
    assert ids(items) == {DEMO.orders["two_first"]}


async def test_dates_bound_a_list_on_both_sides(edison: httpx.AsyncClient) -> None:
    since, until = "2026-06-01T00:00:00Z", "2026-06-20T02:00:00+02:00"
    items = await listed(
        edison, "/meter-orders", ("filter[created_at][gte]", since), ("filter[created_at][lte]", until)
    )
    assert items
    assert all(since <= item["created_at"] <= "2026-06-20T00:00:00Z" for item in items)


async def test_updated_at_is_a_date_too(edison: httpx.AsyncClient) -> None:
    items = await listed(edison, "/meter-orders", ("filter[updated_at][gte]", "2026-06-28T12:00:00Z"))
    assert items
    assert all(item["updated_at"] >= "2026-06-28T12:00:00Z" for item in items)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter[status][eq]", "ended"),
        ("filter[customer][eq]", DEMO.customers["ended"]),
        ("filter[created_at][lte]", "2026-01-01T00:00:00Z"),
    ],
)
async def test_subscriptions_are_filtered_likewise(batman: httpx.AsyncClient, name: str, value: str) -> None:
    assert ids(await listed(batman, "/subscriptions", (name, value))) == {DEMO.subscriptions["ended"]}


async def test_subscriptions_are_filtered_by_plan_and_update(curie: httpx.AsyncClient) -> None:
    (one,) = await listed(curie, "/subscriptions", ("filter[status][eq]", "ended"))
    same_plan = await listed(curie, "/subscriptions", ("filter[plan][eq]", one["plan"]))
    assert one["id"] in ids(same_plan)
    late = await listed(curie, "/subscriptions", ("filter[updated_at][gte]", "2026-06-20T00:00:00Z"))
    assert late
    assert ids(late).isdisjoint({one["id"]})


async def test_companies_among_the_customers_are_found(curie: httpx.AsyncClient) -> None:
    items = await listed(
        curie,
        "/customers",
        ("filter[type][eq]", "company"),
        ("filter[email][contains]", "housing"),
        ("filter[created_at][lte]", "2026-06-30T00:00:00Z"),
    )
    assert ids(items) == {DEMO.customers["housing_company"]}


async def test_subscriptions_cannot_be_filtered_before_batman(
    sim: Simulator, connect: Callable[..., httpx.AsyncClient]
) -> None:
    chucky = connect(sim, version="2025-12-01.chucky")
    everyone = await listed(chucky, "/subscriptions")
    assert await listed(chucky, "/subscriptions", ("filter[status][eq]", "ended")) == everyone


async def test_customers_cannot_be_filtered_before_edison(batman: httpx.AsyncClient) -> None:
    everyone = await listed(batman, "/customers")
    assert await listed(batman, "/customers", ("filter[type][eq]", "company")) == everyone


async def test_no_field_is_ever_null(curie: httpx.AsyncClient) -> None:
    assert await listed(curie, "/meter-orders", ("filter[customer][is_null]", "true")) == []
    everything = await listed(curie, "/meter-orders")
    assert await listed(curie, "/meter-orders", ("filter[customer][is_null]", "false")) == everything


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter[blocked_reason][eq]", "check_missing"),
        ("filter[product][eq]", "smart-meter-metrify"),
        ("filter[created_at][gte]", "2026-06-29T00:00:00Z"),
        ("filter[status][contains]", "placed"),
        ("filter[customer][gt]", "cus_"),
        ("filter[status]", "placed"),
        ("filter[status][eq][ne]", "placed"),
        ("status", "placed"),
    ],
    ids=[
        "unknown field",
        "field of edison",
        "date of edison",
        "operator of text",
        "operator of numbers",
        "no operator",
        "too many",
        "no filter",
    ],
)
async def test_what_is_not_a_filter_of_this_list_is_ignored(curie: httpx.AsyncClient, name: str, value: str) -> None:
    assert await listed(curie, "/meter-orders", (name, value)) == await listed(curie, "/meter-orders")


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/meter-orders", "filter[status][eq]", "waiting"),
        ("/meter-orders", "filter[status][in]", "placed,waiting"),
        ("/meter-orders", "filter[status][eq]", ""),
        ("/meter-orders", "filter[customer][is_null]", "yes"),
        ("/subscriptions", "filter[created_at][gte]", "yesterday"),
        ("/subscriptions", "filter[created_at][gte]", "2026-06-01T00:00:00"),
    ],
    ids=["edison's status", "one of two", "empty", "no boolean", "no date", "no zone"],
)
async def test_a_value_that_cannot_be_read_is_400_and_names_the_parameter(
    curie: httpx.AsyncClient, path: str, name: str, value: str
) -> None:
    answer = await curie.get(path, params={name: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    assert name in answer.json()["message"]
