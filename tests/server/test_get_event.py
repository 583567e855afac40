"""`get_event`: what happened, in words, and how the order is now."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args

import pytest
from mcp import Client, MCPError
from mcp.types import TextResourceContents

from nomos_mcp.client import EDISON
from nomos_mcp.server.tools.get_event import TOPICS
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.world_records import Topic
from tests.server.conftest import Connect, answer_of, error_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(arguments=("event_id",), required=("event_id",), call={"event_id": "evt_1"})

TOOL = "get_event"


async def event(client: Client, event_id: str) -> dict[str, Any]:
    return answer_of(await client.call_tool(TOOL, {"event_id": event_id}))


@pytest.mark.parametrize("topic", get_args(Topic))
async def test_every_topic_is_said_in_words(assistant: Client, topic: Topic) -> None:
    answer = await event(assistant, DEMO.events[topic])
    assert answer["topic"] == topic
    assert answer["happened"] == TOPICS[topic]
    assert answer["confidence"] == "documented"
    assert answer["timestamp"].endswith("Z")
    assert ("order" in answer) is topic.startswith("meter_order.")


def test_every_documented_topic_has_a_sentence() -> None:
    assert set(get_args(Topic)) <= set(TOPICS)
    assert {topic.partition(".")[0] for topic in TOPICS} == {"subscription", "invoice", "meter_order"}
    assert all(sentence.endswith(".") for sentence in TOPICS.values())


async def test_an_event_about_an_order_brings_the_order_as_it_is_now(assistant: Client, simulator: Simulator) -> None:
    order = simulator.world.orders.get(DEMO.orders["blocked_check_missing"])
    assert order
    simulator.world.orders.put(replace(order, hold=None, stage="check_submitted"))
    answer = await event(assistant, DEMO.events["meter_order.blocked"])
    assert "was blocked" in answer["happened"]
    assert answer["concerns"] == {"subscription": order.subscription_id, "meter_order": order.id}
    assert answer["order"]["status"] == "check_submitted"
    assert "blocked" not in answer["explanation"]


async def test_an_event_about_a_subscription_brings_no_order(assistant: Client) -> None:
    answer = await event(assistant, DEMO.events["subscription.ended"])
    assert answer["concerns"] == {"subscription": DEMO.subscriptions["ended"]}
    assert not answer.keys() & {"order", "explanation", "state_missing"}


async def test_a_topic_that_is_new_passes_through_as_unknown(assistant: Client, simulator: Simulator) -> None:
    known = simulator.world.events[DEMO.events["subscription.created"]]
    new: Any = "subscription.paused"
    simulator.world.events["evt_new"] = replace(known, id="evt_new", topic=new)
    answer = await event(assistant, "evt_new")
    assert (answer["topic"], answer["confidence"]) == ("subscription.paused", "unknown")
    assert "not known here" in answer["happened"]


async def test_an_order_that_cannot_be_read_leaves_the_event_readable(assistant: Client, simulator: Simulator) -> None:
    known = simulator.world.events[DEMO.events["meter_order.blocked"]]
    hidden = replace(known, id="evt_hidden", order_id=DEMO.orders["other_organisation"])
    simulator.world.events["evt_hidden"] = hidden
    answer = await event(assistant, "evt_hidden")
    assert "was blocked" in answer["happened"]
    assert "Nomos knows no such object" in answer["state_missing"]
    assert "order" not in answer


@pytest.mark.parametrize(
    ("event_id", "said"),
    [
        ("", "is not a valid event ID"),
        (DEMO.orders["placed"], "it is the ID of a meter order"),
        ("evt_../../admin", "malformed"),
        ("evt_nobodyhasthisidentifier", "Nomos knows no such object"),
    ],
)
async def test_a_wrong_id_says_what_is_wrong(assistant: Client, event_id: str, said: str) -> None:
    result = await assistant.call_tool(TOOL, {"event_id": event_id})
    assert result.is_error
    assert said in error_of(result)


async def test_edison_has_no_events_of_orders(connect: Connect) -> None:
    async with connect(EDISON) as client:
        result = await client.call_tool(TOOL, {"event_id": DEMO.events["meter_order.blocked"]})
        assert "Nomos knows no such object" in error_of(result)
        assert (await event(client, DEMO.events["subscription.created"]))["api_version"] == EDISON


async def test_neither_tool_nor_resource_gives_away_a_person(assistant: Client, simulator: Simulator) -> None:
    said = [error_of(await assistant.call_tool("list_subscriptions", {"limit": 100}))]
    said += [error_of(await assistant.call_tool(TOOL, {"event_id": event_id})) for event_id in DEMO.events.values()]
    for subscription_id in DEMO.subscriptions.values():
        with suppress(MCPError):  # those of another organisation
            (contents,) = (await assistant.read_resource(f"nomos://subscriptions/{subscription_id}")).contents
            assert isinstance(contents, TextResourceContents)
            said.append(contents.text)
    everything = "\n".join(said)
    for subscription_id in DEMO.subscriptions.values():
        subscription = simulator.world.subscriptions.get(subscription_id)
        assert subscription
        person = simulator.world.customers.get(subscription.customer_id)
        assert person
        private = {person.email, person.last_name, subscription.payment_method.iban, subscription.address.street}
        private |= {place for place in (subscription.meter.malo, subscription.meter.melo) if place}
        assert not [word for word in private if word in everything]
