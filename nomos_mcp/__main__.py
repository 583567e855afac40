"""`python -m nomos_mcp` is `nomos-mcp`."""

import sys

from nomos_mcp.cli import main

sys.exit(main())
