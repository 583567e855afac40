"""`nomos-mcp demo`: the tour."""

import argparse

from nomos_mcp.commands.command import EXIT_FAILED, EXIT_OK, Subparsers, new_command


def add(commands: Subparsers) -> None:
    """Add the command."""
    new_command(
        commands,
        "demo",
        run,
        summary="show the main job: a real client, a real server, invented data",
        examples="  nomos-mcp demo    question, call, answer; then the IDs that the invented data holds\n",
    )


def run(_: argparse.Namespace) -> int:
    """Run the tour."""
    from nomos_mcp.commands.tour import tour  # noqa: PLC0415  a server's start does not pay for loading it

    return EXIT_OK if tour() else EXIT_FAILED
