"""Entry point of the desktop bundle: what is entered in the extension's settings becomes the server's."""

import os
import sys

from nomos_mcp.cli import main
from nomos_mcp.commands.command import EXIT_USAGE, complain
from nomos_mcp.variables import CLIENT_ID, CLIENT_SECRET, EXTENSION

_TITLES = {CLIENT_ID: '"Client ID"', CLIENT_SECRET: '"Client secret"'}


def start() -> int:
    """Serve until the application closes; return the exit code."""
    os.environ[EXTENSION] = "1"
    given = {name: os.environ.pop(name, "").strip() for name in _TITLES}
    # What nobody entered is empty, or in some applications the bare placeholder.
    entered = {name: value for name, value in given.items() if value and not value.startswith("${user_config.")}
    if "--demo=true" in sys.argv or not entered:
        return main(["--demo"])
    for name in _TITLES.keys() - entered.keys():
        (there,) = (_TITLES[other] for other in entered)
        complain(
            f"{_TITLES[name]} is empty in the extension's settings, but {there} is not, and the two go together. "
            f"Fill in {_TITLES[name]}, or empty {there} for the demo."
        )
        return EXIT_USAGE
    os.environ |= entered
    return main([])


sys.exit(start())
