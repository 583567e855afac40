"""Check the types of every Python example in the documents and docstrings, as strictly as those of the code.

`python -m tools.examples` runs mypy once over all of them. Examples run one by one in the tests; this sees what running
does not, a field that only some kinds of an object have for one.
"""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tests.docs.blocks import DOCUMENTS, ROOT, Block, blocks

# What an example takes from the text around it: one line each, so that the lines of the documents stay as they are.
_GIVEN: Final[Mapping[str, str]] = {
    "CONTRIBUTING.md": "from mcp.server.mcpserver.server import MCPServer; "
    "from nomos_mcp.server.request_context import NomosContext; from nomos_mcp.lifecycle import glossary_markdown",
    "docs/simulator.md": "import httpx; from nomos_mcp.simulator import Simulator; "
    "simulator: Simulator; api: httpx.AsyncClient",
    "nomos_mcp/client/client.py": "from nomos_mcp import NomosClient",
}


def examples() -> list[Block]:
    """Return every Python example."""
    modules = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "nomos_mcp").rglob("*.py"))]
    return [block for document in (*DOCUMENTS, *modules) for block in blocks(document, "python")]


def flaws(found: Iterable[Block]) -> list[str]:
    """Return what mypy says about examples, each line with the place in the document."""
    with tempfile.TemporaryDirectory() as folder:
        places: dict[str, str] = {}
        for block in found:
            name = re.sub(r"\W", "_", block.document)
            module = Path(folder, f"{name}_{block.line}.py")
            module.write_text(_module(block), encoding="utf-8")
            places[module.name] = block.document
        command = [sys.executable, "-m", "mypy", "--no-error-summary", "--show-absolute-path"]
        command += [f"{folder}/{name}" for name in places]
        run = subprocess.run(  # noqa: S603  our own checker, on our own files
            command, cwd=ROOT, env={**os.environ, "MYPYPATH": folder}, capture_output=True, text=True, check=False
        )
    said = run.stdout + run.stderr
    for name, document in places.items():
        said = re.sub(
            rf"^.*/{re.escape(name)}:", f"{document}:", said, flags=re.MULTILINE
        )  # its cache tells old folders
    return said.splitlines()


def _module(block: Block) -> str:
    """Return an example as a module, its lines numbered as in the document. What awaits goes into a function."""
    text, head = block.text, ""
    try:
        compile(text, block.document, "exec", dont_inherit=True)
    except SyntaxError:
        text, head = textwrap.indent(text, "    "), "async def example() -> None:"
    before = [_GIVEN.get(block.document, ""), *[""] * (block.line - 2), head]
    return "\n".join([*before, text])


def main() -> int:
    """Check, print, and return the exit code."""
    found = flaws(examples())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
