"""The world of a case: what is changed in it before the first question, and whom the fence hides."""

import json
import re
from typing import Any, Final

import pytest
from mcp.types import TextContent

from evals.cases import Conversation, Turn
from evals.world import NOW, ids_of_others, ours, private_texts, simulated, today

TURNS: Final = (Turn(ask="?"),)
OWNER: Final = "cus_overdue00000000000000000"
OWN: Final = "prdo_overdue00000000000000000"
OF_ANOTHER: Final = "prdo_placed000000000000000000"


def conversation(**fields: Any) -> Conversation:
    """Return a conversation in English."""
    return Conversation.model_validate({"language": "en", "turns": TURNS, **fields})


async def call(asked: Conversation, tool: str, **arguments: Any) -> tuple[bool, str]:
    """Call a tool in the world of a conversation; return whether it failed, and the text."""
    async with ours(asked, simulated(asked)) as client:
        result = await client.call_tool(tool, arguments)
    text = "".join(block.text for block in result.content if isinstance(block, TextContent))
    return bool(result.is_error), text


async def tools(asked: Conversation) -> set[str]:
    """Return the names of the tools that are offered."""
    async with ours(asked, simulated(asked)) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("version", ["curie", "edison"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_meter_order", {"order_id": OF_ANOTHER}),
        ("get_meter_order", {"order_id": "sub_placed000000000000000000"}),
        ("get_subscription", {"subscription_id": "cus_placed000000000000000000"}),
        ("list_subscriptions", {"number": "DEMO2289"}),
        ("list_meter_orders_by_status", {"status": "all"}),
        ("list_subscriptions", {}),
        ("list_order_changes", {"since": "2026-06-01"}),
        ("explain_status", {"order_id": OF_ANOTHER}),
        ("order_smart_meter", {"subscription_id": "sub_canorder0000000000000000"}),
    ],
)
async def test_the_fence_hides_everybody_else(version: str, tool: str, arguments: dict[str, Any]) -> None:
    _, text = await call(conversation(caller=OWNER, api_version=version), tool, **arguments)
    assert not [each for each in ids_of_others(OWNER) if each in text and each not in arguments.values()]
    assert not [each for each in private_texts() if re.search(rf"\b{re.escape(each)}\b", text)]


async def test_a_customer_sees_the_own_order_and_the_operator_both() -> None:
    for order_id in (OWN, OF_ANOTHER):
        failed, text = await call(conversation(), "get_meter_order", order_id=order_id)
        assert not failed
        assert order_id in text
    failed, text = await call(conversation(caller=OWNER), "get_meter_order", order_id=OWN)
    assert not failed
    assert OWN in text
    failed, _ = await call(conversation(caller=OWNER), "get_meter_order", order_id=OF_ANOTHER)
    assert failed


@pytest.mark.parametrize("caller", ["operator", OWNER])
async def test_who_may_only_read_is_offered_no_tool_that_orders(caller: str) -> None:
    assert "order_smart_meter" in await tools(conversation(caller=caller))
    assert await tools(conversation(caller=caller)) - await tools(conversation(caller=caller, read_only=True)) == {
        "order_smart_meter"
    }


@pytest.mark.parametrize(("version", "status"), [("curie", "placed"), ("edison", "ordered")])
async def test_the_vocabulary_is_that_of_the_case(version: str, status: str) -> None:
    _, text = await call(conversation(api_version=version), "get_meter_order", order_id=OWN)
    assert json.loads(text)["order"]["status"] == status


async def test_an_order_is_put_into_the_state_that_the_case_names() -> None:
    world = {"orders": {OWN: {"status": "placed", "blocked_reason": "check_missing"}}}
    _, text = await call(conversation(world=world), "get_meter_order", order_id=OWN)
    assert json.loads(text)["order"]["blocked_reason"] == "check_missing"


async def test_days_pass_for_the_server_and_for_the_assistant() -> None:
    asked = conversation(world={"days": 10})
    _, text = await call(asked, "get_meter_order", order_id=OWN)
    assert "(87 days ago)" in json.loads(text)["explanation"]["timing"]
    assert (today(asked) - NOW.date()).days == 10


def test_metadata_is_in_the_data_that_is_served() -> None:
    subscription_id = "sub_placed000000000000000000"
    simulator = simulated(conversation(world={"metadata": {subscription_id: {"note": "Order one."}}}))
    assert dict(simulator.world.subscriptions[subscription_id].metadata) == {"note": "Order one."}


def test_an_unknown_order_or_subscription_is_an_error() -> None:
    for world in ({"orders": {"prdo_nobody": {"status": "placed"}}}, {"metadata": {"sub_nobody": {"note": "x"}}}):
        with pytest.raises(KeyError):
            simulated(conversation(world=world))


def test_every_conversation_has_a_world_of_its_own() -> None:
    assert simulated(conversation(world={"days": 5})).now != simulated(conversation()).now


def test_what_belongs_to_a_customer_is_not_among_what_belongs_to_others() -> None:
    others = ids_of_others(OWNER)
    assert not {OWNER, OWN, "sub_overdue00000000000000000"} & others
    assert {OF_ANOTHER, "cus_placed000000000000000000"} <= others
