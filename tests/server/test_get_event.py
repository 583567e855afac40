"""`get_event`: what happened, in words, and how the order is now."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, get_args

import pytest
from mcp import Client, MCPError
from mcp.types import TextResourceContents

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.server import create_server
from nomos_mcp.server.tools.get_event import TOPICS
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.world_records import Topic
from tests.client.fake_upstream import answering, client_of
from tests.server.conftest import Connect, answer_of, error_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=("event_id", "detail"), required=("event_id",), call={"event_id": "evt_1"}, names_no_object=("detail",)
)

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
    assert {topic.partition(".")[0] for topic in TOPICS} == {"subscription", "invoice", "meter_order", "test"}
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


@pytest.mark.parametrize(
    ("topic", "status", "late"),
    [
        ("meter_order.scheduled", "placed", True),
        ("meter_order.activated", "installed", True),
        ("meter_order.cancelled", "scheduled", True),
        ("meter_order.scheduled", "scheduled", False),
        ("meter_order.placed", "installed", False),
        ("meter_order.activated", "cancelled", False),
        ("meter_order.blocked", "placed", False),
        ("meter_order.shipped", "placed", False),
        ("meter_order.scheduled", "shipped", False),
    ],
)
async def test_an_order_that_reads_an_earlier_status_than_its_event_is_said_to_be_late(
    topic: str, status: str, late: Literal[True, False]
) -> None:
    ids = {"id": "prdo_1", "subscription": "sub_1", "customer": "cus_1"}
    order = {**ids, "provider": "metrify", "status": status, "created_at": "2026-06-01T10:00:00Z"}
    answer = await of_upstream({**SENT, "topic": topic, "context": {"meter_order": "prdo_1"}}, order)
    assert answer["order"]["status"] == status
    assert ("state_late" in answer) is late
    assert "(inferred)" in answer.get("state_late", "(inferred)")


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_the_dashboards_test_is_an_event_about_nothing(version: ApiVersion) -> None:
    answer = await of_upstream({**SENT, "topic": "test.event", "context": {}}, version=version)
    assert answer["happened"].startswith("The dashboard sent this to test a webhook.")
    assert (answer["confidence"], answer["concerns"]) == ("documented", {})
    assert not answer.keys() & {"order", "subscription", "state_missing"}


SENT = {"id": "evt_1", "timestamp": "2026-06-15T10:00:00Z"}


async def of_upstream(*answers: object, version: ApiVersion = CURIE) -> dict[str, Any]:
    """The event that is answered when upstream answers this."""
    app, _ = answering(*((200, json.dumps(each).encode()) for each in answers), version=version)
    async with client_of(app, version) as nomos, Client(create_server(Settings(), client=nomos)) as client:
        return await event(client, "evt_1")


async def test_an_event_about_a_subscription_brings_the_subscription_as_it_is_now(
    assistant: Client, simulator: Simulator
) -> None:
    known = simulator.world.events[DEMO.events["subscription.created"]]
    about = DEMO.subscriptions["blocked_check_missing"]
    simulator.world.events["evt_ours"] = replace(known, id="evt_ours", subscription_id=about)
    answer = await event(assistant, "evt_ours")
    assert answer["concerns"] == {"subscription": about}
    assert not answer.keys() & {"order", "explanation", "state_missing"}
    read = answer_of(await assistant.call_tool("get_subscription", {"subscription_id": about}))["subscription"]
    assert answer["subscription"] == read
    assert "blocked: check_missing" in read["order"]


async def test_a_subscription_that_cannot_be_read_leaves_the_event_readable(
    assistant: Client, simulator: Simulator
) -> None:
    known = simulator.world.events[DEMO.events["subscription.created"]]
    hidden = replace(known, id="evt_hidden", subscription_id=DEMO.subscriptions["other_organisation"])
    simulator.world.events["evt_hidden"] = hidden
    answer = await event(assistant, "evt_hidden")
    assert answer["happened"] == "A subscription was created."
    assert answer["state_missing"].startswith("The subscription could not be read. Nomos knows no such object")
    assert "subscription" not in answer


async def test_an_invoices_event_brings_no_subscription(assistant: Client, simulator: Simulator) -> None:
    known = simulator.world.events[DEMO.events["subscription.created"]]
    topic: Any = "invoice.created"
    simulator.world.events["evt_invoice"] = replace(known, id="evt_invoice", topic=topic)
    answer = await event(assistant, "evt_invoice")
    assert answer["happened"] == "An invoice was moved to open."
    assert "subscription" not in answer


async def test_in_full_the_sources_are_shown_too(assistant: Client) -> None:
    event_id = DEMO.events["meter_order.blocked"]
    full = answer_of(await assistant.call_tool(TOOL, {"event_id": event_id, "detail": "full"}))
    assert full["explanation"]["sources"]
    assert full["order"]["object"] == "meter_order"
    short = await event(assistant, event_id)
    assert "sources" not in short["explanation"]
    assert "object" not in short["order"]


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("subscription.confirmed", "The start date of a subscription was confirmed."),
        ("subscription.terminated", "A cancellation of a subscription was scheduled."),
        ("invoice.created", "An invoice was moved to open."),
    ],
)
def test_what_a_topics_name_would_mislead_about_is_said_in_the_vendors_meaning(topic: str, said: str) -> None:
    assert TOPICS[topic] == said


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
