"""Write the parts of the documentation that repeat code, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python tools/generate.py` rewrites them, `--check` fails if one is out of date.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
from mcp import Client
from mcp.types import Tool

from nomos_mcp.client import errors
from nomos_mcp.server import create_server
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


def _first_words(tool: Tool) -> str:
    """Return the description up to its first full stop or colon."""
    words = re.split(r"[.:]\s", tool.description or "", maxsplit=1)[0]
    return " ".join(words.split())


def _hint(tool: Tool) -> str:
    return "reads" if tool.annotations and tool.annotations.read_only_hint else "orders"


def failure_tree() -> str:
    """Return the tree that the docstring of the client's errors draws."""
    lines = (errors.__doc__ or "").splitlines()
    return "\n".join(["```text", *(line[4:] for line in lines if line.startswith("    ")), "```"]) + "\n"


def faults() -> str:
    """Return the table of faults that the tests hold the client to."""
    sys.path.insert(0, str(ROOT))  # the tests are no package that could be installed
    from tests.client.faults.table import fault_table  # noqa: PLC0415  as above

    return fault_table()


PARTS: dict[str, Callable[[], str]] = {"tools": tools_table, "failure-tree": failure_tree, "faults": faults}
FILES = ("README.md", "docs/client.md")


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
