"""One status to read in the terminal, for `nomos-mcp explain`. It knows the lifecycle and nothing else."""

import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from nomos_mcp.lifecycle import LifecycleError, StatusLines, status_lines

_WIDEST: Final = 110
"""Columns beyond which a line is hard to read, however wide the terminal."""


def explain_in_terminal(asked: Mapping[str, Any]) -> bool:
    """Print what a status means, or on stderr why it cannot be explained and what to ask instead.

    Args:
        asked: the arguments of `status_sheet`, by name, as typed.

    Returns:
        Whether it was explained.
    """
    try:
        sheet = status_lines(**asked)
    except LifecycleError as error:
        sys.stderr.write(f"nomos-mcp: {error}\n")
        return False
    sys.stdout.write(_laid_out(sheet, min(shutil.get_terminal_size().columns, _WIDEST)))
    return True


def _laid_out(sheet: StatusLines, width: int) -> str:
    indent = max(len(label) for label, _ in sheet.lines) + 2
    lines = [
        textwrap.fill(
            text,
            width,
            initial_indent=label.ljust(indent),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for label, text in sheet.lines
    ]
    return "\n".join([sheet.title, "", *lines]) + "\n"
