"""The site's navigation, which is made of the index."""

from tests.docs.blocks import ROOT
from tools.site_hooks import navigation

PAGES = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
LINKED = [
    page
    for section in navigation((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    for pages in section.values()
    for page in pages
]


def test_every_page_is_in_the_navigation_once_and_every_entry_is_a_page() -> None:
    assert sorted(LINKED) == sorted(PAGES)
