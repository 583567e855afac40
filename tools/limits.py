"""The limits of the service in words, for the documentation. Each number stands once, among the constants."""

from typing import Final

from nomos_mcp.service import constants
from nomos_mcp.settings_http import DEFAULT_CALLS_PER_MINUTE

LIMITS: Final = (
    ("A request's body", f"{constants.MAX_BODY_BYTES // 1024} KiB", "413"),
    ("Time for a body to arrive", f"{constants.BODY_DEADLINE:g} s", "408"),
    ("Time for a complete head, also of the next request", f"{constants.HEAD_DEADLINE:g} s", "closed"),
    ("Requests at once, in one process", str(constants.MAX_RUNNING), "503, come back in a second"),
    ("Calls of one caller at once", str(constants.MAX_RUNNING_PER_CALLER), "told to wait"),
    ("Calls of one caller in a minute, by default", str(DEFAULT_CALLS_PER_MINUTE), "told how long to wait"),
    ("... of which at once, after a pause", str(constants.BURST), "as above"),
    ("The end, from the signal on", f"{constants.STOP_WITHIN:g} s", "what is left is cut off"),
)
"""What is limited, to how much, and what happens past it."""
