"""The app of an order to be: what would be ordered, what came of it, and that it cannot order."""

from typing import Any

import pytest
from playwright.sync_api import expect

from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from nomos_mcp.server.apps import FOLDER
from nomos_mcp.simulator import DEMO
from tests.apps.conftest import OpenDemo
from tests.apps.demo_host import DemoHost

pytestmark = pytest.mark.browser

TOOL = "order_smart_meter"
LOOKS = [(language, theme) for language in ("en", "de") for theme in ("light", "dark")]
CODE = "6b027aba-4nfmdigi-iy24svw2iausckfkgpq3uuqnya"
PREVIEW = {
    "product": "smart meter",
    "subscription": "sub_1",
    "customer": "cus_1",
    "plan": "pln_1",
    "subscription_status": "active",
    "meter_type": "analog",
    "host": "api.nomos.example",
}


def result_of(outcome: str, **fields: object) -> dict[str, Any]:
    said = {"outcome": outcome, "message": "What happened.", "next": "What follows.", "api_version": CURIE}
    return {**said, **fields}


def shown(host: DemoHost, outcome: str, **fields: object) -> None:
    host.show(TOOL, result_of(outcome, **fields))
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()


def fact(host: DemoHost, name: str) -> str:
    return host.app.locator("dl > div", has=host.page.get_by_text(name, exact=True)).locator("dd").inner_text()


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_what_would_be_ordered_and_for_whom(
    open_demo: OpenDemo, version: ApiVersion, language: str, theme: str
) -> None:
    host = open_demo(version, language=language, theme=theme)
    host.ask(TOOL, subscription_id=DEMO.subscriptions["can_order"])
    german = language == "de"
    expect(host.app.get_by_role("status")).to_have_text("Wartet auf ein Ja" if german else "Waiting for a yes")
    assert fact(host, "Vertrag" if german else "Subscription") == DEMO.subscriptions["can_order"]
    assert fact(host, "Kundin oder Kunde" if german else "Customer").startswith("cus_canorder")
    assert fact(host, "Tarif" if german else "Plan").startswith("pln_energymetering")
    assert fact(host, "Jetziger Zähler" if german else "Present meter") == ("analog" if german else "analogue")
    assert fact(host, "Status des Vertrags" if german else "Subscription status") == ("aktiv" if german else "active")
    once = "nur eine einzige Bestellung" if german else "once for this subscription, ever"
    expect(host.app.locator("section.warning")).to_contain_text(once)
    assert host.overflow() == 0
    host.screenshot(f"preview-{version[11:]}-{language}-{theme}")
    assert host.axe() == []


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("de", "dark")])
def test_the_preview_fits_a_width_of_320_pixels(open_demo: OpenDemo, language: str, theme: str) -> None:
    host = open_demo(language=language, theme=theme, width=320)
    shown(host, "confirmation_required", preview={**PREVIEW, "plan": f"pln_{24 * '0'}"})
    assert host.overflow() == 0
    host.screenshot(f"preview-320-{language}-{theme}")
    assert host.axe() == []


def test_the_code_is_nowhere_in_the_document(open_demo: OpenDemo) -> None:
    host = open_demo()
    answer = host.ask(TOOL, subscription_id=DEMO.subscriptions["can_order"])
    code = answer["structuredContent"]["confirmation_code"]
    expect(host.app.get_by_role("status")).to_have_text("Waiting for a yes")
    assert code
    assert code not in host.frame.content()
    assert host.frame.evaluate("code => !document.documentElement.innerText.includes(code)", code)


def test_a_code_in_any_text_of_the_result_is_left_out(open_demo: OpenDemo) -> None:
    host = open_demo()
    everywhere = {name: f"{text} {CODE}" for name, text in PREVIEW.items()}
    fields = dict.fromkeys(("message", "next", "reason", "request_id"), f"said {CODE}")
    told = {"id": CODE, "status": CODE, "subscription": CODE, "customer": CODE}
    for outcome in ("confirmation_required", "refused", CODE):
        shown(
            host,
            outcome,
            preview={**everywhere, "warning": CODE, "plan_note": CODE},
            order=told,
            explanation={"meaning": CODE},
            confirmation_code=CODE,
            **fields,
        )
        assert CODE not in host.frame.content()


def test_the_app_offers_nothing_to_press(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, "confirmation_required", preview=PREVIEW, confirmation_code=CODE)
    expect(host.app.locator("button, input, a, form, select, textarea")).to_have_count(0)


@pytest.mark.parametrize("app", ["timeline", "board", "preview"])
def test_no_app_holds_a_call_that_could_order(app: str) -> None:
    html = (FOLDER / f"{app}.html").read_text(encoding="utf-8")
    assert "order_smart_meter" not in html


def test_an_order_from_preview_to_done(open_demo: OpenDemo) -> None:
    host = open_demo()
    subscription = {"subscription_id": DEMO.subscriptions["can_order_pending"]}
    code = host.ask(TOOL, **subscription)["structuredContent"]["confirmation_code"]
    assert fact(host, "Subscription status") == "pending"
    made = host.ask(TOOL, **subscription, confirmation_code=code)["structuredContent"]
    expect(host.app.get_by_role("status")).to_have_text("Ordered")
    assert fact(host, "Order") == made["order"]["id"]
    assert fact(host, "Status") == "Order accepted"
    host.screenshot("preview-ordered")
    assert host.axe() == []
    host.ask(TOOL, **subscription)
    expect(host.app.get_by_role("status")).to_have_text("Already ordered")
    assert fact(host, "Order") == made["order"]["id"]


def test_a_refusal_says_why(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(TOOL, subscription_id=DEMO.subscriptions["feed_in"])
    expect(host.app.get_by_role("status")).to_have_text("Not ordered: refused")
    expect(host.app.get_by_text("This is a feed-in subscription")).to_be_visible()
    assert fact(host, "Reason") == "feed_in"
    assert host.axe() == []


@pytest.mark.parametrize(
    ("outcome", "english", "german"),
    [
        ("ordered", "Ordered", "Bestellt"),
        ("already_ordered", "Already ordered", "Schon bestellt"),
        ("declined", "Not ordered: no yes", "Nicht bestellt: kein Ja"),
        ("refused", "Not ordered: refused", "Nicht bestellt: abgelehnt"),
        ("outcome_unknown", "Not known whether it was ordered", "Nicht bekannt, ob bestellt wurde"),
        ("postponed", "Unknown outcome: postponed", "Unbekanntes Ergebnis: postponed"),
        ("__proto__", "Unknown outcome: __proto__", "Unbekanntes Ergebnis: __proto__"),
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_outcome_has_its_words(
    open_demo: OpenDemo, outcome: str, english: str, german: str, language: str
) -> None:
    host = open_demo(language=language)
    shown(host, outcome)
    expect(host.app.get_by_role("status")).to_have_text(german if language == "de" else english)
    expect(host.app.get_by_text("What happened.")).to_have_attribute("lang", "en")
    expect(host.app.get_by_text("What follows.")).to_be_visible()
    host.screenshot(f"preview-{outcome.strip('_')}-{language}")
    assert host.axe() == []


def test_an_unknown_outcome_warns_of_ordering_again(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, "outcome_unknown")
    expect(host.app.get_by_text("Do not order again before this is clear.")).to_be_visible()


def test_an_order_that_may_be_somebody_elses_is_told(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, "ordered", made_by="unknown", order={"id": "prdo_1", "status": "created"})
    expect(host.app.get_by_text("somebody else's request may have made this order")).to_be_visible()


def test_an_interest_is_not_called_an_order(open_demo: OpenDemo) -> None:
    host = open_demo(EDISON)
    shown(host, "ordered", order={"id": "prdo_1", "status": "intended"}, api_version=EDISON)
    expect(host.app.get_by_role("status")).to_have_text("Interest only, no order yet")
    expect(host.app.get_by_text("The order exists.")).to_have_count(0)


def test_a_preview_that_has_changed_since_the_yes_is_told(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, "confirmation_required", reason="changed", preview=PREVIEW)
    expect(host.app.get_by_text("What would be ordered has changed since it was confirmed")).to_be_visible()


def test_the_evidence_about_the_plan_and_a_warning_stand_with_the_yes(open_demo: OpenDemo) -> None:
    host = open_demo()
    note = {"warning": "Its meter is smart already.", "plan_note": "Its plan may not include a smart meter (inferred)."}
    shown(host, "confirmation_required", preview={**PREVIEW, **note})
    warning = host.app.locator("section.warning")
    expect(warning).to_contain_text("Its meter is smart already.")
    expect(warning).to_contain_text("Its plan may not include a smart meter (inferred).")
    host.screenshot("preview-plan-note")


def test_words_that_are_new_to_us_are_not_shown_as_known(open_demo: OpenDemo) -> None:
    host = open_demo()
    preview = {**PREVIEW, "subscription_status": "not known", "meter_type": "quantum"}
    shown(host, "confirmation_required", preview=preview)
    assert (fact(host, "Subscription status"), fact(host, "Present meter")) == ("not known", "not known")


def test_an_outcome_that_is_an_error_of_the_tool_is_shown_in_words(open_demo: OpenDemo) -> None:
    host = open_demo()
    unread = result_of("refused", reason="not_checked", message="The subscription could not be read.")
    host.show(TOOL, unread, error="{}")
    expect(host.app.get_by_role("status")).to_have_text("Not ordered: refused")
    expect(host.app.get_by_text("The subscription could not be read.")).to_be_visible()


def test_an_error_is_shown_in_its_words(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(TOOL, subscription_id="sub_000000000000000000000000")
    expect(host.app.locator("main")).to_contain_text("nothing")
    host.show(TOOL, error="Something <b>went</b> wrong.")
    expect(host.app.get_by_role("alert")).to_contain_text("Something <b>went</b> wrong.")
    assert host.axe() == []


def test_what_upstream_sends_is_text(open_demo: OpenDemo) -> None:
    host = open_demo()
    markup = "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>"
    shown(host, "confirmation_required", preview=dict.fromkeys(PREVIEW, markup))
    assert fact(host, "Subscription") == markup
    assert host.app.locator("main :is(script, img)").count() == 0
    assert host.frame.title() != "taken"


@pytest.mark.parametrize("result", [{}, {"outcome": 3}, {"outcome": "ordered", "order": "x", "preview": []}])
def test_a_result_of_another_form_breaks_nothing(open_demo: OpenDemo, result: dict[str, Any]) -> None:
    host = open_demo()
    host.show(TOOL, result)
    told = "Ordered" if result.get("outcome") == "ordered" else "The result has no data to show."
    expect(host.app.get_by_text(told)).to_be_visible()
