"""Answers that come late, twice, or to another question than the one that was asked."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from nomos_mcp.lifecycle import CURIE
from tests.apps.conftest import OpenBare
from tests.apps.demo_host import READY, BareHost

pytestmark = pytest.mark.browser

HOLDS_CALLS = """
window.calls = [];
window.more = (message, reply) => {
  if (message.method !== "tools/call") return;
  window.calls.push((structuredContent) => reply({ id: message.id, result: { content: [], structuredContent } }));
};
"""


def result(order: str, status: str = "placed", says: str = "Please wait.") -> dict[str, Any]:
    explanation = {"label": status, "meaning": f"{order} is {status}.", "waiting_on": "nomos", "customer_message": says}
    record = {"id": order, "status": status, "subscription": f"sub_{order}"}
    return {"order": record, "explanation": explanation, "api_version": CURIE}


def ask(host: BareHost, order: str, **more: str) -> None:
    arguments = {"order_id": order, "detail": "full", "language": "en", **more}
    host.send("ui/notifications/tool-input", json.dumps({"arguments": arguments}))


def answer(host: BareHost, data: dict[str, Any]) -> None:
    host.send("ui/notifications/tool-result", json.dumps({"content": [], "structuredContent": data}))


def answer_call(host: BareHost, number: int, data: dict[str, Any]) -> None:
    """Answer a call of a tool that the app made."""
    host.page.wait_for_function("number => calls.length > number", arg=number)
    host.page.evaluate("([number, data]) => calls[number](data)", [number, data])


@pytest.fixture
def host(open_bare: OpenBare) -> BareHost:
    opened = open_bare()
    opened.page.add_init_script(HOLDS_CALLS)
    opened.open("timeline", READY)
    ask(opened, "prdo_one")
    answer(opened, result("prdo_one"))
    expect(opened.app.locator(".over")).to_contain_text("prdo_one")
    return opened


def test_a_late_refresh_does_not_take_the_place_of_a_newer_result(host: BareHost) -> None:
    host.app.get_by_role("button", name="Refresh").click()
    ask(host, "prdo_two")
    answer(host, result("prdo_two"))
    expect(host.app.locator(".over")).to_contain_text("prdo_two")
    answer_call(host, 0, result("prdo_one", "activated"))
    expect(host.app.get_by_text("Refreshing …")).to_have_count(0)
    expect(host.app.locator(".over")).to_contain_text("prdo_two")


def test_the_arguments_of_the_next_call_are_not_taken_for_those_of_what_is_shown(host: BareHost) -> None:
    ask(host, "prdo_two", audience="customer", customer_says="already_done")
    host.app.get_by_role("button", name="Refresh").click()
    host.page.wait_for_function("calls.length > 0")
    (call,) = host.received("tools/call")
    assert call["params"]["name"] == "get_meter_order"
    assert call["params"]["arguments"]["order_id"] == "prdo_one"
    assert call["params"]["arguments"]["audience"] == "agent"


def test_an_answer_about_another_order_is_not_shown(host: BareHost) -> None:
    host.app.get_by_role("button", name="Refresh").click()
    answer_call(host, 0, result("prdo_two"))
    expect(host.app.get_by_role("status").get_by_text("about another order")).to_be_visible()
    expect(host.app.locator(".over")).to_contain_text("prdo_one")


def test_the_message_of_another_order_is_not_copied(host: BareHost) -> None:
    host.app.get_by_role("button", name="Deutsch").click()
    answer_call(host, 0, result("prdo_two", says="Sie können kündigen."))
    expect(host.app.get_by_role("status").get_by_text("about another order")).to_be_visible()
    expect(host.app.locator(".message blockquote")).to_have_text("Please wait.")


def test_the_same_result_twice_is_shown_once(host: BareHost) -> None:
    answer(host, result("prdo_one"))
    answer(host, result("prdo_one"))
    expect(host.app.locator(".steps [aria-current=step]")).to_have_count(1)
    assert host.received("tools/call") == []


def test_an_opened_order_follows_a_change_of_language(open_bare: OpenBare) -> None:
    host = open_bare()
    host.page.add_init_script(HOLDS_CALLS)
    host.open("board", READY)
    host.send("ui/notifications/tool-input", json.dumps({"arguments": {"status": "all"}}))
    orders = [{"id": "prdo_one", "status": "placed", "waiting_on": "nomos"}]
    answer(host, {"orders": orders, "api_version": CURIE, "complete": True, "as_of": "2026-11-22T06:00:00Z"})
    host.app.get_by_role("button", name="prdo_one").click()
    answer_call(host, 0, result("prdo_one"))
    expect(host.app.locator(".meaning")).to_have_attribute("lang", "en")
    host.send("ui/notifications/host-context-changed", json.dumps({"locale": "de-DE"}))
    answer_call(host, 1, {**result("prdo_one"), "explanation": {"label": "x", "meaning": "Bei unserem Partner."}})
    expect(host.app.locator(".meaning")).to_have_text("Bei unserem Partner.")
    expect(host.app.locator(".meaning")).to_have_attribute("lang", "de")
