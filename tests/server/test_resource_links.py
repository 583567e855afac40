"""What a result links to: resources that the same client can read, and the vendor's own pages."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client
from mcp.types import CallToolResult, ReadResourceResult, ResourceLink, TextContent, TextResourceContents

from nomos_mcp.client.errors import BY_STATUS
from nomos_mcp.lifecycle import BLOCKED_REASONS, CANCELLED_REASONS, CURIE, EDISON, STATUSES, ApiVersion
from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.error_messages import CODES
from nomos_mcp.server.resource_links import LINKS_SINCE, resource_links
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.ordering.conftest import Orders, orders, yes  # noqa: F401  a fixture
from tests.server.conftest import Connect, Era, answer_of, error_of

WHO = "blocked_check_missing"
ORDER, SUBSCRIPTION = DEMO.orders[WHO], DEMO.subscriptions[WHO]
BOTH = [f"nomos://meter-orders/{ORDER}", f"nomos://subscriptions/{SUBSCRIPTION}"]
EVENT = DEMO.events["meter_order.blocked"]

CURIE_PAGE = "https://docs.nomos.energy/api-reference/smart-meter-orders/retrieve-a-smart-meter-order"
EDISON_PAGE = "https://docs.nomos.energy/api-reference-2026-01-29-edison/meter-orders/get-a-meter-order"
ERROR_PAGES = "https://docs.nomos.energy/api-references/errors/"


def linked(result: CallToolResult) -> list[str]:
    assert isinstance(result.content[0], TextContent)  # the whole answer stands first
    links = [block for block in result.content if isinstance(block, ResourceLink)]
    assert len(links) == len(result.content) - 1
    for link in links:
        assert link.mime_type == "application/json"
        assert link.name in link.uri
        assert link.name in (link.title or "")
    return [link.uri for link in links]


async def read(client: Client, uri: str) -> str:
    found: ReadResourceResult = await client.read_resource(uri)
    (contents,) = found.contents
    assert isinstance(contents, TextResourceContents)
    return contents.text


@asynccontextmanager
async def customers(simulator: Simulator, era: Era) -> AsyncIterator[Client]:
    """Open a connection for the assistant of the customer whose order it is."""
    async with client_for(simulator) as nomos:
        caller = Caller.customer(DEMO.customers[WHO])
        async with Client(
            create_server(Settings(), client=nomos, caller=caller, clock=lambda: NOW), mode=era
        ) as client:
            yield client


CALLS = {
    "get_meter_order": {"order_id": ORDER},
    "explain_status": {"order_id": SUBSCRIPTION},
    "get_subscription": {"subscription_id": SUBSCRIPTION},
    "get_event": {"event_id": EVENT},
}


NEW_CLIENT = pytest.mark.parametrize("era", ["auto"], indirect=True)


@NEW_CLIENT
@pytest.mark.parametrize("tool", CALLS)
async def test_what_a_result_links_to_can_be_read_by_the_same_client(tool: str, assistant: Client) -> None:
    result = await assistant.call_tool(tool, dict(CALLS[tool]))
    links = linked(result)
    assert {link.split("/")[2] for link in links} == {"meter-orders", "subscriptions"}
    for link in links:
        assert link.rpartition("/")[2] in await read(assistant, link)
    if tool != "get_event":
        assert sorted(links) == BOTH


@pytest.mark.parametrize("era", ["legacy"], indirect=True)
@pytest.mark.parametrize("tool", CALLS)
async def test_a_client_of_an_older_revision_gets_the_whole_answer_and_no_link(tool: str, assistant: Client) -> None:
    result = await assistant.call_tool(tool, dict(CALLS[tool]))
    assert answer_of(result)
    assert linked(result) == []


@NEW_CLIENT
@pytest.mark.parametrize("tool", ["get_meter_order", "explain_status", "get_subscription"])
async def test_a_customers_assistant_can_read_what_it_is_linked_to(tool: str, simulator: Simulator, era: Era) -> None:
    async with customers(simulator, era) as client:
        links = linked(await client.call_tool(tool, dict(CALLS[tool])))
        assert links
        assert set(links) <= set(BOTH)
        for link in links:
            assert link.rpartition("/")[2] in await read(client, link)


def test_nothing_that_was_not_read_for_a_customer_is_linked_to_for_them() -> None:
    """An order of theirs may name a subscription that is not."""
    answer = {"order": {"id": ORDER, "subscription": SUBSCRIPTION}}
    fenced, free = (
        resource_links(answer, audience="", fenced=fenced, protocol_version=LINKS_SINCE) for fenced in (True, False)
    )
    assert [link.uri for link in fenced] == BOTH[:1]
    assert [link.uri for link in free] == BOTH


@NEW_CLIENT
async def test_an_order_that_was_made_is_linked_to(orders: Orders) -> None:  # noqa: F811  the fixture
    async with orders(yes()) as client:
        subscription = DEMO.subscriptions["can_order"]
        result = await client.call_tool("order_smart_meter", {"subscription_id": subscription})
        order = answer_of(result)["order"]["id"]
        assert linked(result) == [f"nomos://meter-orders/{order}", f"nomos://subscriptions/{subscription}"]
        assert order in await read(client, linked(result)[0])


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_meter_order", {"order_id": ORDER, "audience": "customer"}),
        ("explain_status", {"order_id": ORDER, "audience": "customer", "detail": "full"}),
        ("explain_status", {"status": "placed", "audience": "customer", "detail": "full"}),
        ("explain_status", {"status": "NOT_FOUND", "audience": "customer"}),
    ],
)
async def test_a_text_for_a_customer_has_no_link_and_no_page(
    tool: str, arguments: dict[str, str], assistant: Client
) -> None:
    result = await assistant.call_tool(tool, arguments)
    assert linked(result) == []
    assert "docs" not in answer_of(result)
    assert "https://" not in error_of(result)


@pytest.mark.parametrize(
    "arguments", [{"status": "placed"}, {"status": "NOT_FOUND"}, {"order_id": ORDER, "detail": "full"}]
)
async def test_a_customers_assistant_is_named_no_page_of_the_vendor(
    arguments: dict[str, str], simulator: Simulator, era: Era
) -> None:
    async with customers(simulator, era) as client:
        result = await client.call_tool("explain_status", arguments)
    assert not result.is_error
    assert "docs.nomos" not in error_of(result)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_meter_orders_by_status", {"status": "all"}),
        ("list_subscriptions", {}),
        ("explain_status", {"status": "placed"}),
        ("get_meter_order", {"order_id": "prdo_nobodyhasthisidentifier"}),
    ],
)
async def test_a_list_a_word_and_a_failure_have_no_links(
    tool: str, arguments: dict[str, str], assistant: Client
) -> None:
    assert linked(await assistant.call_tool(tool, arguments)) == []


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-11-25", "2026-07-28", "2027-01-01"])
def test_a_client_gets_links_only_in_a_revision_whose_clients_bear_them(version: str | None) -> None:
    answer = {"order": {"id": ORDER}, "subscription": {"id": SUBSCRIPTION}}
    links = resource_links(answer, audience="", fenced=False, protocol_version=version)
    assert [link.uri for link in links] == (BOTH if version and version >= "2026-07-28" else [])


@pytest.mark.parametrize("hostile", ["prdo_1\nSYSTEM", "../secret", "cus_1", "", "prdo_" + "a" * 100])
def test_what_is_no_id_of_an_order_is_not_linked_to(hostile: str) -> None:
    assert not resource_links({"order": {"id": hostile}}, audience="", fenced=False, protocol_version="2026-07-28")


@pytest.mark.parametrize(("version", "page"), [(CURIE, CURIE_PAGE), (EDISON, EDISON_PAGE)])
async def test_every_status_names_the_vendors_page_of_its_version(
    version: ApiVersion, page: str, assistant: Client
) -> None:
    for status in STATUSES[version]:
        answer = answer_of(await assistant.call_tool("explain_status", {"status": status, "api_version": version}))
        assert answer["docs"] == page


@pytest.mark.parametrize("reason", [*BLOCKED_REASONS, *CANCELLED_REASONS])
async def test_every_reason_names_the_vendors_page(reason: str, assistant: Client) -> None:
    assert answer_of(await assistant.call_tool("explain_status", {"status": reason}))["docs"] == CURIE_PAGE


@pytest.mark.parametrize("code", CODES)
async def test_a_code_names_the_vendors_page_if_there_is_one(code: str, assistant: Client) -> None:
    documented = {kind.documented_code for kind in BY_STATUS.values()} | {"INTERNAL_SERVER_ERROR"}
    answer = answer_of(await assistant.call_tool("explain_status", {"status": code}))
    assert answer.get("docs") == (ERROR_PAGES + code if code in documented else None)
    assert ("**Documentation:**" in answer["text"]) is (code in documented)


async def test_an_order_names_the_page_in_full_and_not_in_short(connect: Connect) -> None:
    """The page is the same for every order of a version, and its address costs a tenth of a short answer."""
    async with connect(EDISON) as client:
        for detail, page in (("short", None), ("full", EDISON_PAGE)):
            result = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["planning"], "detail": detail})
            assert answer_of(result).get("docs") == page
            assert json.loads(error_of(result)) == answer_of(result)


async def test_a_failed_call_names_the_page_of_its_error(assistant: Client) -> None:
    result = await assistant.call_tool("get_meter_order", {"order_id": "prdo_nobodyhasthisidentifier"})
    assert result.is_error
    assert f"docs {ERROR_PAGES}NOT_FOUND" in error_of(result)
