"""Output for people: colours on a terminal, aligned columns there and in a pipe.

Not by rich: wherever that is installed, the MCP SDK loads it, which would add 36 ms to each start of a server.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Final, Literal

Style = Literal["bold", "red", "green", "yellow", "cyan"]

_CODES: Final[dict[Style, int]] = {"bold": 1, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_HELP: Final = re.compile(r"(?m)^(?P<bold>[a-z][^\n:]*:)|(?<![\w-])(?P<cyan>--?[a-z][\w-]*)|(?P<green>\bNOMOS_\w+)")
_UNLIMITED: Final = 100_000


def has_colours() -> bool:
    """Return whether stdout is a terminal that understands colours, and its user has not turned them off."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    terminal = terminal and (sys.platform != "win32" or "WT_SESSION" in os.environ)
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: Style) -> str:
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if has_colours() else text


def styled_help(text: str) -> str:
    """Return a help text of argparse with its headings, options and variables in colour; argparse does so from 3.14."""
    if sys.version_info >= (3, 14) or not has_colours():
        return text
    return _HELP.sub(lambda found: f"\x1b[{_CODES[found.lastgroup]}m{found[0]}\x1b[0m", text)  # type: ignore[index]


def print_rows(rows: Sequence[Sequence[str]], *, indent: int = 0, style: Style, width: int | None = None) -> None:
    """Print rows in aligned columns.

    Args:
        rows: Equally many cells each. The first one gets the style, the last one is wrapped.
        indent: Spaces to the left.
        style: Of the first column.
        width: Of everything; by default that of the terminal, and unlimited in a pipe.
    """
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    start = indent + sum(each + 2 for each in widths)
    for row in rows:
        first, *others = (cell.ljust(each) for cell, each in zip(row, widths, strict=False))
        lines = textwrap.wrap(row[-1], max(width - start, 1), break_long_words=False, break_on_hyphens=False)
        print(" " * indent + "  ".join([styled(first, style), *others, f"\n{' ' * start}".join(lines)]), flush=True)
