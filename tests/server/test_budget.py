"""What the server costs an assistant that only connects, and what one page costs. Tokens are those of o200k."""

import json
import random
import re
import string

import bpe_openai  # type: ignore[import-untyped]  # it ships no types
import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.simulator import DEMO
from tests.server.conftest import Connect, error_of

DEFINITIONS = 2_000
LIST_BYTES = 27_000
ICONS_BYTES = 4_600
INSTRUCTIONS = 350
PAGE_OF_ORDERS = 1_300
COUNTS = 250
ORDER_FOR_AGENT = 300
ORDER_FOR_CUSTOMER = 200

SEEN = [order_id for name, order_id in DEMO.orders.items() if name not in {"intended", "other_organisation"}]
"""The demo's orders, but the one that exists in the older API version only and the one of another organisation."""


ONE_ERA = pytest.mark.parametrize("era", ["auto"], indirect=True)
"""An answer has the same words in both, and counting takes a while."""


def tokens(text: str) -> int:
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_the_tools_definitions_stay_within_their_budget(version: ApiVersion, connect: Connect) -> None:
    async with connect(version) as client:
        listed = (await client.list_tools()).tools
    definitions = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema, "_meta": tool.meta or {}}
        for tool in listed
    ]
    assert tokens(json.dumps(definitions, ensure_ascii=False, separators=(",", ":"))) <= DEFINITIONS


async def test_the_list_of_tools_with_its_output_schemas_stays_small(assistant: Client) -> None:
    """Without icons, which no model reads: whoever pays for tokens is charged for the rest."""
    answer = (await assistant.list_tools()).model_dump_json(
        by_alias=True, exclude_none=True, exclude={"tools": {"__all__": {"icons"}}}
    )
    assert len(answer.encode()) <= LIST_BYTES


async def test_the_icons_stay_small(assistant: Client) -> None:
    """They cost a client a few kilobytes each time that it lists the tools, and a model nothing."""
    listed = (await assistant.list_tools()).tools
    sent = [icon.model_dump_json(by_alias=True, exclude_none=True) for tool in listed for icon in tool.icons or ()]
    assert sum(len(icon.encode()) for icon in sent) <= ICONS_BYTES


async def test_the_instructions_stay_short(assistant: Client) -> None:
    assert tokens(assistant.instructions or "") <= INSTRUCTIONS


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("status", ["all", "open"])
async def test_a_page_of_twenty_orders_stays_cheap(status: str, version: ApiVersion, connect: Connect) -> None:
    async with connect(version) as client:
        page = error_of(await client.call_tool("list_meter_orders_by_status", {"status": status, "limit": 20}))
    assert json.loads(page)["returned"] == 20
    assert tokens(page) <= PAGE_OF_ORDERS
    assert tokens(with_real_ids(page)) <= PAGE_OF_ORDERS


async def test_counting_every_order_stays_cheaper_than_a_page(assistant: Client) -> None:
    counts = error_of(await assistant.call_tool("list_meter_orders_by_status", {"status": "all", "limit": 0}))
    assert tokens(counts) <= COUNTS


def with_real_ids(page: str) -> str:
    """Exchange the telling IDs of the demo for random ones as the vendor has them, which cost more tokens."""
    rng = random.Random(0)  # noqa: S311  no secret, but the same in every run
    letters = string.ascii_letters + string.digits

    def random_id(match: re.Match[str]) -> str:
        return match[1] + "".join(rng.choices(letters, k=24))

    return re.sub(r"\b(prdo_|sub_|cus_)[a-z0-9]{24}\b", random_id, page)


@ONE_ERA
async def test_an_order_with_its_explanation_stays_cheap(assistant: Client) -> None:
    for order_id in SEEN:
        answer = error_of(await assistant.call_tool("get_meter_order", {"order_id": order_id}))
        assert order_id in answer
        assert tokens(answer) <= ORDER_FOR_AGENT
        assert tokens(with_real_ids(answer)) <= ORDER_FOR_AGENT


@ONE_ERA
async def test_what_a_customer_may_be_told_stays_cheaper(assistant: Client) -> None:
    for order_id in SEEN:
        answer = await assistant.call_tool("get_meter_order", {"order_id": order_id, "audience": "customer"})
        assert not answer.is_error
        assert tokens(error_of(answer)) <= ORDER_FOR_CUSTOMER
        assert tokens(with_real_ids(error_of(answer))) <= ORDER_FOR_CUSTOMER
