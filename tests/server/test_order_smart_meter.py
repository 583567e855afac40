"""`order_smart_meter` as one of the tools. How an order is made is tested in `tests/ordering/`."""

import json
from typing import Any

import pytest
from mcp import Client
from starlette.types import Receive, Scope, Send

from nomos_mcp.client import CURIE, NomosClient
from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.error_messages import DETAILS
from nomos_mcp.server.ordering import outcomes, reasons
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.server.conftest import Era, answer_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=("subscription_id", "confirmation_code"),
    required=("subscription_id",),
    hints=(False, True, True, True),
    call={"subscription_id": "sub_1"},
    names_no_object=("confirmation_code",),
)


async def test_a_customer_who_may_only_read_cannot_order(simulator: Simulator, era: Era) -> None:
    reader = Caller.customer(DEMO.customers["can_order"], scopes=("orders:read",))
    nomos, arguments = client_for(simulator), {"subscription_id": DEMO.subscriptions["can_order"]}
    settings = Settings(confirm="none")
    async with nomos, Client(create_server(settings, client=nomos, caller=reader), mode=era) as client:
        content = (await client.call_tool("order_smart_meter", arguments)).structured_content
    assert content is not None
    assert (content["outcome"], content["reason"]) == ("refused", "not_allowed")
    assert not simulator.ledger


@pytest.mark.parametrize("name", ["blocked_check_missing", "placed", "scheduled", "installed", "cancelled_by_customer"])
async def test_an_order_that_is_there_already_is_told_in_short(assistant: Client, name: str) -> None:
    arguments = {"subscription_id": DEMO.subscriptions[name]}
    answer = answer_of(await assistant.call_tool("order_smart_meter", arguments))
    read = answer_of(await assistant.call_tool("get_meter_order", {"order_id": DEMO.subscriptions[name]}))
    assert answer["outcome"] == "already_ordered"
    assert {field: answer[field] for field in read} == read


@pytest.mark.parametrize(
    ("settings", "scopes", "name"),
    [
        ({"read_only": True}, ("orders:read", "orders:write"), "can_order"),
        ({"confirm": "elicit"}, ("orders:read", "orders:write"), "can_order"),
        ({}, ("orders:read",), "can_order"),
        ({}, ("orders:read", "orders:write"), "placed"),
        ({"audit_file": "/nowhere/at/all"}, ("orders:read", "orders:write"), "ended"),
    ],
)
async def test_what_a_customers_assistant_is_refused_names_nothing_that_an_operator_would_have_to_do(
    simulator: Simulator, era: Era, settings: dict[str, Any], scopes: tuple[str, ...], name: str
) -> None:
    caller = Caller.customer(DEMO.customers["ended" if name == "ended" else "can_order"], scopes=scopes)
    arguments = {"subscription_id": DEMO.subscriptions[name]}
    async with client_for(simulator) as nomos:
        server = create_server(Settings(**settings), client=nomos, caller=caller)
        async with Client(server, mode=era) as client:
            answer = answer_of(await client.call_tool("order_smart_meter", arguments))
    assert answer["outcome"] == "refused"
    assert not [word for word in ("operator", "NOMOS_", "credentials", "whoever") if word in json.dumps(answer)]


async def test_a_code_of_nomos_that_refuses_an_order_is_explained(simulator: Simulator, era: Era) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and scope["path"] == "/meter-orders":
            body = {"code": "BAD_REQUEST", "errors": [{"code": "unsupported_meter", "field": "meter", "message": "x"}]}
            headers = [(b"content-type", b"application/json"), (b"x-api-version", CURIE.encode())]
            await send({"type": "http.response.start", "status": 400, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})
            return
        await simulator(scope, receive, send)

    nomos = NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=app)
    async with nomos, Client(create_server(Settings(confirm="none"), client=nomos), mode=era) as client:
        arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
        answer = answer_of(await client.call_tool("order_smart_meter", arguments))
    assert (answer["outcome"], answer["reason"]) == ("refused", "unsupported_meter")
    assert "not possible with this meter" in answer["message"]


@pytest.mark.parametrize("reason", dict.fromkeys([*reasons.REASONS, *DETAILS]))
async def test_no_refusal_tells_a_customers_assistant_what_only_an_operator_can_do(
    simulator: Simulator, reason: str
) -> None:
    caller = Caller.customer(DEMO.customers["can_order"])
    async with client_for(simulator) as nomos:
        refused = outcomes.refused(reason, create_server(Settings(), client=nomos, caller=caller).context)
    said = f"{refused.message} {refused.next}"
    words = ("operator", "NOMOS_", "credentials", "scope", "token", "customer's other", "configure one", "looked up")
    assert not [word for word in words if word in said]
