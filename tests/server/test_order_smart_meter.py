"""`order_smart_meter` as one of the tools. How an order is made is tested in `tests/ordering/`."""

from mcp import Client

from nomos_mcp.server import Caller, create_server
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


async def test_an_order_that_is_there_already_is_told_in_short(assistant: Client) -> None:
    arguments = {"subscription_id": DEMO.subscriptions["blocked_check_missing"]}
    answer = answer_of(await assistant.call_tool("order_smart_meter", arguments))
    assert answer["outcome"] == "already_ordered"
    assert answer["order"]["blocked_reason"] == "check_missing"
    assert answer["explanation"]["waiting_on"] == "customer"
    assert not answer["explanation"].keys() & {"sources", "stage", "label", "status", "api_version"}
    assert "object" not in answer["order"]
    assert "reason" not in answer["explanation"]["blocked"]
