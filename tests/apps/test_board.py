"""The app of many orders: columns, filters, pages, an order opened from a card, counts, and the feed of changes."""

from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import expect

from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from nomos_mcp.simulator import DEMO
from tests.apps.conftest import OpenBare, OpenDemo
from tests.apps.demo_host import READY_WITHOUT_TOOLS, DemoHost

pytestmark = pytest.mark.browser

LIST = "list_meter_orders_by_status"
CHANGES = "list_order_changes"
PARTIES = {
    "customer": ("Customer", "Kundin oder Kunde"),
    "installation_partner": ("Installation partner", "Partner für den Einbau"),
    "grid_operator": ("Grid operator", "Netzbetreiber"),
    "nomos": ("Nomos", "Nomos"),
    "unknown": ("Not known", "Nicht bekannt"),
    "nobody": ("Nobody", "Niemand"),
}
LOOKS = [(language, theme) for language in ("en", "de") for theme in ("light", "dark")]
BOTH = [("en", "light"), ("de", "dark")]


def result_of(orders: list[dict[str, Any]], **fields: object) -> dict[str, Any]:
    """Return a result of the list as the tool builds it."""
    said = {"returned": len(orders), "has_more": False, "complete": True, "as_of": "2026-11-22T05:00:00Z"}
    return {**said, "api_version": CURIE, "orders": orders, "note": "", **fields}


def order(number: int = 1, **fields: object) -> dict[str, Any]:
    made = {"id": f"prdo_{number:024}", "status": "placed", "created": "2026-11-01", "waiting_on": "customer"}
    return {name: value for name, value in {**made, **fields}.items() if value is not None}


def shown(host: DemoHost, orders: list[dict[str, Any]], **fields: object) -> None:
    host.show(LIST, result_of(orders, **fields), arguments={"status": "all"})
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()


def columns_of(host: DemoHost) -> dict[str, int]:
    headings: list[str] = host.app.locator(".board-column h2").all_inner_texts()
    return {name.strip(): int(number) for name, number in (text.rsplit(maxsplit=1) for text in headings)}


def ids_of(host: DemoHost) -> list[str]:
    """Return the orders on the board, with every column shown in full."""
    while (more := host.app.locator(".board-column .more")).count():
        more.first.click()
    return host.app.locator(".card .open").all_inner_texts()


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_a_column_for_each_whose_turn_it_is(
    open_demo: OpenDemo, version: ApiVersion, language: str, theme: str
) -> None:
    host = open_demo(version, language=language, theme=theme, width=1000)
    result = host.ask(LIST, status="all", limit=100)["structuredContent"]
    expect(host.app.locator(".board-columns")).to_be_visible()
    turns = Counter(each["waiting_on"] for each in result["orders"])
    assert columns_of(host) == {PARTIES[turn][language == "de"]: number for turn, number in turns.items()}
    assert host.app.locator(".board-columns [lang=en]").count() == 0, "every summary is said in the host's language"
    assert host.overflow() == 0
    host.screenshot(f"board-{version[11:]}-{language}-{theme}")
    assert host.axe() == []


def test_every_order_is_on_the_board_once(open_demo: OpenDemo) -> None:
    host = open_demo()
    result = host.ask(LIST, status="all", limit=100)["structuredContent"]
    expect(host.app.locator(".board-columns")).to_be_visible()
    assert sorted(ids_of(host)) == sorted(each["id"] for each in result["orders"])


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["With the installation partner", "On hold: smart meter check missing", "since ", "days ago"]),
        ("de", ["Bei unserem Partner für den Einbau", "Angehalten: Smart-Meter-Check fehlt", "seit ", "vor "]),
    ],
)
def test_a_card_says_why_and_since_when_an_order_is_on_hold(
    open_demo: OpenDemo, language: str, said: list[str]
) -> None:
    host = open_demo(language=language)
    host.ask(LIST, status="blocked")
    card = host.app.locator(".card", has_text=DEMO.orders["blocked_check_missing"])
    for text in said:
        expect(card).to_contain_text(text)


@pytest.mark.parametrize(("language", "theme"), BOTH)
def test_the_board_fits_a_width_of_320_pixels(open_demo: OpenDemo, language: str, theme: str) -> None:
    host = open_demo(language=language, theme=theme, width=320)
    host.ask(LIST, status="blocked")
    expect(host.app.locator(".board-columns")).to_be_visible()
    assert host.overflow() == 0
    host.screenshot(f"board-320-{language}-{theme}")
    assert host.axe() == []


def test_late_and_odd_orders_are_marked(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(LIST, status="all", limit=100)
    expect(host.app.locator(".board-columns")).to_be_visible()
    ids_of(host)
    late = host.app.locator(".card", has_text=DEMO.orders["overdue"])
    expect(late.locator(".marks")).to_have_text("past the target")
    odd = host.app.locator(".card", has_text=DEMO.orders["blocked_grid_scheduled"])
    expect(odd.locator(".marks")).to_have_text("appointment under block")


def test_filters_narrow_the_board_and_say_how_much_is_left(open_demo: OpenDemo) -> None:
    host = open_demo()
    orders = host.ask(LIST, status="all", limit=100)["structuredContent"]["orders"]
    counted = host.app.locator(".counted")
    expect(counted).to_have_text(f"{len(orders)} orders")
    placed = [each for each in orders if each["status"] == "placed"]
    host.app.get_by_label("Status").select_option("placed")
    expect(counted).to_contain_text(f"{len(placed)} of {len(orders)} orders shown")
    missing = [each for each in placed if "check_missing" in each.get("summary", "")]
    host.app.get_by_label("On hold because of").select_option("check_missing")
    expect(counted).to_contain_text(f"{len(missing)} of {len(orders)} orders shown")
    assert sorted(ids_of(host)) == sorted(each["id"] for each in missing)
    host.app.get_by_role("button", name="Show all").click()
    expect(counted).to_have_text(f"{len(orders)} orders")
    late = [each for each in orders if each.get("overdue")]
    host.app.get_by_role("button", name=f"{len(late)} past the target").click()
    assert sorted(ids_of(host)) == sorted(each["id"] for each in late)


def test_under_edison_the_status_that_blocks_is_the_reason(open_demo: OpenDemo) -> None:
    host = open_demo(EDISON)
    orders = host.ask(LIST, status="all", limit=100)["structuredContent"]["orders"]
    host.app.get_by_label("On hold because of").select_option("blocked_wim")
    expect(host.app.locator(".card").first).to_be_visible()
    assert sorted(ids_of(host)) == sorted(each["id"] for each in orders if each["status"] == "blocked_wim")


def test_filters_that_nothing_matches_say_so(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [order(1, status="created"), order(2, summary="blocked: check_missing since 2 Nov 2026")])
    host.app.get_by_label("Status").select_option("created")
    host.app.get_by_label("On hold because of").select_option("check_missing")
    expect(host.app.get_by_text("No loaded order matches these filters.")).to_be_visible()


def test_pages_are_added_and_focus_stays(open_demo: OpenDemo) -> None:
    host = open_demo()
    everything = host.ask(LIST, status="open", limit=100)["structuredContent"]
    host.ask(LIST, status="open", limit=15)
    expect(host.app.locator(".counted")).to_have_text("15 orders so far, more match")
    more = host.app.get_by_role("button", name="Load more")
    more.focus()
    host.page.keyboard.press("Enter")
    expect(host.app.locator(".counted")).to_have_text("30 orders so far, more match")
    expect(more).to_be_focused()
    host.page.keyboard.press("Enter")
    expect(host.app.locator(".counted")).to_have_text(f"{len(everything['orders'])} orders")
    expect(host.app.locator(".paging")).to_be_focused()
    expect(host.app.locator(".paging [role=status]")).to_have_text(f"{len(everything['orders'])} orders loaded.")
    assert sorted(ids_of(host)) == sorted(each["id"] for each in everything["orders"])


def test_a_refused_cursor_is_told_with_a_way_to_start_again(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [order()], has_more=True, complete=False, next_cursor="nonsense")
    host.app.get_by_role("button", name="Load more").click()
    expect(host.app.get_by_role("alert")).to_contain_text("The cursor is malformed.")
    expect(host.app.locator(".card")).to_have_count(1)
    assert host.axe() == []
    host.app.get_by_role("button", name="Start again").click()
    expect(host.app.get_by_role("alert")).to_have_count(0)
    expect(host.app.locator(".counted")).to_have_text("20 orders so far, more match")


def test_without_the_question_the_rest_is_left_to_the_assistant(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.show(LIST, result_of([order()], has_more=True, complete=False, next_cursor="x"))
    expect(host.app.get_by_text("Ask it for the rest.")).to_be_visible()
    expect(host.app.get_by_role("button", name="Refresh")).to_have_count(0)


def test_refreshing_asks_again_and_announces_it(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [order()])
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.get_by_text("Refreshed.")).to_be_visible()
    expect(host.app.locator(".counted")).to_have_text("20 orders so far, more match")


def test_what_is_not_covered_is_told_and_no_total_is_claimed(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [order()], complete=False, not_covered=["orders of a status newer than this release"])
    expect(host.app.locator(".counted")).to_have_text("1 order, not complete")
    expect(host.app.locator(".warning")).to_contain_text("orders of a status newer than this release")


@pytest.mark.parametrize("back", ["Escape", "Enter"])
def test_a_card_opens_its_order_and_focus_comes_back(open_demo: OpenDemo, back: str) -> None:
    host = open_demo()
    host.ask(LIST, status="blocked")
    host.app.get_by_label("On hold because of").select_option("grid_operator_registration")
    card = host.app.get_by_role("button", name=f"Open the timeline of {DEMO.orders['blocked_grid_operator']}")
    card.focus()
    host.page.keyboard.press("Enter")
    expect(host.app.get_by_role("button", name="Back")).to_be_focused()
    expect(host.app.locator("main:visible")).to_contain_text(DEMO.orders["blocked_grid_operator"])
    expect(host.app.locator(".board")).to_be_hidden()
    assert host.axe() == []
    host.page.keyboard.press(back)  # Enter presses the button, which has the focus
    expect(card).to_be_focused()
    expect(host.app.get_by_label("On hold because of")).to_have_value("grid_operator_registration")


def test_a_press_anywhere_on_a_card_opens_it(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(LIST, status="blocked")
    card = host.app.locator(".card", has_text=DEMO.orders["blocked_check_missing"])
    card.click(position={"x": 20, "y": 15})
    expect(host.app.get_by_role("button", name="Back")).to_be_visible()
    expect(host.app.locator("main:visible")).to_contain_text(DEMO.orders["blocked_check_missing"])


def test_an_order_that_is_refreshed_inside_leaves_the_board_as_it_was(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(LIST, status="blocked")
    counted = host.app.locator(".counted").inner_text()
    host.app.locator(".card .open").first.click()
    host.app.get_by_role("button", name="Refresh").click()
    expect(host.app.get_by_text("Refreshed.")).to_be_visible()
    host.page.keyboard.press("Escape")
    expect(host.app.locator(".counted")).to_have_text(counted)


def test_an_order_that_cannot_be_loaded_says_why(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [order()])
    host.app.locator(".card .open").click()
    expect(host.app.get_by_role("alert")).to_contain_text("The order could not be loaded:")
    expect(host.app.get_by_role("alert")).to_contain_text("Nomos knows no such object")
    assert host.axe() == []
    host.page.keyboard.press("Escape")
    expect(host.app.locator(".card .open")).to_be_focused()


def test_a_host_that_calls_no_tools_is_told_from_the_card(open_bare: OpenBare) -> None:
    host = open_bare()
    greeting = READY_WITHOUT_TOOLS
    host.open("board", greeting)
    host.page.wait_for_function("received.some(each => each.method === 'ui/notifications/initialized')")
    host.frame.evaluate(
        "result => dispatchEvent(new MessageEvent('message', {source: parent, data: {jsonrpc: '2.0', "
        "method: 'ui/notifications/tool-result', params: {content: [], structuredContent: result}}}))",
        result_of([order()], has_more=True, next_cursor="x"),
    )
    expect(host.app.get_by_text("This assistant does not let views load more.")).to_be_visible()
    host.app.locator(".card .open").click()
    expect(host.app.get_by_role("status")).to_contain_text("Ask it about prdo_000000000000000000000001.")
    assert host.received("tools/call") == []


@pytest.mark.parametrize(("language", "theme"), BOTH)
def test_counts_are_shown_as_they_were_counted(open_demo: OpenDemo, language: str, theme: str) -> None:
    host = open_demo(language=language, theme=theme)
    counts = host.ask(LIST, status="all", limit=0)["structuredContent"]["counts"]
    expect(host.app.locator(".counted")).to_contain_text(str(counts["total"]))
    turns = host.app.locator(".board-column").first.locator("li")
    told = {PARTIES[turn][language == "de"]: str(number) for turn, number in counts["by_waiting_on"].items()}
    assert dict(row.split("\n")[:2] for row in turns.all_inner_texts()) == told
    host.screenshot(f"counts-{language}-{theme}")
    assert host.overflow() == 0
    assert host.axe() == []


def test_counts_of_a_part_are_marked(open_demo: OpenDemo) -> None:
    host = open_demo()
    counts = {"total": 7, "by_status": {"placed": 7}, "overdue": 1}
    shown(host, [], counts=counts, has_more=True, complete=False, next_cursor="x")
    expect(host.app.locator(".counted")).to_have_text("7 orders so far, more match")
    shown(host, [], counts=counts, complete=False)
    expect(host.app.locator(".counted")).to_have_text("7 orders, not complete")


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize(("language", "theme"), BOTH)
def test_changes_are_listed_by_day_newest_first(
    open_demo: OpenDemo, version: ApiVersion, language: str, theme: str
) -> None:
    host = open_demo(version, language=language, theme=theme)
    result = host.ask(CHANGES, limit=20)["structuredContent"]
    lines = host.app.locator(".change")
    expect(lines).to_have_count(len(result["changes"]))
    days = host.app.locator(".day h2").all_inner_texts()
    assert len(set(days)) == len(days) > 1
    assert [line.split()[0] for line in result["changes"]] == host.app.locator(".change .open").all_inner_texts()
    assert host.app.locator(".day [lang=en]").count() == 0, "every line is said in the host's language"
    assert host.overflow() == 0
    host.screenshot(f"changes-{version[11:]}-{language}-{theme}")
    assert host.axe() == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("20 Nov, known 21 Nov; turn: nomos", "20 Nov, known 21 Nov · turn: Nomos"),
        ("between 19 and 20 Nov; turn: customer", "between 19 Nov and 20 Nov · turn: Customer"),
        ("between 30 Oct and 2 Nov; turn: customer", "between 30 Oct and 2 Nov · turn: Customer"),
        (
            "between 09:10 and 11:20 on 20 Nov; turn: nobody (documented)",
            "between 09:10 and 11:20 on 20 Nov · turn: Nobody (documented)",
        ),
        ("by 20 Nov; turn: unknown", "by 20 Nov · turn: Not known"),
        ("19 Nov; turn: grid_operator", "19 Nov · turn: Grid operator"),
    ],
)
def test_a_change_says_when_and_whose_turn_it_is(open_demo: OpenDemo, line: str, told: str) -> None:
    host = open_demo()
    host.show(CHANGES, changes_of([f"prdo_1 cus_1: created → placed; {line}"]))
    expect(host.app.locator(".change p").nth(1)).to_have_text(told)
    expect(host.app.locator(".change p").first).to_have_text("Order accepted → With the installation partner")


def changes_of(lines: list[str], **fields: object) -> dict[str, Any]:
    said = {"returned": len(lines), "has_more": False, "complete": True, "as_of": "2026-11-22T05:00:00Z"}
    return {**said, "api_version": CURIE, "changes": lines, **fields}


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("placed → blocked: check_missing", "With the installation partner → On hold: smart meter check missing"),
        ("placed → blocked: no reason", "With the installation partner → On hold: no reason given"),
        ("blocked: new_reason → placed", "On hold: new_reason → With the installation partner"),
        ("no appointment → appointment 4 Dec 2026, 10:00 CET", "No appointment → Appointment 4 Dec 2026, 10:00"),
        ("placed → cancelled: customer_request", "With the installation partner → Cancelled (on request)"),
        ("created", "Order created"),
        ("updated", "Updated"),
        ("placed → <b>bold</b>", "With the installation partner → <b>bold</b>"),
    ],
)
def test_a_change_says_what_became_of_the_order(open_demo: OpenDemo, what: str, told: str) -> None:
    host = open_demo()
    host.show(CHANGES, changes_of([f"prdo_1 cus_1: {what}; 19 Nov; turn: customer"]))
    expect(host.app.locator(".change p").first).to_have_text(told)


def test_a_line_of_another_form_stays_as_it_came(open_demo: OpenDemo) -> None:
    host = open_demo(language="de")
    host.show(CHANGES, changes_of(["prdo_1 cus_1: created; 19 Nov; turn: nomos", "something <i>else</i>"]))
    expect(host.app.locator(".change").nth(1)).to_have_text("something <i>else</i>")
    expect(host.app.locator(".change").nth(1)).to_have_attribute("lang", "en")


def test_gaps_of_the_feed_are_told(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.show(CHANGES, changes_of([], complete=False, not_covered=["1 Nov 2026 to 2 Nov 2026: nobody watched"]))
    expect(host.app.locator(".warning")).to_contain_text("1 Nov 2026 to 2 Nov 2026: nobody watched")
    expect(host.app.get_by_text("No changes in this time.")).to_be_visible()


def test_a_change_opens_its_order_and_more_changes_are_loaded(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.ask(CHANGES, limit=10)
    host.app.get_by_role("button", name="Load more").click()
    expect(host.app.locator(".change")).to_have_count(20)
    line = host.app.locator(".change .open").nth(12)
    order_id = line.inner_text()
    line.press("Enter")
    expect(host.app.get_by_role("button", name="Back")).to_be_focused()
    expect(host.app.locator("main:visible")).to_contain_text(order_id)
    host.page.keyboard.press("Escape")
    expect(line).to_be_focused()


@pytest.mark.parametrize("number", [1_000, 10_000])
def test_a_list_of_thousands_makes_a_page_of_dozens(open_demo: OpenDemo, number: int) -> None:
    host = open_demo()
    turns = list(PARTIES)
    shown(host, [order(each, waiting_on=turns[each % 6]) for each in range(number)])
    expect(host.app.locator(".counted")).to_have_text(f"{number:,} orders")
    assert host.frame.evaluate("document.querySelectorAll('*').length") < 500
    host.app.locator(".board-column .more").first.click()
    expect(host.app.locator(".board-column").first.locator(".card")).to_have_count(30)
    host.app.get_by_label("Status").select_option("placed")
    assert host.frame.evaluate("document.querySelectorAll('*').length") < 700


def test_thousands_of_changes_are_shown_in_steps(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.show(CHANGES, changes_of([f"prdo_{each} cus_1: created; 19 Nov; turn: nomos" for each in range(5_000)]))
    expect(host.app.locator(".counted")).to_have_text("5,000 changes")
    expect(host.app.locator(".change")).to_have_count(40)
    host.app.get_by_role("button", name="Show 40 more").click()
    expect(host.app.locator(".change")).to_have_count(80)


def test_what_upstream_sends_is_text(open_demo: OpenDemo) -> None:
    host = open_demo()
    markup = "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>"
    odd = order(id=markup, status=markup, summary=markup, anomalies=[markup], confidence=markup, waiting_on=markup)
    shown(host, [odd, order(2, created=markup, waiting_on="__proto__", status="constructor")])
    expect(host.app.locator(".card .open").first).to_have_text(markup)
    assert host.app.locator(".board :is(script, img)").count() == 0
    assert host.frame.title() != "taken"
    expect(host.app.locator(".board-column")).to_have_count(2)


@pytest.mark.parametrize("width", [320, 1000])
def test_texts_without_end_are_cut(open_demo: OpenDemo, width: int) -> None:
    host = open_demo(width=width)
    long = "x" * 1_500
    shown(host, [order(id=long, status=long, summary=long, anomalies=[long], confidence=long, waiting_on=long)])
    assert host.frame.evaluate("document.body.scrollHeight") < 2_500
    assert host.overflow() == 0
    line = f"{long} cus_{long}: placed → {long}; 3 Nov; turn: nomos"
    host.show(CHANGES, changes_of([line, long], not_covered=[long]))
    expect(host.app.locator(".change")).to_have_count(2)
    assert host.frame.evaluate("document.body.scrollHeight") < 2_500
    assert host.overflow() == 0


def test_marks_of_direction_turn_no_other_text(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.show("get_meter_order", {"order": {"id": "prdo_\u202e", "status": "placed"}, "api_version": CURIE})
    assert host.app.locator(".over code").evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"


@pytest.mark.parametrize("version", [CURIE, EDISON, "2027-01-01.faraday"])
def test_a_status_that_is_new_keeps_its_name(open_demo: OpenDemo, version: str) -> None:
    host = open_demo()
    shown(host, [order(status="teleported", created=None)], api_version=version)
    expect(host.app.locator(".card .status")).to_have_text("teleported")
    expect(host.app.locator(".card")).to_contain_text("Creation date not known")


def test_statuses_of_the_other_vocabulary_keep_their_names(open_demo: OpenDemo) -> None:
    host = open_demo(CURIE)
    shown(host, [order(status="blocked_wim"), order(2, status="installation_planning")])
    assert host.app.locator(".card .status").all_inner_texts() == ["blocked_wim", "installation_planning"]


@pytest.mark.parametrize(
    "created", ["2026-13-45", "soon", "+010000-01-01T00:00:00Z", "2026-11-01"], ids=["no day", "word", "far", "day"]
)
def test_a_date_that_cannot_be_read_stays_as_it_came(open_demo: OpenDemo, created: str) -> None:
    host = open_demo()
    shown(host, [order(created=created)])
    expect(host.app.locator(".card")).to_contain_text("1 Nov 21 days ago" if created == "2026-11-01" else created)
    assert "NaN" not in host.app.locator(".card").inner_text()
    assert "Invalid" not in host.app.locator(".card").inner_text()


def test_an_empty_list_says_so(open_demo: OpenDemo) -> None:
    host = open_demo()
    shown(host, [])
    expect(host.app.get_by_text("No orders match.")).to_be_visible()
    assert host.axe() == []
    shown(host, [], has_more=True, complete=False, next_cursor="x")
    expect(host.app.get_by_text("None in this part of the list.")).to_be_visible()


def test_an_error_is_shown_in_its_words(open_demo: OpenDemo) -> None:
    host = open_demo()
    host.show(LIST, error="Nomos does not answer. Try again in a minute.")
    expect(host.app.get_by_role("alert")).to_contain_text("Nomos does not answer. Try again in a minute.")
    assert host.axe() == []


@pytest.mark.parametrize("result", [{}, {"orders": "none"}, {"changes": 3}, {"orders": [None, 3, "x", {}]}])
def test_a_result_of_another_form_breaks_nothing(open_demo: OpenDemo, result: dict[str, Any]) -> None:
    host = open_demo()
    host.show(LIST, result)
    expect(host.app.get_by_role("heading", level=1)).to_be_visible()
    has_orders = isinstance(result.get("orders"), list)
    expect(
        host.app.get_by_text("Order without an ID" if has_orders else "The result has no data to show.")
    ).to_be_visible()
