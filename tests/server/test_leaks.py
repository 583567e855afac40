"""Nothing tells somebody else's object from one that does not exist: no tool, resource, prompt or completion."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from mcp import Client, MCPError
from mcp.types import ResourceTemplateReference

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.server import Caller, create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import Era

OWNER = "blocked_check_missing"
UNKNOWN = "nobodyhasthisidentifier0"
IDS = {
    # kind of ID: own, another customer's, another organisation's, unknown
    "order": (
        DEMO.orders[OWNER],
        DEMO.orders["placed"],
        DEMO.orders["other_organisation"],
        f"prdo_{UNKNOWN}",
    ),
    "subscription": (
        DEMO.subscriptions[OWNER],
        DEMO.subscriptions["placed"],
        DEMO.subscriptions["other_organisation"],
        f"sub_{UNKNOWN}",
    ),
    "orderable": (
        DEMO.subscriptions[OWNER],
        DEMO.subscriptions["can_order"],
        DEMO.subscriptions["other_without_order"],
        f"sub_{UNKNOWN}",
    ),
    "customer": (
        DEMO.customers[OWNER],
        DEMO.customers["placed"],
        DEMO.customers["other_organisation"],
        f"cus_{UNKNOWN}",
    ),
    "event": (
        DEMO.events["meter_order.blocked"],
        DEMO.events["meter_order.placed"],
        DEMO.events["subscription.ended"],
        f"evt_{UNKNOWN}",
    ),
}

Question = Callable[[Client, str], Awaitable[str]]


def tool(name: str, argument: str, **more: object) -> Question:
    async def ask(client: Client, value: str) -> str:
        return (await client.call_tool(name, {argument: value, **more})).model_dump_json()

    return ask


def resource(template: str) -> Question:
    async def ask(client: Client, value: str) -> str:
        try:
            return (await client.read_resource(template.format(value))).model_dump_json()
        except MCPError as error:
            return error.error.model_dump_json()

    return ask


def prompt(name: str, argument: str) -> Question:
    async def ask(client: Client, value: str) -> str:
        return (await client.get_prompt(name, {argument: value})).model_dump_json()

    return ask


def completion(template: str, argument: str) -> Question:
    async def ask(client: Client, value: str) -> str:
        reference = ResourceTemplateReference(uri=template)
        given = {"name": argument, "value": value}
        return (await client.complete(ref=reference, argument=given)).model_dump_json()

    return ask


LISTS = {"status": "all", "limit": 100}
QUESTIONS: dict[str, tuple[str, Question]] = {
    "get_meter_order by order": ("order", tool("get_meter_order", "order_id")),
    "get_meter_order by subscription": ("subscription", tool("get_meter_order", "order_id")),
    "explain_status by order": ("order", tool("explain_status", "order_id")),
    "explain_status by subscription": ("subscription", tool("explain_status", "order_id", audience="customer")),
    "list by customer": ("customer", tool("list_meter_orders_by_status", "customer_id", **LISTS)),
    "list by subscription": ("subscription", tool("list_meter_orders_by_status", "subscription_id", **LISTS)),
    "count by customer": ("customer", tool("list_meter_orders_by_status", "customer_id", status="all", limit=0)),
    "list_subscriptions": ("customer", tool("list_subscriptions", "customer_id")),
    "get_event": ("event", tool("get_event", "event_id")),
    "order_smart_meter": ("subscription", tool("order_smart_meter", "subscription_id")),
    "order_smart_meter, never ordered": ("orderable", tool("order_smart_meter", "subscription_id")),
    "order resource": ("order", resource("nomos://meter-orders/{}")),
    "order resource by subscription": ("subscription", resource("nomos://meter-orders/{}")),
    "subscription resource": ("subscription", resource("nomos://subscriptions/{}")),
    "order of subscription resource": ("subscription", resource("nomos://subscriptions/{}/meter-order")),
    "event resource": ("event", resource("nomos://events/{}")),
    "prompt": ("order", prompt("why-is-my-meter-blocked", "order_id")),
    "completion": ("order", completion("nomos://meter-orders/{order_id}", "order_id")),
}
BLIND = {"prompt", "completion"}
"""These look nothing up, so that they say the same of one's own."""


@pytest.fixture
def as_customer(simulator: Simulator, era: Era) -> Callable[[ApiVersion], AsyncIterator[Client]]:
    @asynccontextmanager
    async def connected(version: ApiVersion) -> AsyncIterator[Client]:
        async with client_for(simulator, version) as nomos:
            caller = Caller.customer(DEMO.customers[OWNER])
            server = create_server(Settings(), client=nomos, caller=caller, clock=lambda: NOW)
            async with Client(server, mode=era) as client:
                yield client

    return connected  # type: ignore[return-value]  # asynccontextmanager's type is no iterator


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_foreign_and_unknown_are_answered_byte_for_byte_alike(
    as_customer: Callable[[ApiVersion], Client], simulator: Simulator, question: str, version: ApiVersion
) -> None:
    kind, ask = QUESTIONS[question]
    own, *others = IDS[kind]
    async with as_customer(version) as client:
        answers = {(await ask(client, other)).replace(other, "THE ID") for other in others}
        own_answer = (await ask(client, own)).replace(own, "THE ID")
    assert len(answers) == 1
    blind = question in BLIND or (version == EDISON and kind == "event")  # edison has no events about orders
    assert (own_answer in answers) is blind
    assert not simulator.ledger


@pytest.mark.parametrize("name", ["list_meter_orders_by_status", "list_subscriptions"])
async def test_lists_without_a_customer_hold_own_objects_only(
    as_customer: Callable[[ApiVersion], Client], name: str
) -> None:
    arguments: dict[str, object] = {"limit": 100} | ({"status": "all"} if name.startswith("list_meter") else {})
    async with as_customer(CURIE) as client:
        content = (await client.call_tool(name, arguments)).structured_content
    assert content is not None
    items = content.get("orders", content.get("subscriptions"))
    assert {item["customer"] for item in items} == {DEMO.customers[OWNER]}


async def test_a_caller_without_a_scope_is_told_and_nothing_is_asked(simulator: Simulator, era: Era) -> None:
    nobody = Caller(name="nobody", scopes=frozenset({"orders:read"}))
    nomos = client_for(simulator)
    async with nomos, Client(create_server(Settings(), client=nomos, caller=nobody), mode=era) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]})
    assert "order_smart_meter" not in listed
    assert result.is_error
    assert "takes the scope org" in json.dumps(result.model_dump(mode="json"))
    assert all(request.path == "/oauth/token" for request in simulator.requests)


async def test_a_customer_who_may_only_read_cannot_order(simulator: Simulator, era: Era) -> None:
    reader = Caller.customer(DEMO.customers["can_order"], scopes=("orders:read",))
    nomos, arguments = client_for(simulator), {"subscription_id": DEMO.subscriptions["can_order"]}
    settings = Settings(confirm="none")
    async with nomos, Client(create_server(settings, client=nomos, caller=reader), mode=era) as client:
        content = (await client.call_tool("order_smart_meter", arguments)).structured_content
    assert content is not None
    assert (content["outcome"], content["reason"]) == ("refused", "not_allowed")
    assert not simulator.ledger


async def test_the_fence_can_be_set_in_the_environment(simulator: Simulator, era: Era) -> None:
    settings = Settings.from_env({"NOMOS_CUSTOMER_ID": DEMO.customers[OWNER]})
    async with client_for(simulator) as nomos, Client(create_server(settings, client=nomos), mode=era) as client:
        foreign = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]})
        own = await client.call_tool("get_meter_order", {"order_id": DEMO.orders[OWNER]})
    assert foreign.is_error
    assert not own.is_error
