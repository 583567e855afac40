"""Lists: pages, cursors, items that cannot be read, and upstream contradicting itself."""

import json

import pytest

from nomos_mcp.client import (
    NomosClient,
    UnreadableResponseError,
)
from nomos_mcp.client.pages import cursor_names
from tests.client.fake_upstream import answering, client_of, page, read
from tests.client.faults.wire_server import ORDER


async def test_items_that_do_not_keep_to_an_ignored_filter_are_dropped() -> None:
    app, _ = answering((200, page([ORDER, {**ORDER, "id": "prdo_2", "status": "installed"}])))
    async with client_of(app) as client:
        found = await client.meter_orders.list(status="placed")
    assert [order.id for order in found.items] == ["prdo_1"]
    assert (found.dropped, found.filter_honoured) == (1, False)


async def test_the_order_of_a_subscription_is_found_although_the_filter_is_ignored() -> None:
    other = {**ORDER, "id": "prdo_2", "subscription": "sub_2"}
    app, asked = answering((200, page([other], has_more=True, next_page="c1")), (200, page([ORDER])))
    async with client_of(app) as client:
        order = await client.meter_orders.of_subscription("sub_1")
    assert order is not None
    assert order.id == "prdo_1"
    assert asked[1].endswith("&cursor=c1")


@pytest.mark.parametrize(
    ("said", "flaw"),
    [
        ({"has_more": True, "next_page": "c1"}, "named before"),
        ({"has_more": True, "next_page": None}, "no cursor"),
        ({"has_more": True}, "no cursor"),
        ({"has_more": "true", "next_page": "c1"}, "neither true nor false"),
        ({"has_more": "false"}, "neither true nor false"),
        ({"has_more": None}, "neither true nor false"),
        ({"next_page": "c1"}, "does not say whether there is more"),
    ],
)
async def test_iterating_that_would_never_end_or_end_early_is_an_error(said: dict[str, object], flaw: str) -> None:
    app, _ = answering((200, page([ORDER], **said)))
    found: list[str] = []
    async with client_of(app) as client:
        with pytest.raises(UnreadableResponseError, match=flaw):
            await read(client.meter_orders.list(), into=found)
    assert set(found) == {"prdo_1"}


@pytest.mark.parametrize(
    ("broken", "name"), [(None, None), ({"id": "prdo_2"}, "prdo_2"), ({"id": "<b>"}, None), (7, None)]
)
async def test_an_item_that_cannot_be_read_costs_that_item(broken: object, name: str | None) -> None:
    app, _ = answering((200, page([ORDER, broken])))
    async with client_of(app) as client:
        found = await client.meter_orders.list()
        assert [order.id async for order in client.meter_orders.list()] == ["prdo_1"]
    assert [order.id for order in found.items] == ["prdo_1"]
    assert (found.unreadable, found.dropped) == ((name,), 0)


async def test_the_order_of_a_subscription_is_not_denied_while_one_cannot_be_read() -> None:
    app, _ = answering((200, page([{**ORDER, "status": None}])))
    async with client_of(app) as client:
        with pytest.raises(UnreadableResponseError, match="could not be read"):
            await client.meter_orders.of_subscription("sub_1")


VENDORS_CURSOR = (
    "eyJsYXN0X2NyZWF0ZWRfYXQiOiIyMDI1LTAxLTE1VDEwOjMwOjAwLjAwMFoiLCJsYXN0X2lkIjoic3ViX21pNGYwb2RhNng5bTdnY3N2amsw"
    "b2xlMSIsImxpbWl0IjoyMH0="
)
"""The example of `next_page` in the vendor's OpenAPI."""


@pytest.mark.parametrize(
    ("cursor", "last", "anchored"),
    [
        (VENDORS_CURSOR, {"id": "sub_mi4f0oda6x9m7gcsvjk0ole1", "created_at": "2025-01-15T10:30:00.000Z"}, True),
        (VENDORS_CURSOR, {"id": "sub_mi4f0oda6x9m7gcsvjk0ole1", "created_at": "2025-01-15T10:30:01.000Z"}, False),
        (VENDORS_CURSOR, {"id": "sub_another", "created_at": "2025-01-15T10:30:00.000Z"}, False),
        (VENDORS_CURSOR, {"id": "sub_mi4f0oda6x9m7gcsvjk0ole1", "created_at": None}, False),
        (VENDORS_CURSOR, None, False),
        ("100", {"id": "prdo_1", "created_at": "2025-01-15T10:30:00.000Z"}, False),
        ("äöü", {"id": "prdo_1", "created_at": "2025-01-15T10:30:00.000Z"}, False),
        ("W10=", {"id": "prdo_1", "created_at": "2025-01-15T10:30:00.000Z"}, False),
    ],
)
def test_a_cursor_is_seen_to_name_an_item_by_id_and_creation(cursor: str, last: object, *, anchored: bool) -> None:
    assert cursor_names(cursor, last) is anchored


async def test_the_simulators_cursors_have_the_vendors_form(curie: NomosClient) -> None:
    found = await curie.meter_orders.list(limit=7)
    assert found.has_more
    assert found.anchored
    assert found.oldest == found.items[-1].created_at


@pytest.mark.parametrize("items", [None, {}, "prdo_1"])
async def test_a_list_without_proper_items_is_unreadable(items: object) -> None:
    app, _ = answering((200, json.dumps({"object": "list", "items": items}).encode()))
    async with client_of(app) as client:
        with pytest.raises(UnreadableResponseError):
            await client.meter_orders.list()


@pytest.mark.parametrize("said", [{}, {"next_page": None}, {"has_more": False, "next_page": "c1"}])
async def test_a_list_ends_where_has_more_is_false_or_absent(said: dict[str, object]) -> None:
    app, asked = answering((200, page([ORDER], **said)))
    async with client_of(app) as client:
        assert len([order async for order in client.meter_orders.list()]) == 1
    assert len(asked) == 1
