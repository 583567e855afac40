"""The timeline of `explain_status`: a status by its name, a reason, an error code, a word."""

import pytest
from playwright.sync_api import expect

from nomos_mcp.client import EDISON
from nomos_mcp.lifecycle.catalogue import texts
from tests.apps.conftest import OpenDemo
from tests.apps.demo_host import DemoHost

pytestmark = pytest.mark.browser


def explain(host: DemoHost, status: str, **arguments: str) -> None:
    host.ask("explain_status", status=status, **arguments)
    expect(host.app.locator("main")).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_status_stands_in_its_path_with_its_meaning_and_its_neighbours(open_demo: OpenDemo, theme: str) -> None:
    host = open_demo(theme=theme)
    explain(host, "check_reviewed")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("Check reviewed")
    expect(host.app.locator("header")).to_contain_text(texts("en").curie["check_reviewed"].meaning)
    expect(host.app.locator("[aria-current=step]")).to_have_text("Check reviewed (this status)")
    expect(host.app.locator(".steps li.later").first).to_contain_text("Installation scheduled")
    nearest = host.app.locator("section").filter(has_text="Nearest in 2026-01-29.edison")
    expect(nearest).to_contain_text("inferred")
    expect(nearest.locator("code")).to_have_text(["checked", "installation_planning"])
    expect(host.app.get_by_role("button", name="Refresh")).to_have_count(0)
    assert host.axe() == []
    host.screenshot(f"timeline-status-{theme}")


@pytest.mark.parametrize(("status", "before"), [("intended", 0), ("installation_waiting", 5), ("installed", 6)])
def test_a_status_beside_the_path_stands_where_the_lifecycle_has_it(
    open_demo: OpenDemo, status: str, before: int
) -> None:
    host = open_demo(version=EDISON)
    explain(host, status)
    expect(host.app.locator("[aria-current=step]")).to_contain_text("beside the usual path")
    expect(host.app.locator(".steps li.earlier")).to_have_count(before)


@pytest.mark.parametrize("reason", ["check_missing", "grid_operator_registration"])
def test_a_reason_is_a_block_and_no_step(open_demo: OpenDemo, reason: str) -> None:
    host = open_demo()
    explain(host, reason)
    expect(host.app.get_by_role("heading", level=1)).to_have_text("On hold")
    expect(host.app.locator(".hold")).to_contain_text(reason)
    expect(host.app.locator("[aria-current=step]")).to_have_count(0)
    assert host.axe() == []


def test_a_status_of_the_other_vocabulary_is_shown_in_its_own_path(open_demo: OpenDemo) -> None:
    host = open_demo()
    explain(host, "installation_planning")
    expect(host.app.locator("[aria-current=step]")).to_contain_text("Installation being planned")
    expect(host.app.locator("header")).to_contain_text("2026-01-29.edison")


def test_a_status_is_explained_in_the_language_of_the_host(open_demo: OpenDemo) -> None:
    host = open_demo(language="de")
    explain(host, "placed")
    expect(host.app.locator("header")).to_contain_text(texts("de").curie["placed"].meaning)


@pytest.mark.parametrize("width", [320, 800])
def test_the_glossary_is_text_that_fits(open_demo: OpenDemo, width: int) -> None:
    host = open_demo(width=width)
    explain(host, "glossary")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("Words of the field")
    expect(host.app.locator("dt")).to_have_count(len(texts("en").glossary))
    assert host.overflow() == 0
    assert host.axe() == []


def test_an_error_code_is_text_and_no_order(open_demo: OpenDemo) -> None:
    host = open_demo()
    explain(host, "NOT_FOUND")
    expect(host.app.get_by_role("heading", level=1)).to_have_text("NOT_FOUND")
    expect(host.app.get_by_role("listitem")).to_have_count(4)  # where, what happened, what to do, the page
    expect(host.app.get_by_role("button")).to_have_count(0)
    assert host.axe() == []


def test_a_word_is_one_sentence(open_demo: OpenDemo) -> None:
    host = open_demo()
    explain(host, "MaLo")
    expect(host.app.locator("main")).to_contain_text("Market location.")
