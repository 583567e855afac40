"""`get_meter_order`: one call answers where an order is, why it is stuck and whose turn it is."""

import json

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Connect, answer_of, asked_of, error_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(arguments=("order_id",), required=("order_id",), call={"order_id": "prdo_1"})


async def test_a_missing_check_is_the_customers_turn(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_check_missing"]}))
    explanation = answer["explanation"]
    assert explanation["blocked"]["reason"] == "check_missing"
    assert explanation["waiting_on"] == "customer"
    assert explanation["customer_action"]
    assert explanation["status"] == answer["order"]["status"] == "placed"
    assert answer["api_version"] == explanation["api_version"] == CURIE


async def test_a_pending_registration_leaves_the_customer_nothing_to_do(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_grid_operator"]}))
    assert answer["explanation"]["waiting_on"] == "grid_operator"
    assert "customer_action" not in answer["explanation"]


async def test_the_same_order_in_edisons_words(connect: Connect) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(
            await client.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_grid_operator"]})
        )
    assert answer["order"]["status"] == "blocked_wim"
    assert answer["explanation"]["waiting_on"] == "grid_operator"
    assert answer["api_version"] == EDISON


async def test_a_manual_review_is_not_the_customers_turn(connect: Connect) -> None:
    async with connect(EDISON) as client:
        answer = answer_of(await client.call_tool("get_meter_order", {"order_id": DEMO.orders["manual_review"]}))
    assert answer["order"]["status"] == "blocked"
    assert answer["explanation"]["waiting_on"] == "nomos"
    assert "check" not in answer["explanation"]["customer_message"]


async def test_a_subscription_names_its_order(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.subscriptions["installed"]}))
    assert answer["order"]["id"] == DEMO.orders["installed"]


async def test_the_order_keeps_the_apis_field_names_and_leaves_out_what_is_null(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]}))
    assert set(answer["order"]) == {"object", "id", "subscription", "customer", "provider", "status", "created_at"}


async def test_text_and_structured_content_carry_the_same_whole_answer(assistant: Client) -> None:
    result = await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["scheduled"]})
    assert json.loads(error_of(result)) == result.structured_content
    assert None not in answer_of(result)["explanation"].values()


async def test_a_question_takes_one_request_upstream(assistant: Client, simulator: Simulator) -> None:
    await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]})
    assert asked_of(simulator) == [f"/meter-orders/{DEMO.orders['placed']}"]


@pytest.mark.parametrize(
    ("order_id", "said"),
    [
        ("prod_123", "is not a valid meter order ID"),
        ("", "is not a valid meter order ID"),
        (DEMO.customers["two_subscriptions"], "it is the ID of a customer"),
        ("prdo_../../admin", "malformed"),
        ("prdo_nobodyhasthisidentifier", "Nomos knows no such object"),
        ("sub_nobodyhasthisidentifier", "Nomos knows no such object"),
        (DEMO.orders["other_organisation"], "Nomos knows no such object"),
        (DEMO.subscriptions["can_order"], f"call list_subscriptions with customer_id {DEMO.customers['can_order']}"),
        # What cannot be ordered must not be held out as possible.
        (DEMO.subscriptions["feed_in"], "To see whether an order is possible"),
    ],
)
async def test_a_wrong_id_says_what_is_wrong_and_what_to_do(assistant: Client, order_id: str, said: str) -> None:
    result = await assistant.call_tool("get_meter_order", {"order_id": order_id})
    assert result.is_error
    assert said in error_of(result)


async def test_an_unknown_order_names_the_request_for_support(assistant: Client) -> None:
    said = error_of(await assistant.call_tool("get_meter_order", {"order_id": "prdo_nobodyhasthisidentifier"}))
    assert "code NOT_FOUND; requestId " in said
