"""How a tool is put into a few words."""

import re

from mcp.types import Tool


def first_words(tool: Tool) -> str:
    """Return the description up to its first full stop or colon."""
    words = re.split(r"[.:]\s", tool.description or "", maxsplit=1)[0]
    return " ".join(words.split())
