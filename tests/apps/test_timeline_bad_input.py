"""The timeline with results and hosts that are not as they should be."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from nomos_mcp.client import CURIE, EDISON
from tests.apps.conftest import OpenBare, OpenDemo
from tests.apps.demo_host import READY, READY_WITHOUT_TOOLS, REFUSES_CALLS, BareHost, DemoHost

pytestmark = pytest.mark.browser

SCRIPT = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
ORDER = {"id": "prdo_x", "status": "placed", "created_at": "2026-11-01T10:00:00Z"}
EXPLANATION = {
    "label": "With the installation partner",
    "meaning": "It is with the partner.",
    "waiting_on": "customer",
    "confidence": "inferred",
    "customer_message": "Please wait.",
}


def show(host: DemoHost, version: str = CURIE, history: object = (), **fields: Any) -> None:
    """Show an order of which some fields are others."""
    explanation = {**EXPLANATION, **fields.pop("explanation", {})}
    order = {**ORDER, **fields}
    result = {"order": order, "explanation": explanation, "api_version": version, "history": list(history)}  # type: ignore[call-overload]
    host.show("get_meter_order", result, arguments={"order_id": "prdo_x", "detail": "full"})
    expect(host.app.locator("header")).to_be_visible()


def sent(host: BareHost, result: dict[str, Any], arguments: dict[str, Any] | None = None) -> None:
    host.send("ui/notifications/tool-input", json.dumps({"arguments": arguments or {"order_id": "prdo_x"}}))
    host.send("ui/notifications/tool-result", json.dumps({"content": [], "structuredContent": result}))


def test_a_status_that_is_new_is_shown_after_the_last_step_with_a_date(open_demo: OpenDemo) -> None:
    host = open_demo()
    show(host, status="teleported")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("teleported")
    expect(host.app.locator("[aria-current=step]")).to_contain_text("The step at which this happened is not known.")
    expect(host.app.locator(".steps li")).to_have_count(2)
    assert host.axe() == []


@pytest.mark.parametrize(("version", "status"), [(CURIE, "installation_planning"), (EDISON, "check_reviewed")])
def test_a_status_of_the_other_vocabulary_is_taken_for_none_of_this_one(
    open_demo: OpenDemo, version: str, status: str
) -> None:
    host = open_demo()
    show(host, version, status=status)
    expect(host.app.locator("[aria-current=step]")).to_contain_text(status)


@pytest.mark.parametrize("version", ["2027-01-01.darwin", "constructor", ""])
def test_an_order_of_a_new_api_version_is_shown_without_a_path(open_demo: OpenDemo, version: str) -> None:
    host = open_demo()
    show(host, version)
    expect(host.app.locator(".steps li")).to_have_text(["placed (present step)"])


def test_steps_without_dates_have_none(open_demo: OpenDemo) -> None:
    host = open_demo()
    show(host, created_at=None, status="scheduled")
    expect(host.app.locator(".steps .date")).to_have_count(0)
    expect(host.app.locator(".steps li.earlier")).to_have_count(4)


def test_what_is_no_date_is_shown_as_it_came_and_said_to_be_unreadable(open_demo: OpenDemo) -> None:
    host = open_demo()
    show(host, created_at="soon", appointment_at="next Tuesday", blocked_at=7)
    expect(host.app.locator(".steps .date")).to_have_text("soon unreadable")
    expect(host.app.locator("section").filter(has_text="Appointment")).to_contain_text("unreadable")
    expect(host.app.locator(".appointment")).to_have_text("next Tuesday")


def test_text_from_upstream_is_text_wherever_it_stands(open_demo: OpenDemo) -> None:
    host = open_demo()
    explanation = dict.fromkeys(
        ("meaning", "waiting_on", "customer_message", "customer_action", "next", "timing", "escalation"), SCRIPT
    )
    block = {"reason": SCRIPT, "meaning": SCRIPT, "since": SCRIPT}
    history = [{"what": SCRIPT, "when": SCRIPT, "source": SCRIPT}]
    odd: dict[str, Any] = {**explanation, "anomalies": [SCRIPT], "blocked": block}
    show(
        host,
        id=SCRIPT,
        appointment_at=SCRIPT,
        cancelled_reason=SCRIPT,
        created_at=SCRIPT,
        explanation=odd,
        history=history,
    )
    expect(host.app.locator("header .over code")).to_contain_text("<script>")
    assert host.app.locator("main script, main img").count() == 0
    assert host.frame.title() != "ran"


@pytest.mark.parametrize("width", [320, 1000])
def test_texts_without_end_are_cut_and_break_no_line(open_demo: OpenDemo, width: int) -> None:
    host = open_demo(width=width)
    word, words = "x" * 20_000, "word " * 4_000
    odd = {"meaning": word, "anomalies": [words] * 50, "blocked": {"reason": word, "meaning": words, "since": word}}
    history = [{"what": word, "by": word, "source": "observed"}] * 100
    show(host, id=word, status=word, appointment_at=word, explanation=odd, history=history)
    assert host.overflow() == 0
    assert len(host.app.locator("body").inner_text()) < 30_000
    host.screenshot(f"timeline-endless-{width}")


@pytest.mark.parametrize(
    "result",
    [
        {"order": {"id": "prdo_x"}},
        {"order": {"id": 1, "status": ["placed"]}, "api_version": 2},
        {"explanation": {"status": "placed"}},
        {"order": ORDER, "explanation": None, "history": "none"},
        {"order": ORDER, "explanation": {"blocked": [], "anomalies": {}, "confidence_of": 3}, "history": [None, 1, {}]},
    ],
)
def test_a_result_with_half_of_its_fields_is_shown_as_far_as_it_goes(
    open_demo: OpenDemo, result: dict[str, object]
) -> None:
    host = open_demo()
    host.show("get_meter_order", {"api_version": CURIE, **result})
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("result", [{}, {"order": None}, {"orders": []}])
def test_a_result_without_an_order_is_said_to_have_nothing(open_demo: OpenDemo, result: dict[str, object]) -> None:
    host = open_demo()
    host.show("get_meter_order", result)
    expect(host.app.get_by_role("alert")).to_contain_text("no data")


def test_a_block_without_an_explanation_is_shown_by_the_orders_own_fields(open_demo: OpenDemo) -> None:
    host = open_demo()
    order = {**ORDER, "blocked_reason": "check_missing", "blocked_at": "2026-11-03T10:00:00Z"}
    host.show("get_meter_order", {"order": order, "api_version": CURIE})
    expect(host.app.locator("[aria-current=step] .hold")).to_contain_text("check_missing")
    expect(host.app.locator("[aria-current=step] .hold")).to_contain_text("3 Nov 2026")


def test_a_short_result_is_shown_by_a_host_that_calls_no_tools(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open("timeline", READY_WITHOUT_TOOLS)
    sent(host, {"order": {"id": "prdo_x", "status": "placed"}, "explanation": EXPLANATION, "api_version": CURIE})
    expect(host.app.locator("[aria-current=step]")).to_contain_text("With the installation partner")
    host.app.get_by_role("button", name="Deutsch").click()
    expect(host.app.get_by_text("The message could not be read in this language.")).to_be_visible()
    expect(host.app.locator(".message blockquote")).to_have_text("Please wait.")
    assert host.received("tools/call") == []


def test_what_the_host_refuses_is_told_and_what_is_shown_stays_with_its_time(open_bare: OpenBare) -> None:
    host = open_bare()
    host.page.add_init_script(REFUSES_CALLS)
    host.open("timeline", READY)
    sent(host, {"order": ORDER, "explanation": EXPLANATION, "api_version": CURIE})
    received = host.app.get_by_text("Received ")
    time = received.inner_text()
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.get_by_role("status").get_by_text("could not pass this on")).to_be_visible()
    expect(received).to_have_text(time)
    expect(host.app.locator("[aria-current=step]")).to_contain_text("With the installation partner")


def test_a_refreshed_order_takes_the_place_of_the_one_before(open_bare: OpenBare) -> None:
    host = open_bare()
    later = {"order": {**ORDER, "status": "check_submitted"}, "explanation": EXPLANATION, "api_version": CURIE}
    host.page.add_init_script(
        "window.more = ({ id, method }, reply) => method === 'tools/call' && reply({ id, result: "
        f"{{ content: [], structuredContent: {json.dumps(later)} }} }})"
    )
    host.open("timeline", READY)
    before = {"order": ORDER, "explanation": EXPLANATION, "api_version": CURIE}
    sent(host, before, {"order_id": "prdo_x", "detail": "full"})
    expect(host.app.locator("[aria-current=step]")).to_contain_text("With the installation partner")
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.locator("[aria-current=step]")).to_contain_text("Check submitted")


@pytest.mark.parametrize(
    ("arguments", "audience"),
    [({"order_id": "sub_x", "audience": "customer"}, "customer"), ({"order_id": "prdo_x"}, "agent"), ({}, "customer")],
)
def test_the_app_asks_for_no_more_than_the_assistant_was_allowed_to_see(
    open_bare: OpenBare, arguments: dict[str, str], audience: str
) -> None:
    host = open_bare()
    host.open("timeline", READY)
    host.send("ui/notifications/tool-input", json.dumps({"arguments": arguments}))
    result = {"order": {"id": "prdo_x"}, "explanation": {"meaning": "There."}, "api_version": CURIE}
    host.send("ui/notifications/tool-result", json.dumps({"content": [], "structuredContent": result}))
    host.page.wait_for_function("received.some(({ method }) => method === 'tools/call')")
    expected = {"order_id": "prdo_x", "audience": audience, "language": "en", "detail": "full"}
    assert [each["params"]["arguments"] for each in host.received("tools/call")] == [expected]


def test_what_the_customer_says_is_asked_again_with_it(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open("timeline", READY)
    sent(host, {"order": {"id": "prdo_x"}, "explanation": {}}, {"order_id": "prdo_x", "customer_says": "already_done"})
    host.page.wait_for_function("received.some(({ method }) => method === 'tools/call')")
    (call,) = host.received("tools/call")
    assert call["params"]["name"] == "explain_status"
    assert call["params"]["arguments"]["customer_says"] == "already_done"


@pytest.mark.parametrize(
    ("locale", "day"), [("fr-FR", "1 Nov 2026"), ("de_AT", "01.11.2026"), ("nonsense", "1 Nov 2026")]
)
def test_dates_are_in_the_language_of_the_words_beside_them(open_bare: OpenBare, locale: str, day: str) -> None:
    host = open_bare()
    host.page.add_init_script(f"window.context = {{ locale: '{locale}' }}")
    host.open("timeline", READY_WITHOUT_TOOLS)
    sent(host, {"order": {**ORDER, "status": "created"}, "explanation": EXPLANATION, "api_version": CURIE})
    expect(host.app.locator("[aria-current=step] .date")).to_have_text(day)
