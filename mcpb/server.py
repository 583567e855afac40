"""Entry point of the desktop bundle: what is entered in the extension's settings becomes the server's.

Invented data is served only to who asks for it: credentials get lost, and customers would be told what is not so.
"""

import os
import sys

from nomos_mcp.cli import main
from nomos_mcp.variables import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EXTENSION, READ_ONLY


def start() -> int:
    """Serve until the application closes; return the exit code."""
    os.environ[EXTENSION] = "1"
    os.environ.pop(ACCESS_TOKEN, None)  # of a shell; nobody could see it in the settings
    for name in (CLIENT_ID, CLIENT_SECRET, READ_ONLY):
        if os.environ.get(name, "").startswith("${user_config."):  # in some applications, what nobody entered
            del os.environ[name]
    demo = "--demo=true" in sys.argv
    if demo or not all(os.environ.get(name, "").strip() for name in (CLIENT_ID, CLIENT_SECRET)):
        os.environ |= {CLIENT_ID: "", CLIENT_SECRET: ""}  # with half of them each answer says to enter both
    return main(["--demo"] if demo else [])


sys.exit(start())
