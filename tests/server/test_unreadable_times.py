"""Times that are no date, and days without a time of day: told as they came, in every tool and resource."""

import json
from collections.abc import Mapping

import pytest
from mcp import Client
from mcp.types import TextResourceContents

from nomos_mcp.simulator import DEMO, Fault, Simulator, TargetState
from tests.server.conftest import answer_of, error_of

SCHEDULED = DEMO.orders["scheduled"]
ORDER_TIMES = ("created_at", "appointment_at", "blocked_at", "installed_at", "activated_at", "cancelled_at")
CALLS: Mapping[str, Mapping[str, object]] = {
    "get_meter_order": {"order_id": SCHEDULED, "detail": "full"},
    "explain_status": {"order_id": SCHEDULED, "audience": "customer", "language": "de"},
    "list_meter_orders_by_status": {"status": "all"},
    "list_subscriptions": {},
    "list_order_changes": {"since": "2020-01-01"},
}


def send(simulator: Simulator, time: str, *fields: str) -> None:
    """Have upstream send a time in fields of every answer."""
    for field in fields:
        simulator.faults.add(Fault(kind="new_enum_value", field=field, value=time))


@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "9999"])
async def test_a_time_that_is_no_date_breaks_no_tool(
    time: str, tool: str, assistant: Client, simulator: Simulator
) -> None:
    send(simulator, time, *ORDER_TIMES, "updated_at", "start_at", "end_at", "terminated_at")
    assert answer_of(await assistant.call_tool(tool, dict(CALLS[tool])))


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00"])
async def test_a_time_that_is_no_date_is_shown_as_it_came(time: str, assistant: Client, simulator: Simulator) -> None:
    send(simulator, time, "appointment_at")
    answer = answer_of(await assistant.call_tool("get_meter_order", {"order_id": SCHEDULED}))
    assert answer["order"]["appointment_at"] == time
    assert f"appointment_at cannot be read: '{time}'." in answer["explanation"]["anomalies"]


async def test_a_time_that_is_no_date_costs_a_list_no_line(assistant: Client, simulator: Simulator) -> None:
    asked = {"status": "scheduled", "limit": 100}
    before = answer_of(await assistant.call_tool("list_meter_orders_by_status", asked))
    send(simulator, "9999-12-31T23:59:59Z", "appointment_at", "created_at")
    after = answer_of(await assistant.call_tool("list_meter_orders_by_status", asked))
    assert [line["id"] for line in after["orders"]] == [line["id"] for line in before["orders"]] != []
    free = [line for line in after["orders"] if "blocked" not in line["summary"]]
    assert free
    assert all(line["summary"] == "for 9999-12-31T23:59:59Z" for line in free)
    assert all(line["created"] == "9999-12-31T23:59:59Z" for line in free)
    assert all(line["anomalies"] == ["unreadable time"] for line in free)


async def test_a_day_without_a_time_of_day_gets_none_in_any_answer(assistant: Client, simulator: Simulator) -> None:
    send(simulator, "2026-06-17", *ORDER_TIMES)
    for tool in ("get_meter_order", "explain_status", "list_meter_orders_by_status"):
        said = error_of(await assistant.call_tool(tool, dict(CALLS[tool])))
        assert "2026-06-17" in said or "17 Jun 2026" in said or "17.06.2026" in said
        assert "00:00" not in said.replace("10:00:00Z", "")  # when the list was read
        assert "02:00" not in said


async def test_the_order_of_an_answer_shows_a_day_as_a_day(assistant: Client, simulator: Simulator) -> None:
    send(simulator, "2026-06-17", "appointment_at")
    answer = answer_of(await assistant.call_tool("get_meter_order", dict(CALLS["get_meter_order"])))
    assert answer["order"]["appointment_at"] == "2026-06-17"
    assert "is scheduled for 17 Jun 2026." in answer["explanation"]["customer_message"]


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "2026-06-17"])
async def test_an_event_and_its_resource_show_a_time_as_it_came(
    time: str, assistant: Client, simulator: Simulator
) -> None:
    known = set(simulator.world.events)
    simulator.put_order(SCHEDULED, TargetState(status="installed"))
    (event_id,) = set(simulator.world.events) - known
    send(simulator, time, "timestamp")
    event = answer_of(await assistant.call_tool("get_event", {"event_id": event_id}))
    assert event["timestamp"] == time
    (content,) = (await assistant.read_resource(f"nomos://events/{event_id}")).contents
    assert isinstance(content, TextResourceContents)
    assert json.loads(content.text)["timestamp"] == time
