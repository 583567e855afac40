"""What MkDocs asks while it builds the site: the navigation, links that leave docs/, and mermaid where it is needed."""

import logging
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MERMAID = "assets/javascripts/mermaid.min.js"
_LEAVING = re.compile(r"(\]\()\.\./([^)#\s]+)")
_log = logging.getLogger("mkdocs.hooks.site")  # a warning of it ends a strict build


def navigation(index: str) -> list[dict[str, list[str]]]:
    """Return the pages that the index links to, by its sections; what is not in docs/ is left out."""
    sections = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", index, re.DOTALL | re.MULTILINE)
    pages = {title: re.findall(r"\]\(([\w-]+\.md)\)", text) for title, text in sections}
    return [{title: linked} for title, linked in pages.items() if linked]


def on_config(config: MutableMapping[str, Any]) -> None:
    """Take the navigation from the index."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    config["nav"] = [{"Overview": "README.md"}, *navigation(index)]


def on_page_markdown(markdown: str, config: MutableMapping[str, Any], page: Any, **_: object) -> str:
    """Let links to files outside docs/ lead to the repository, and warn of those that lead nowhere."""
    repository = config["extra"]["social"][0]["link"]

    def absolute(link: re.Match[str]) -> str:
        target = ROOT / link[2]
        if not target.exists():
            _log.warning("%s links to ../%s, which is not there", page.file.src_uri, link[2])
        return f"{link[1]}{repository}/{'tree' if target.is_dir() else 'blob'}/main/{link[2]}"

    return four_columns(_LEAVING.sub(absolute, markdown))


def four_columns(markdown: str) -> str:
    """Write numbered lists as Python-Markdown needs them: blocks indented by four columns, a blank line after them."""
    lines: list[str] = []
    item = has_blocks = False
    for line in markdown.splitlines():
        if line[:1].strip():
            is_next = bool(re.match(r"\d+\. ", line))
            lines += [""] * (is_next and has_blocks)
            item, has_blocks = is_next, False
        lines.append(f" {line}" if item and line.startswith("   ") else line)
        has_blocks |= item and not line
    return "\n".join(lines)


def on_page_content(html: str, **_: object) -> str:
    """Load mermaid, of 3.5 MB, on pages with a diagram alone, and leave its sources out of the search.

    The theme asks a foreign host for mermaid if it is not there already.
    """
    if '<pre class="mermaid">' not in html:
        return html
    return html.replace('<pre class="mermaid">', '<pre class="mermaid" data-search-exclude>') + (
        f'<script src="{MERMAID}"></script>'
    )
