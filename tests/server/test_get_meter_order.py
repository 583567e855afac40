"""`get_meter_order`: one call answers where an order is, why it is stuck and whose turn it is."""

import json

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.simulator import DEMO, Fault, Simulator
from tests.server.conftest import Connect, answer_of, asked_of, error_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=("order_id", "audience", "language", "detail"),
    required=("order_id",),
    call={"order_id": "prdo_1"},
    names_no_object=("audience", "language", "detail"),
    sees_everything={"detail": "full"},
)
TOOL = "get_meter_order"


async def test_a_missing_check_is_the_customers_turn(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_check_missing"]}))
    explanation = answer["explanation"]
    assert answer["order"]["blocked_reason"] == "check_missing"
    assert explanation["waiting_on"] == "customer"
    assert explanation["customer_action"]
    assert answer["order"]["status"] == "placed"
    assert answer["api_version"] == CURIE


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
    asked = {"order_id": DEMO.orders["placed"], "detail": "full"}
    answer = answer_of(await assistant.call_tool("get_meter_order", asked))
    assert set(answer["order"]) == {"object", "id", "subscription", "customer", "provider", "status", "created_at"}


async def test_in_short_nothing_stands_twice_and_the_proof_is_left_out(assistant: Client) -> None:
    order_id = DEMO.orders["blocked_grid_scheduled"]
    short = answer_of(await assistant.call_tool(TOOL, {"order_id": order_id}))
    full = answer_of(await assistant.call_tool(TOOL, {"order_id": order_id, "detail": "full"}))
    assert full["explanation"].keys() - short["explanation"].keys() == {
        "status", "label", "stage", "final", "outcome", "sources"
    }  # fmt: skip
    assert "reason" not in short["explanation"]["blocked"]
    assert full["explanation"]["blocked"]["reason"] == short["order"]["blocked_reason"] == "grid_operator_registration"
    # The times are told as days of Berlin.
    assert full["order"].keys() - short["order"].keys() == {"object", "created_at", "blocked_at", "appointment_at"}
    assert json.dumps(full).count('"api_version"') == json.dumps(short).count('"api_version"') == 1


async def test_a_german_text_for_a_customer_takes_one_call(assistant: Client, simulator: Simulator) -> None:
    asked = {"order_id": DEMO.orders["installed"], "audience": "customer", "language": "de"}
    answer = answer_of(await assistant.call_tool(TOOL, asked))
    assert answer["order"] == {"id": DEMO.orders["installed"]}
    assert answer["explanation"]["customer_message"].startswith("Gute Nachricht")
    assert not {"operator_action", "escalation", "anomalies"} & answer["explanation"].keys()
    assert answer["explanation"]["confidence"] == "inferred"
    assert asked_of(simulator) == [f"/meter-orders/{DEMO.orders['installed']}"]


async def test_what_is_less_certain_than_the_answer_is_named(connect: Connect) -> None:
    async with connect(EDISON) as client:
        explanation = answer_of(await client.call_tool(TOOL, {"order_id": DEMO.orders["manual_review"]}))["explanation"]
    assert (explanation["confidence"], explanation["confidence_of"]) == ("documented", {"next": "inferred"})


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_an_order_that_waits_names_missing_metering_details_as_the_inferred_cause(
    connect: Connect, version: ApiVersion
) -> None:
    async with connect(version) as client:
        answer = answer_of(await client.call_tool(TOOL, {"order_id": DEMO.orders["no_malo_no_melo"]}))
    assert answer["order"]["status"] in {"created", "waiting"}
    said = answer["explanation"]
    assert "The subscription carries no MaLo and MeLo: the likely cause (inferred)." in said["meaning"]
    assert said["operator_action"] == "See to the missing MaLo and MeLo."
    assert "inferred" in (said["confidence"], said.get("confidence_of", {}).get("meaning"))


async def test_an_order_that_waits_takes_one_request_more_and_any_other_none(
    assistant: Client, simulator: Simulator
) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"order_id": DEMO.orders["created"]}))
    assert answer["explanation"]["meaning"].endswith("MaLo and MeLo are there: what it waits for is not known.")
    assert asked_of(simulator) == [
        f"/meter-orders/{DEMO.orders['created']}",
        f"/subscriptions/{DEMO.subscriptions['created']}",
    ]


async def test_metering_details_that_cannot_be_read_are_not_known(assistant: Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="status", status=403, path="/subscriptions/*"))
    answer = answer_of(await assistant.call_tool(TOOL, {"order_id": DEMO.orders["no_malo_no_melo"]}))
    assert answer["explanation"]["meaning"] == "The order is accepted; metering details are being collected."
    assert "are complete" in answer["explanation"]["operator_action"]


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
        ("prod_123", "is not a valid meter order or subscription ID"),
        ("", "It should read prdo_… or sub_…"),
        (DEMO.customers["two_subscriptions"], "it is the ID of a customer. It should read prdo_… or sub_…"),
        (DEMO.customers["two_subscriptions"], "call get_subscription"),
        (DEMO.events["meter_order.blocked"], "call get_event"),
        ("plan_1", "it is the ID of a plan"),
        ("prdo_../../admin", "malformed"),
        ("prdo_nobodyhasthisidentifier", "Nomos knows no such object"),
        ("sub_nobodyhasthisidentifier", "Nomos knows no such object"),
        (DEMO.orders["other_organisation"], "Nomos knows no such object"),
        (DEMO.subscriptions["can_order"], "call get_subscription"),
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
