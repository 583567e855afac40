"""No command: the server over stdin and stdout, which is what an assistant starts. stdout carries protocol only."""

import argparse
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from nomos_mcp.commands.command import EXIT_OK, EXIT_USAGE, settings_or_complaint
from nomos_mcp.stderr import StderrHandler


def run(options: argparse.Namespace) -> int:
    """Serve until stdin or stdout is closed."""
    logging.basicConfig(level=logging.WARNING, handlers=[StderrHandler()])
    with _lasting():
        settings = settings_or_complaint(demo=options.demo)
        if settings is None:
            return EXIT_USAGE
        # --help, --version and mistakes answer at once
        from nomos_mcp.server import create_server  # noqa: PLC0415
        from nomos_mcp.server.stdio_transport import run_stdio  # noqa: PLC0415

        server = create_server(settings)
    run_stdio(server)
    return EXIT_OK


@contextmanager
def _lasting() -> Iterator[None]:
    """Keep the garbage collector away from what the block loads: it lasts as long as the process.

    Looking through it again and again would slow the start down, and looking once more at the end would take longer
    than everything else that the end of the process does.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
