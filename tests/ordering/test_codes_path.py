"""A client that cannot ask gets a preview and a code; nothing is ordered without them, and never twice."""

import re
from collections.abc import Callable

import pytest
from mcp import Client

from nomos_mcp.server import create_server
from nomos_mcp.server.ordering.config import LIFETIME, Codes
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW
from tests.ordering.conftest import SUBSCRIPTION, TOOL, move_to_another_plan
from tests.ordering.faults import Faulty
from tests.ordering.test_submit import nomos_behind
from tests.server.conftest import answer_of, error_of


async def test_the_first_call_previews_and_orders_nothing(assistant: Client, simulator: Simulator) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    assert answer["outcome"] == "confirmation_required"
    assert answer["preview"]["subscription"] == SUBSCRIPTION
    assert answer["confirmation_code"]
    assert not simulator.ledger


async def test_the_second_call_with_the_code_orders(assistant: Client, simulator: Simulator) -> None:
    code = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))["confirmation_code"]
    answer = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, "confirmation_code": code}))
    assert answer["outcome"] == "ordered"
    assert [entry.subscription_id for entry in simulator.ledger] == [SUBSCRIPTION]
    again = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, "confirmation_code": code}))
    assert again["outcome"] == "already_ordered"
    assert again["order"]["id"] == answer["order"]["id"]
    assert len(simulator.ledger) == 1


async def test_a_cancelled_order_counts_and_names_who_can_repeat_it(assistant: Client) -> None:
    arguments = {"subscription_id": DEMO.subscriptions["cancelled_by_customer"]}
    answer = answer_of(await assistant.call_tool(TOOL, arguments))
    assert answer["outcome"] == "already_ordered"
    assert "support@nomos.energy" in answer["next"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("yes", "this tool did not issue it"),
        ("zz-abc", "this tool did not issue it"),
        ("ffffffff-aaaa-bbbb", "not issued to this caller for this subscription"),
        ("of another process", "not since this server started"),
    ],
)
async def test_a_code_that_was_not_given_out_orders_nothing(
    assistant: Client, simulator: Simulator, code: str, said: str
) -> None:
    if code == "of another process":
        code = Codes().code("preview", "local", "", SUBSCRIPTION, "http://127.0.0.1")
    answer = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, "confirmation_code": code}))
    assert (answer["outcome"], answer["reason"]) == ("refused", "invalid_code")
    assert said in answer["message"]
    assert not simulator.ledger


async def test_a_code_for_another_subscription_orders_nothing(assistant: Client, simulator: Simulator) -> None:
    other = DEMO.subscriptions["can_order_metrify"]
    code = answer_of(await assistant.call_tool(TOOL, {"subscription_id": other}))["confirmation_code"]
    answer = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, "confirmation_code": code}))
    assert (answer["outcome"], answer["reason"]) == ("refused", "invalid_code")
    assert not simulator.ledger


async def test_a_code_is_bound_to_what_was_shown(assistant: Client, simulator: Simulator) -> None:
    first = answer_of(await assistant.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    plan = move_to_another_plan(simulator)
    arguments = {"subscription_id": SUBSCRIPTION, "confirmation_code": first["confirmation_code"]}
    second = answer_of(await assistant.call_tool(TOOL, arguments))
    assert (second["outcome"], second["reason"]) == ("confirmation_required", "changed")
    assert second["preview"]["plan"] == plan
    assert not simulator.ledger
    arguments["confirmation_code"] = second["confirmation_code"]
    assert answer_of(await assistant.call_tool(TOOL, arguments))["outcome"] == "ordered"


async def test_a_code_is_used_up_by_the_first_order_that_leaves(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["403_before"])
    server = create_server(Settings(), client=nomos_behind(upstream), clock=lambda: NOW)
    async with Client(server) as client:
        code = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))["confirmation_code"]
        arguments = {"subscription_id": SUBSCRIPTION, "confirmation_code": code}
        assert answer_of(await client.call_tool(TOOL, arguments))["reason"] == "forbidden"
        again = answer_of(await client.call_tool(TOOL, arguments))
    assert (again["outcome"], again["reason"]) == ("refused", "invalid_code")
    assert "used for an order before" in again["message"]
    assert upstream.posted == 1


@pytest.mark.parametrize("spelled", [str.upper, lambda code: "0" + code, lambda code: f" {code}"])
def test_a_used_code_stays_used_however_its_date_is_spelled(spelled: Callable[[str], str]) -> None:
    codes = Codes()
    code = codes.code("preview", "sub_1")
    date, _, rest = code.partition("-")
    assert codes.use(code)
    assert not codes.use(code)
    assert codes.flaw(f"{spelled(date)}-{rest}", "preview", "sub_1") == "used"


@pytest.mark.parametrize("code", ["f" * 10**6, "é" * 10, "\ud800", "\0-\0-\0", "----", "1-2-" + "9" * 5000])
async def test_a_code_of_any_size_and_kind_is_an_invalid_code(assistant: Client, code: str) -> None:
    assert Codes().flaw(code, "preview", "sub_1") in {"not a code", "not for this call"}
    if code != "\ud800":  # which no JSON can carry
        arguments = {"subscription_id": SUBSCRIPTION, "confirmation_code": code}
        assert answer_of(await assistant.call_tool(TOOL, arguments))["reason"] == "invalid_code"


def test_a_code_expires_and_can_not_be_prolonged() -> None:
    seconds = [1000.0]
    codes = Codes(clock=lambda: seconds[0])
    code = codes.code("preview", "sub_1", "host")
    assert codes.flaw(code, "preview", "sub_1", "host") == ""
    seconds[0] += LIFETIME
    assert codes.flaw(code, "preview", "sub_1", "host") == "expired"
    prolonged = re.sub(r"^[0-9a-f]+", f"{10**6:x}", code)
    assert codes.flaw(prolonged, "preview", "sub_1", "host") == "not for this call"


def test_a_code_is_good_in_every_process_with_the_same_key_and_for_nobody_else() -> None:
    key = b"k" * 32
    code = Codes(key).code("preview", "alice", "sub_1", "host")
    assert Codes(key).flaw(code, "preview", "alice", "sub_1", "host") == ""
    assert Codes(b"x" * 32).flaw(code, "preview", "alice", "sub_1", "host")
    assert Codes(key).flaw(code, "preview", "bob", "sub_1", "host")


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        (DEMO.orders["placed"], "it is the ID of a meter order"),
        ("", "is not a valid subscription ID"),
    ],
)
async def test_a_wrong_subscription_is_refused(
    assistant: Client, simulator: Simulator, subscription: str, said: str
) -> None:
    result = await assistant.call_tool(TOOL, {"subscription_id": subscription})
    assert result.is_error
    assert said in error_of(result)
    assert not simulator.ledger
