"""A person's yes: asked for where the client can ask, refused where it has to be and cannot, and never made up."""

import pytest

from nomos_mcp.client import EDISON
from nomos_mcp.simulator import DEMO, Simulator
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Orders, Person, yes
from tests.server.conftest import answer_of

ARGUMENTS = {"subscription_id": SUBSCRIPTION}


async def test_a_yes_in_the_form_orders(orders: Orders, simulator: Simulator) -> None:
    person = yes()
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert [entry.order_id for entry in simulator.ledger] == [answer["order"]["id"]]
    assert len(person.asked) == 1


async def test_the_question_names_subscription_customer_plan_and_that_it_is_once_and_for_all(orders: Orders) -> None:
    person = Person("decline")
    async with orders(person) as client:
        await client.call_tool(TOOL, ARGUMENTS)
        await client.call_tool(TOOL, ARGUMENTS)
    for words in (SUBSCRIPTION, DEMO.customers["can_order"], "plan pln_", "once for this subscription, ever"):
        assert words in person.asked[0]
    assert person.asked[0] == person.asked[1]


async def test_a_meter_that_is_smart_already_is_a_warning_in_the_question(orders: Orders) -> None:
    person = Person("decline")
    async with orders(person) as client:
        await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["smart_already"]})
    assert "smart already" in person.asked[0]


@pytest.mark.parametrize(
    "person",
    [
        Person("decline"),
        Person("cancel"),
        Person("accept", {"order": False}),
        Person("accept", {}),
        Person("accept", {"order": "yes please"}),
        Person("accept", {"order": 1}),
        Person("accept", {"something": "else"}),
        Person("accept", None),
    ],
    ids=lambda person: f"{person.action}-{person.content}",
)
async def test_anything_but_a_clear_yes_orders_nothing(orders: Orders, simulator: Simulator, person: Person) -> None:
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "declined"
    assert not simulator.ledger


async def test_a_client_that_can_ask_has_to_ask_whatever_code_comes_along(orders: Orders, simulator: Simulator) -> None:
    async with orders() as client:
        code = answer_of(await client.call_tool(TOOL, ARGUMENTS))["confirmation_code"]
    async with orders(Person("decline")) as client:
        answer = answer_of(await client.call_tool(TOOL, {**ARGUMENTS, "confirmation_code": code}))
    assert answer["outcome"] == "declined"
    assert not simulator.ledger


async def test_where_only_a_form_counts_a_client_without_forms_is_refused(orders: Orders, simulator: Simulator) -> None:
    async with orders(confirm="elicit") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_confirmable")
    assert "confirmation_code" not in answer
    async with orders(yes(), confirm="elicit") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert len(simulator.ledger) == 1


async def test_a_trusted_caller_is_not_asked(orders: Orders, simulator: Simulator) -> None:
    person = Person("decline")
    async with orders(person, confirm="none") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert not person.asked
    assert len(simulator.ledger) == 1


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("ended", "refused", "ended_subscription"),
        ("feed_in", "refused", "feed_in"),
        ("other_without_order", "refused", "not_found"),
        ("placed", "already_ordered", None),
        ("cancelled_by_customer", "already_ordered", None),
    ],
)
async def test_what_may_not_be_ordered_is_not_asked_about(
    orders: Orders, simulator: Simulator, name: str, outcome: str, reason: str | None
) -> None:
    person = yes()
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions[name]}))
    assert (answer["outcome"], answer.get("reason")) == (outcome, reason)
    assert not person.asked
    assert not simulator.ledger


async def test_a_plan_without_a_product_is_refused_by_nomos_in_words_of_ours(
    orders: Orders, simulator: Simulator
) -> None:
    async with orders(yes()) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["no_product"]}))
    assert (answer["outcome"], answer["reason"]) == ("refused", "unsupported_product")
    assert answer["request_id"]
    assert not simulator.ledger


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"read_only": True}, "read_only"), ({"client_id": DEMO.read_only_client_id}, "missing_scope")],
)
async def test_where_nothing_may_be_ordered_the_tool_is_not_listed_and_a_call_says_why(
    orders: Orders, simulator: Simulator, settings: dict[str, object], reason: str
) -> None:
    async with orders(yes(), **settings) as client:
        assert TOOL not in [tool.name for tool in (await client.list_tools()).tools]
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert (answer["outcome"], answer["reason"]) == ("refused", reason)
    assert not simulator.ledger


async def test_a_mere_interest_is_no_order_and_nomos_decides_about_it(orders: Orders, simulator: Simulator) -> None:
    person = yes()
    async with orders(person, api_version=EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["intended"]}))
    assert person.asked
    assert (answer["outcome"], answer["reason"]) == ("refused", "conflict")
    assert not simulator.ledger


async def test_edison_orders_too(orders: Orders, simulator: Simulator) -> None:
    async with orders(yes(), api_version=EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["order"]["status"] == "waiting"
    assert len(simulator.ledger) == 1
