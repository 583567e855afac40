"""What is done to the pages for the site: the navigation is made of the index, lists are read as on GitHub."""

from tests.docs.blocks import ROOT
from tools.site_hooks import four_columns, navigation

PAGES = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
LINKED = [
    page
    for section in navigation((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    for pages in section.values()
    for page in pages
]


def test_every_page_is_in_the_navigation_once_and_every_entry_is_a_page() -> None:
    assert sorted(LINKED) == sorted(PAGES)


def test_what_belongs_to_a_numbered_item_is_indented_for_mkdocs() -> None:
    assert four_columns("1. a\n\n   b\n2. c\nd\n   e") == "1. a\n\n    b\n\n2. c\nd\n   e"
