"""The timeline of an order, in a real Chromium, over the official bridge and a real `nomos-mcp`."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from nomos_mcp.client import CURIE, EDISON
from nomos_mcp.lifecycle import ApiVersion, Language
from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.statuses import PATHS
from nomos_mcp.simulator import DEMO
from tests.apps.conftest import OpenDemo
from tests.apps.demo_host import DemoHost

pytestmark = pytest.mark.browser

NOT_SHOWN = {CURIE: {"other_organisation", "intended"}, EDISON: {"other_organisation"}}
ENDED = ("activated", "cancelled", "pre_installed")


def ask(host: DemoHost, name: str, **arguments: object) -> dict[str, Any]:
    """Ask for a named order and wait until the app shows all of it; return what the assistant was answered."""
    answer: dict[str, Any] = host.ask("get_meter_order", order_id=DEMO.orders[name], **arguments)["structuredContent"]
    expect(host.app.get_by_text(DEMO.orders[name])).to_be_visible()
    expect(host.app.locator("main")).to_have_attribute("aria-busy", "false")
    return answer


def said(language: Language) -> dict[str, str]:
    return dict(texts(language).app.timeline)


def present(host: DemoHost) -> Locator:
    return host.app.locator("ol [aria-current=step]")


def section(host: DemoHost, title: str) -> Locator:
    return host.app.locator("section").filter(has=host.app.get_by_role("heading", level=2, name=title))


def label(words: Catalogue, version: ApiVersion, status: str) -> str:
    return words.statuses(version)[status].label


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("version", [CURIE, EDISON])
def test_every_order_of_the_demo_is_shown(
    open_demo: OpenDemo, version: ApiVersion, language: Language, theme: str
) -> None:
    host, words = open_demo(version=version, language=language, theme=theme), texts(language)
    for name in DEMO.orders.keys() - NOT_SHOWN[version]:
        answer = ask(host, name, language=language)
        explanation, status = answer["explanation"], answer["order"]["status"]
        expect(host.app.get_by_role("heading", level=1)).to_have_text(label(words, version, status))
        expect(present(host)).to_have_count(1)
        expect(present(host)).to_contain_text(label(words, version, status))
        expect(host.app.locator(".message blockquote")).to_have_text(explanation["customer_message"])
        expect(host.app.locator("header .meaning")).to_have_text(explanation["meaning"])
        turn = host.app.locator(".chip.turn")
        if explanation["waiting_on"] == "nobody":
            expect(turn).to_have_count(0)
        else:
            expect(turn).to_contain_text(words.waiting_on[explanation["waiting_on"]])
        if (language, theme) in {("en", "light"), ("de", "dark")}:  # each language and theme once: axe is slow
            assert host.axe() == [], name
        assert host.overflow() == 0, name
    host.screenshot(f"timeline-{version[11:]}-{language}-{theme}")


def test_the_steps_are_the_usual_path_in_order_and_say_where_they_stand(open_demo: OpenDemo) -> None:
    host, words = open_demo(), texts("en")
    ask(host, "check_submitted")
    steps = host.app.locator(".steps ol > li .step")
    places = ["earlier step", "earlier step", "present step", *["later step"] * 4]
    expected = [f"{label(words, CURIE, status)} ({place})" for status, place in zip(PATHS[CURIE], places, strict=True)]
    expect(steps).to_have_text(expected)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_block_lies_on_top_of_the_step_with_reason_since_when_and_whose_turn(open_demo: OpenDemo, theme: str) -> None:
    host = open_demo(theme=theme, height=1200)
    explanation = ask(host, "blocked_check_missing")["explanation"]
    expect(present(host)).to_contain_text("With the installation partner")
    block = present(host).locator(".hold")
    expect(block).to_contain_text(explanation["blocked"]["meaning"])
    expect(block).to_contain_text(explanation["blocked"]["since"])
    expect(block).to_contain_text("check_missing")
    expect(block).to_contain_text("waiting on the customer")
    host.screenshot(f"timeline-blocked-{theme}")


def test_a_block_that_is_a_status_stands_after_the_step_that_the_history_saw_it_reach(open_demo: OpenDemo) -> None:
    host = open_demo(version=EDISON)
    history = ask(host, "blocked_grid_operator")["history"]
    assert [each["what"] for each in history][-2:] == ["checked", "blocked_wim"]
    before = host.app.locator(".steps li.earlier").last
    expect(before).to_contain_text("Checked by the installation partner")
    seen = f"between {history[-1]['after']} and {history[-1]['by']} (observed)"
    expect(present(host)).to_contain_text(seen)
    expect(present(host)).to_contain_text("beside the usual path")
    expect(present(host).locator(".hold")).to_contain_text("waiting on the grid operator")
    host.screenshot("timeline-blocked-edison")


def test_a_documented_date_stands_alone_and_an_observed_one_with_both_looks(open_demo: OpenDemo) -> None:
    host = open_demo()
    created, placed = ask(host, "placed")["history"]
    assert (created["source"], placed["source"]) == ("documented", "observed")
    dates = host.app.locator(".steps .date")
    expect(dates).to_have_text([created["when"], f"between {placed['after']} and {placed['by']} (observed)"])


@pytest.mark.parametrize(
    ("name", "version", "tells"),
    [
        ("activated", CURIE, ""),
        ("cancelled_by_customer", CURIE, "customer_request"),
        ("pre_existing", CURIE, "pre_existing"),
        ("pre_existing", EDISON, ""),
        ("cancelled_by_customer", EDISON, ""),
    ],
)
def test_nothing_follows_the_end_of_an_order(open_demo: OpenDemo, name: str, version: ApiVersion, tells: str) -> None:
    host = open_demo(version=version)
    status = ask(host, name)["order"]["status"]
    assert status in ENDED
    expect(host.app.locator(".steps li").last).to_have_attribute("aria-current", "step")
    expect(host.app.locator(".steps li.later")).to_have_count(0)
    expect(host.app.get_by_role("heading", name="What comes next")).to_have_count(0)
    if tells:
        expect(host.app.locator("header")).to_contain_text(f"Reason: {tells}")
    host.screenshot(f"timeline-{status}-{version[11:]}")


def test_an_appointment_is_shown_by_german_clocks(open_demo: OpenDemo) -> None:
    host = open_demo(language="de")
    timing = ask(host, "scheduled", language="de")["explanation"]["timing"]
    moment = re.search(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d", timing)
    assert moment
    expect(section(host, "Termin").locator(".appointment")).to_have_text(moment[0])
    expect(section(host, "Termin")).not_to_contain_text("vorbei")


def test_an_appointment_that_has_passed_is_marked_and_does_not_fit(open_demo: OpenDemo) -> None:
    host = open_demo()
    explanation = ask(host, "appointment_past")["explanation"]
    expect(section(host, "Appointment")).to_contain_text("passed")
    expect(section(host, "What does not fit").get_by_role("listitem")).to_have_text(explanation["anomalies"])
    host.screenshot("timeline-appointment-past")


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("placed", "ahead"),
        ("overdue", "past"),
        ("blocked_check_missing", None),
        ("scheduled", None),
        ("activated", None),
    ],
)
def test_the_target_is_marked_only_where_the_server_names_it(open_demo: OpenDemo, name: str, mark: str | None) -> None:
    host = open_demo()
    ask(host, name)
    target = host.app.locator(".target")
    expect(target).to_have_count(1 if mark else 0)
    if mark:
        expect(target).to_have_class(f"target {mark}")
        expect(target).to_contain_text("It is not a promise.")
        host.screenshot(f"timeline-target-{mark}")


def test_the_history_opens_by_keyboard_and_tells_each_line(open_demo: OpenDemo) -> None:
    host = open_demo()
    history = ask(host, "blocked_check_missing")["history"]
    lines = host.app.locator(".history li")
    expect(lines.first).to_be_hidden()
    host.app.locator(".history summary").press("Enter")
    expect(lines).to_have_count(len(history))
    expect(lines.nth(2)).to_contain_text("On hold check_missing")
    expect(lines.nth(3)).to_contain_text("No longer on hold")
    assert host.axe() == []
    host.screenshot("timeline-history")


def test_the_message_is_copied(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    message = ask(host, "blocked_check_missing")["explanation"]["customer_message"]
    host.app.get_by_role("button", name="Copy message").click()
    expect(host.app.get_by_role("status").get_by_text("Copied.")).to_be_visible()
    assert host.page.evaluate("navigator.clipboard.readText()") == message


def test_where_copying_is_refused_the_message_is_selected_and_the_person_told(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.page.add_init_script(
        "document.execCommand = () => false; Object.defineProperty(navigator, 'clipboard', { value: undefined })"
    )
    message = ask(host, "blocked_check_missing")["explanation"]["customer_message"]
    host.app.get_by_role("button", name="Copy message").click()
    expect(host.app.get_by_text("Copying is not allowed here.")).to_be_visible()
    assert host.frame.evaluate("String(getSelection()).trim()") == message


def test_the_message_is_there_in_the_other_language_and_all_else_stays(open_demo: OpenDemo) -> None:
    host = open_demo()
    ask(host, "blocked_check_missing")
    order = DEMO.orders["blocked_check_missing"]
    german = host.ask_only("get_meter_order", order_id=order, audience="customer", language="de")["structuredContent"]
    host.app.get_by_role("button", name="Deutsch").click()
    message = host.app.locator(".message blockquote")
    expect(message).to_have_text(german["explanation"]["customer_message"])
    expect(message).to_have_attribute("lang", "de")
    expect(host.app.get_by_role("button", name="Deutsch")).to_have_attribute("aria-pressed", "true")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("With the installation partner")
    host.app.get_by_role("button", name="English").click()
    expect(message).to_have_attribute("lang", "en")


def test_the_message_stays_in_the_language_that_the_assistant_asked_for(open_demo: OpenDemo) -> None:
    host = open_demo(language="en")
    message = ask(host, "placed", language="de")["explanation"]["customer_message"]
    expect(host.app.locator("header .meaning")).to_have_text(texts("en").curie["placed"].meaning)
    expect(host.app.locator(".message blockquote")).to_have_text(message)


def test_a_refresh_asks_again_and_says_so(open_demo: OpenDemo) -> None:
    host = open_demo()
    ask(host, "placed")
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.get_by_role("status").get_by_text("Refreshed.")).to_be_visible()
    expect(present(host)).to_contain_text("With the installation partner")
    expect(host.app.get_by_role("button", name="Refresh")).to_be_focused()


def test_a_customers_view_has_nothing_for_support(open_demo: OpenDemo) -> None:
    host = open_demo()
    ask(host, "appointment_past", audience="customer")
    expect(present(host)).to_contain_text("Installation scheduled")
    expect(host.app.get_by_role("heading", name="What the customer can do")).to_be_visible()
    for title in ("What support can do", "Who to turn to", "What does not fit"):
        expect(host.app.get_by_role("heading", name=title)).to_have_count(0)


@pytest.mark.parametrize("width", [320, 480, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_order_fits_into_every_width(open_demo: OpenDemo, width: int, theme: str) -> None:
    host = open_demo(language="de", theme=theme, width=width, height=2400)
    ask(host, "blocked_grid_scheduled", language="de")
    host.app.locator(".history summary").click()
    assert host.overflow() == 0
    assert host.axe() == []
    host.screenshot(f"timeline-{width}-{theme}")


def test_everything_that_can_be_pressed_is_reached_by_keyboard_in_order(open_demo: OpenDemo) -> None:
    host = open_demo()
    ask(host, "blocked_check_missing")
    host.app.get_by_role("button", name="Refresh").focus()
    reached = []
    for _ in range(6):
        reached.append(host.frame.evaluate("document.activeElement.textContent"))
        assert host.frame.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        host.page.keyboard.press("Tab")
    assert [*reached[:1], *reached[-4:]] == [
        "Refresh",
        "English",
        "Deutsch",
        "Copy message",
        "History of the order (5)",
    ]


def test_what_is_drawn_is_to_be_seen_in_a_persons_own_colours(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.page.emulate_media(forced_colors="active")
    host.ask("get_meter_order", order_id=DEMO.orders["overdue"])
    mark = host.app.locator(".scale .mark")
    expect(mark).to_be_visible()
    colours = "each => [getComputedStyle(each).backgroundColor, getComputedStyle(document.body).backgroundColor]"
    drawn, behind = mark.evaluate(colours)
    assert drawn != behind
    pressed = host.app.locator(".choice [aria-pressed=true]").evaluate("each => getComputedStyle(each).backgroundColor")
    other = host.app.locator(".choice [aria-pressed=false]").evaluate("each => getComputedStyle(each).backgroundColor")
    assert pressed != other
