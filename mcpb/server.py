"""Entry point of the desktop bundle: the switches of its settings become the server's arguments."""

import sys

from nomos_mcp.cli import main

sys.exit(main(["--demo"] if "--demo=true" in sys.argv else []))
