"""The built site in Chromium: nothing comes from another host, search and diagrams work, and it reads as on GitHub.

`make site` builds it first.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page

from tests.docs.blocks import ROOT

pytestmark = pytest.mark.browser

SITE = ROOT / "site"
PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
DIAGRAMS = {
    page: text.count("```mermaid")
    for page in PAGES
    if "```mermaid" in (text := (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"))
}
Scheme = Literal["light", "dark"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    if not (SITE / "index.html").exists():
        pytest.fail("The site is not built: make site")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=SITE)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
    thread.join(30)


@contextmanager
def window(browser: Browser, url: str, scheme: Scheme = "light") -> Iterator[Page]:
    """Open a window that fails on any error of the console, and on any request to another host."""
    wrong: list[str] = []

    def others(asked: str) -> list[str]:
        return [] if asked.startswith((f"{url}/", "data:", "blob:")) else [asked]

    with browser.new_context(color_scheme=scheme, viewport={"width": 1300, "height": 900}) as context:
        page = context.new_page()
        page.on("request", lambda request: wrong.extend(others(request.url)))
        page.on("response", lambda response: wrong.extend([response.url] * (response.status >= HTTPStatus.BAD_REQUEST)))
        page.on("console", lambda said: wrong.extend([said.text] * (said.type in {"error", "warning"})))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
    assert not wrong


def address(page: str) -> str:
    return "index.html" if page == "README" else f"{page}.html"


def test_every_page_shows_without_a_request_to_another_host(browser: Browser, url: str) -> None:
    with window(browser, url) as page:
        for name in PAGES:
            page.goto(f"{url}/{address(name)}", wait_until="networkidle")
            assert page.locator("article h1").count() == 1, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_search_finds_a_status_in_both_schemes(browser: Browser, url: str, scheme: Scheme) -> None:
    with window(browser, url, scheme) as page:
        page.goto(f"{url}/")
        field = page.get_by_role("textbox", name="Search")
        field.click()
        field.press_sequentially("installation_planning")
        found = page.locator(".md-search-result__item").first
        found.wait_for()
        assert "The statuses of a smart meter order" in found.inner_text()
        assert "flowchart" not in found.inner_text()
        red, green, blue = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
        )
        assert (red + green + blue < 3 * 128) == (scheme == "dark")
        (ROOT / "screenshots").mkdir(exist_ok=True)
        page.screenshot(path=ROOT / "screenshots" / f"site-search-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_every_diagram_is_drawn(browser: Browser, url: str, name: str, scheme: Scheme) -> None:
    with window(browser, url, scheme) as page:
        page.goto(f"{url}/{address(name)}")
        drawn = page.locator("div.mermaid")  # the theme puts it in place of `pre.mermaid`
        drawn.nth(DIAGRAMS[name] - 1).wait_for()
        assert page.locator("pre.mermaid").count() == 0
        sizes = [box["height"] for each in drawn.all() if (box := each.bounding_box())]
        assert len(sizes) == DIAGRAMS[name]
        assert min(sizes) > 150
        labels = drawn.first.evaluate("it => getComputedStyle(it).getPropertyValue('--md-mermaid-label-fg-color')")
        assert scheme == "light" or labels == "#111827"  # dark letters: the diagrams' own colours are light
        drawn.first.screenshot(path=ROOT / "screenshots" / f"site-diagram-{name}-{scheme}.png")


class _Shape(HTMLParser):
    """Counts the elements that differ where two readers of Markdown disagree, inside the page's own text."""

    COUNTED = ("h1", "h2", "h3", "h4", "table", "tr", "ul", "ol", "li", "pre", "blockquote")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        _, _, rest = html.partition('<article class="md-content__inner md-typeset">')
        self.feed(rest.partition("</article>")[0] or html)

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag in self.COUNTED:
            self.found[tag] += 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_same_parts_as_on_github(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    there = _Shape(MarkdownIt("commonmark").enable("table").render(text)).found
    here = _Shape((SITE / address(name)).read_text(encoding="utf-8")).found
    assert here == there, (
        "MkDocs reads it otherwise: put a blank line around a table or list, or indent it by four columns"
    )
