"""No command: the server over stdin and stdout, which is what an assistant starts. stdout carries protocol only."""

import argparse

from nomos_mcp.commands.command import EXIT_OK, EXIT_USAGE, settings_or_complaint


def run(options: argparse.Namespace) -> int:
    """Serve until stdin ends."""
    settings = settings_or_complaint(demo=options.demo)
    if settings is None:
        return EXIT_USAGE
    from nomos_mcp.server import create_server  # noqa: PLC0415  --help, --version and mistakes answer at once

    create_server(settings).run("stdio")
    return EXIT_OK
