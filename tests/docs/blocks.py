"""The code blocks of the documents, for the tests that run them."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("mcpb/*.md"))
)
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        document: Path of its document.
        line: Line number of its fence.
        language: What the fence says.
        text: What is inside, without the indent of a list.
    """

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name it for a test's report."""
        return f"{self.document}:{self.line}"


def blocks(document: str, language: str = "") -> list[Block]:
    """Return a document's blocks that people wrote, of one language or of all; generated ones are left out."""
    whole = (ROOT / document).read_text(encoding="utf-8")
    text = _GENERATED.sub(lambda part: "\n" * part[0].count("\n"), whole)
    found = [
        Block(document, text.count("\n", 0, block.start()) + 1, block["language"], textwrap.dedent(block["text"]))
        for block in _BLOCK.finditer(text)
    ]
    return [block for block in found if language in {"", block.language}]
