"""`nomos-mcp explain`: one status to read in the terminal, offline. It knows the lifecycle and nothing above it."""

import shutil
import sys
import textwrap
from typing import Final

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    Audience,
    LifecycleError,
    Sheet,
    status_sheet,
)

_WIDEST: Final = 110
"""Columns beyond which a line is hard to read, however wide the terminal."""


def explain_in_terminal(
    status: str,
    *,
    blocked_reason: str = "",
    cancelled_reason: str = "",
    api_version: str = CURIE,
    audience: Audience = "agent",
    language: str = "en",
) -> bool:
    """Print what a status means, or on stderr why it cannot be explained and what to ask instead.

    Args:
        status: a status, `blocked`, or a reason for blocking or cancelling, which stands for the status it belongs to.
        blocked_reason: see `explain_status`, as for the rest.
        cancelled_reason: as above.
        api_version: as above.
        audience: as above.
        language: as above.

    Returns:
        Whether it was explained.
    """
    if status in BLOCKED_REASONS and not blocked_reason:
        status, blocked_reason = "", status
    elif status in CANCELLED_REASONS and not cancelled_reason:
        status, cancelled_reason = "", status
    try:
        sheet = status_sheet(
            status,
            blocked_reason=blocked_reason,
            cancelled_reason=cancelled_reason,
            api_version=api_version,
            audience=audience,
            language=language,
        )
    except LifecycleError as error:
        sys.stderr.write(f"nomos-mcp: {error}\n")
        return False
    sys.stdout.write(_laid_out(sheet, min(shutil.get_terminal_size().columns, _WIDEST)))
    return True


def _laid_out(sheet: Sheet, width: int) -> str:
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
