"""Write the parts of the documentation that repeat code, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python tools/generate.py` rewrites them, `--check` fails if one is out of date.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
from mcp import Client
from mcp.server.mcpserver.prompts import Prompt
from mcp.types import Tool

from nomos_mcp.lifecycle import (
    CURIE,
    EDISON,
    ApiVersion,
    glossary_markdown,
    lifecycle_diagram,
    lifecycle_markdown,
)
from nomos_mcp.server import create_server
from nomos_mcp.server.prompts import all_prompts
from nomos_mcp.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def tools_table() -> str:
    """Return the tools as a Markdown table: name, first sentence of the description, reads or writes."""

    async def listed() -> list[str]:
        async with Client(create_server(Settings(demo=True))) as client:
            return [
                f"| `{tool.name}` | {_first_words(tool)} | {_hint(tool)} |"
                for tool in (await client.list_tools()).tools
            ]

    return "\n".join(["| Tool | What for | |", "| --- | --- | --- |", *anyio.run(listed)]) + "\n"


def resources_table() -> str:
    """Return the resources as a Markdown table: address, title."""

    async def listed() -> list[str]:
        async with Client(create_server(Settings(demo=True))) as client:
            fixed = [(each.uri, each.title) for each in (await client.list_resources()).resources]
            templates = (await client.list_resource_templates()).resource_templates
            return [
                f"| `{uri}` | {title} |" for uri, title in [*fixed, *((t.uri_template, t.title) for t in templates)]
            ]

    return "\n".join(["| Resource | What it is |", "| --- | --- |", *anyio.run(listed)]) + "\n"


def prompts_table() -> str:
    """Return the prompts as a Markdown table: name, arguments (optional ones in brackets), description."""

    def row(prompt: Prompt) -> str:
        names = (each.name if each.required else f"[{each.name}]" for each in prompt.arguments or ())
        return f"| `{prompt.name}` | {', '.join(names)} | {prompt.description} |"

    return "\n".join(["| Prompt | Arguments | What for |", "| --- | --- | --- |", *map(row, all_prompts())]) + "\n"


def _first_words(tool: Tool) -> str:
    """Return the description up to its first full stop or colon."""
    words = re.split(r"[.:]\s", tool.description or "", maxsplit=1)[0]
    return " ".join(words.split())


def _hint(tool: Tool) -> str:
    return "reads" if tool.annotations and tool.annotations.read_only_hint else "orders"


def lifecycle_tables() -> str:
    """Return the lifecycle document with its headings one level down, below the heading of the page."""
    return re.sub(r"^#", "##", lifecycle_markdown(), flags=re.MULTILINE)


def _diagram(version: ApiVersion) -> str:
    return f"```mermaid\n{lifecycle_diagram(version)}```\n"


PARTS: dict[str, Callable[[], str]] = {
    "tools": tools_table,
    "resources": resources_table,
    "prompts": prompts_table,
    "lifecycle": lifecycle_tables,
    "glossary": lambda: re.sub(r"^#", "##", glossary_markdown()),
    "diagram-curie": lambda: _diagram(CURIE),
    "diagram-edison": lambda: _diagram(EDISON),
}
FILES = ("README.md", "docs/lifecycle.md")


def main() -> int:
    """Rewrite or check; return the exit code."""
    stale = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        fresh = _PART.sub(lambda part: part[1] + PARTS[part["name"]]() + part[3], text)
        if fresh == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(fresh, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"Out of date, run `make docs`: {', '.join(stale)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
