"""The demo's page as a host, and the apps' connection to it and to hosts that behave worse."""

from typing import Any

import pytest
from playwright.sync_api import expect

from nomos_mcp.client import EDISON
from nomos_mcp.simulator import DEMO
from tests.apps.conftest import OpenBare, OpenDemo
from tests.apps.demo_host import HELD_PATIENCE, READY, READY_WITHOUT_TOOLS, REFUSES_CALLS, SCREENSHOTS

pytestmark = pytest.mark.browser

APPS = ("timeline", "board", "preview")
TOOL_OF = {"timeline": "get_meter_order", "board": "list_meter_orders_by_status", "preview": "order_smart_meter"}
SUBSCRIPTION = DEMO.subscriptions["can_order"]
ORDER = DEMO.orders["scheduled"]

RESULT = """{ content: [], structuredContent: {
  order: { id: "prdo_x", status: "placed" }, explanation: { waiting_on: "customer" }, api_version: "2026-05-27.curie"
} }"""

CALL_FROM_APP = """([name, input]) => new Promise((resolve) => {
  addEventListener("message", ({ data }) => { if (data.id === "attack") resolve(data); });
  parent.postMessage({ jsonrpc: "2.0", id: "attack", method: "tools/call", params: { name, arguments: input } }, "*");
})"""


def call_from_app(host: Any, tool: str, **arguments: object) -> dict[str, Any]:
    """Send what any code in the frame could send, past everything that the app does."""
    answer: dict[str, Any] = host.frame.evaluate(CALL_FROM_APP, [tool, arguments])
    return answer


def test_an_app_cannot_order_even_with_a_valid_code(open_demo: OpenDemo) -> None:
    host = open_demo()
    preview = host.ask("order_smart_meter", subscription_id=SUBSCRIPTION)["structuredContent"]
    assert preview["outcome"] == "confirmation_required"

    answer = call_from_app(
        host, "order_smart_meter", subscription_id=SUBSCRIPTION, confirmation_code=preview["confirmation_code"]
    )
    assert "for the model only" in answer["error"]["message"]
    assert "result" not in answer

    found = host.ask_only("get_subscription", subscription_id=SUBSCRIPTION)["structuredContent"]
    assert found["subscription"]["can_order"] == "yes"


def test_the_code_that_the_app_could_not_use_is_valid_for_the_model(open_demo: OpenDemo) -> None:
    host = open_demo(own_server=True)
    code = host.ask("order_smart_meter", subscription_id=SUBSCRIPTION)["structuredContent"]["confirmation_code"]
    refused = call_from_app(host, "order_smart_meter", subscription_id=SUBSCRIPTION, confirmation_code=code)
    assert "error" in refused
    ordered = host.ask("order_smart_meter", subscription_id=SUBSCRIPTION, confirmation_code=code)
    assert ordered["structuredContent"]["outcome"] == "ordered"


def test_an_app_may_read(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask("get_meter_order", order_id=ORDER)
    answer = call_from_app(host, "get_meter_order", order_id=ORDER)
    assert answer["result"]["structuredContent"]["order"]["id"] == ORDER


def test_a_tool_that_is_not_listed_is_refused(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask("get_meter_order", order_id=ORDER)
    assert "There is no tool" in call_from_app(host, "order_smart_meter ", order_id=ORDER)["error"]["message"]


@pytest.mark.parametrize("app", APPS)
def test_the_frame_of_an_app_has_scripts_and_no_origin(open_demo: OpenDemo, app: str) -> None:
    host = open_demo()
    host.show(TOOL_OF[app], {})
    assert host.page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    assert host.frame.evaluate("origin") == "null"


@pytest.mark.parametrize("way", ["fetch", "image", "frame"])
def test_nothing_that_runs_in_an_app_reaches_the_network(open_demo: OpenDemo, way: str) -> None:
    host = open_demo()
    host.show("get_meter_order", {})
    attempt = {
        "fetch": "url => fetch(url).then(() => 'reached', () => 'refused')",
        "image": "url => new Promise(done => { const image = new Image(); image.onload = () => done('reached');"
        " image.onerror = () => done('refused'); image.src = url; })",
        "frame": "url => new Promise(done => { addEventListener('securitypolicyviolation', () => done('refused'));"
        " const inner = document.createElement('iframe'); inner.src = url; document.body.append(inner); })",
    }[way]
    assert host.frame.evaluate(attempt, host.url) == "refused"
    assert host.errors
    assert all("Content Security Policy" in error for error in host.errors), host.errors
    host.errors.clear()  # they are what was to be seen


def test_an_order_says_where_it_is(open_demo: OpenDemo) -> None:
    host = open_demo(language="de", theme="dark", width=320)
    host.ask("get_meter_order", order_id=DEMO.orders["scheduled"])
    expect(host.app.get_by_role("heading", level=1)).to_have_text("Einbautermin vereinbart")
    assert host.axe() == []
    assert host.overflow() == 0
    host.screenshot("timeline-de-dark")


@pytest.mark.parametrize(("language", "title"), [("en", "Installation scheduled"), ("de", "Einbautermin vereinbart")])
def test_an_app_speaks_the_language_of_its_host(open_demo: OpenDemo, language: str, title: str) -> None:
    host = open_demo(language=language)
    host.ask("get_meter_order", order_id=ORDER, language=language)
    expect(host.app.get_by_role("heading", level=1)).to_have_text(title)
    expect(host.app.locator("html")).to_have_attribute("lang", language)


def test_a_change_of_language_and_theme_reaches_the_app(open_demo: OpenDemo) -> None:
    host = open_demo(language="en", theme="light")
    expect(host.app.locator("html")).to_have_attribute("data-theme", "light")
    host.page.get_by_label("Theme").select_option("dark")
    expect(host.app.locator("html")).to_have_attribute("data-theme", "dark")
    host.page.get_by_label("Language").select_option("de")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("Einbautermin vereinbart")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("en", 1200), ("de", 320)])
def test_the_page_itself_can_be_used_by_everyone(open_demo: OpenDemo, language: str, width: int, theme: str) -> None:
    host = open_demo(language=language, theme=theme, width=width)
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()
    assert host.axe(host.page.main_frame) == []
    wider = host.page.main_frame.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider == 0
    host.page.screenshot(path=SCREENSHOTS / f"page-{language}-{theme}.png", full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_stands_in_for_a_result_can_be_read(open_demo: OpenDemo, open_bare: OpenBare, theme: str) -> None:
    failed = open_demo(theme=theme, width=320)
    failed.ask("get_meter_order", order_id="prdo_000000000000000000000000")
    expect(failed.app.get_by_role("alert")).to_be_visible()
    assert failed.axe() == []
    assert failed.overflow() == 0
    failed.screenshot(f"error-{theme}")
    silent = open_bare(theme=theme)
    silent.open("board", head=HELD_PATIENCE)
    expect(silent.app.get_by_role("status")).to_be_visible()
    silent.frame.evaluate("runOutOfPatience()")
    expect(silent.app.get_by_role("status")).to_contain_text("does not answer")
    assert [flaw for flaw in silent.axe() if "heading" not in flaw] == []
    silent.screenshot(f"silent-{theme}")


def test_the_page_asks_what_is_chosen(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.page.get_by_label("Question").select_option("Which orders are open?")
    expect(host.page.locator("code")).to_contain_text("list_meter_orders_by_status")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("Smart meter orders")


def test_the_page_shows_the_other_vocabulary(open_demo: OpenDemo) -> None:
    host = open_demo(version=EDISON)
    host.ask("get_meter_order", order_id=ORDER)
    assert host.ask("get_meter_order", order_id=ORDER)["structuredContent"]["api_version"] == EDISON


@pytest.mark.parametrize("app", APPS)
def test_an_app_says_that_its_host_does_not_answer_and_takes_a_late_answer(open_bare: OpenBare, app: str) -> None:
    host = open_bare()
    host.open(app, head=HELD_PATIENCE)
    expect(host.app.get_by_role("status")).to_have_text("Connecting …")
    host.frame.evaluate("runOutOfPatience()")
    expect(host.app.get_by_role("status")).to_contain_text("does not answer")
    host.page.evaluate(
        f"""() => {{ const [{{ id }}] = received.filter(each => each.method === "ui/initialize");
        ({READY})({{ method: "ui/initialize", id }}, (message) =>
          frames[0].postMessage({{ jsonrpc: "2.0", ...message }}, "*")); }}"""
    )
    expect(host.app.get_by_role("status")).to_contain_text("Waiting")


@pytest.mark.parametrize("app", APPS)
def test_a_result_that_comes_before_the_host_has_answered_is_shown(open_bare: OpenBare, app: str) -> None:
    host = open_bare()
    host.open(
        app,
        f"""(message, reply) => {{ if (message.method === "ui/initialize") {{
          reply({{ method: "ui/notifications/tool-input", params: {{ arguments: {{}} }} }});
          reply({{ method: "ui/notifications/tool-result", params: {RESULT} }});
        }} }}""",
    )
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()


def test_a_result_after_the_greeting_is_shown(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open("timeline", READY)
    expect(host.app.get_by_role("status")).to_contain_text("Waiting")
    host.send("ui/notifications/tool-result", RESULT)
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()


def test_a_host_that_refuses_the_greeting_is_said_not_to_answer(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open(
        "timeline",
        """({ id, method }, reply) => method === "ui/initialize" &&
      reply({ id, error: { code: -32601, message: "no apps here" } })""",
    )
    expect(host.app.get_by_role("status")).to_contain_text("does not answer")


def test_a_request_that_was_cancelled_is_said_to_be(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open("timeline", READY)
    expect(host.app.get_by_role("status")).to_contain_text("Waiting")
    host.send("ui/notifications/tool-cancelled", "{ reason: 'user' }")
    expect(host.app.get_by_role("status")).to_contain_text("cancelled")


@pytest.mark.parametrize("app", APPS)
def test_an_error_is_shown_in_its_own_words_as_text(open_demo: OpenDemo, app: str) -> None:
    host = open_demo()
    host.show(TOOL_OF[app], error="There is no order <img src=x onerror=alert(1)>.\nAsk again.")
    expect(host.app.get_by_role("alert")).to_contain_text("There is no order <img src=x onerror=alert(1)>.")
    assert host.app.locator("img").count() == 0
    assert host.axe() == []


def test_an_error_of_the_server_is_shown(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask("get_meter_order", order_id="prdo_000000000000000000000000")
    expect(host.app.get_by_role("alert")).to_contain_text("code NOT_FOUND")


@pytest.mark.parametrize("app", APPS)
def test_a_result_without_data_is_said_to_have_none(open_demo: OpenDemo, app: str) -> None:
    host = open_demo()
    host.show(TOOL_OF[app], content=[{"type": "text", "text": "hello"}])
    expect(host.app.get_by_role("alert")).to_contain_text("no data")


def test_a_result_that_is_text_only_is_read(open_demo: OpenDemo) -> None:
    host = open_demo()
    text = '{"order": {"id": "prdo_x", "status": "placed"}, "api_version": "2026-05-27.curie"}'
    host.show("get_meter_order", content=[{"type": "text", "text": text}])
    expect(host.app.get_by_text("prdo_x")).to_be_visible()


def test_colours_of_the_host_are_used_and_ours_where_it_names_none(open_bare: OpenBare) -> None:
    host = open_bare()
    host.page.add_init_script(
        "window.context = { theme: 'dark', styles: { variables: { '--color-background-primary': 'rgb(1, 2, 3)' } },"
        " safeAreaInsets: { top: 30, right: 0, bottom: 0, left: 0 } }"
    )
    host.open("timeline", READY)
    body = host.app.locator("body")
    expect(body).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(body).to_have_css("color", "rgb(236, 238, 241)")
    expect(body).to_have_css("padding-top", "42px")


def test_a_host_without_tools_disables_what_would_call_one(open_bare: OpenBare) -> None:
    host = open_bare()
    host.open("timeline", READY_WITHOUT_TOOLS)
    host.send("ui/notifications/tool-result", RESULT)
    expect(host.app.get_by_role("button", name="Refresh")).to_have_attribute("aria-disabled", "true")
    host.app.get_by_role("button", name="Refresh").click(force=True)
    expect(host.app.get_by_text("does not let views call tools")).to_be_visible()
    assert host.received("tools/call") == []


def test_a_call_that_the_host_refuses_leaves_what_is_shown(open_bare: OpenBare) -> None:
    host = open_bare()
    host.page.add_init_script(REFUSES_CALLS)
    host.open("timeline", READY)
    host.send("ui/notifications/tool-result", RESULT)
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.get_by_text("could not pass this on")).to_be_visible()
    expect(host.app.get_by_text("prdo_x")).to_be_visible()


def test_the_size_of_the_app_becomes_the_size_of_its_frame(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask("get_meter_order", order_id=ORDER)
    expect(host.app.get_by_role("button", name="Refresh")).to_be_in_viewport(ratio=1)
    assert host.frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
