"""`nomos-mcp`: finds the command and runs it. Without one the server speaks MCP over stdin and stdout."""

import argparse
import signal
from collections.abc import Sequence

from nomos_mcp import __version__
from nomos_mcp.commands import demo, stdio
from nomos_mcp.commands.command import EXIT_CODES

_COMMANDS = (demo,)

_EPILOG = f"""\
environment:
  NOMOS_CLIENT_ID, NOMOS_CLIENT_SECRET   client credentials of the Nomos API
  NOMOS_ACCESS_TOKEN                     a bearer token instead of the two above
  NOMOS_API_VERSION                      default: 2026-05-27.curie
  NOMOS_BASE_URL                         default: https://api.nomos.energy
  NOMOS_CUSTOMER_ID                      only this customer's objects are seen
  NOMOS_MCP_CONFIRM                      auto (default), elicit or none: how a person's yes to an order is come by
  NOMOS_MCP_READ_ONLY                    1: nothing can be ordered
  NOMOS_MCP_AUDIT_FILE                   a file in which every attempt to order is recorded
  NOMOS_MCP_STATE_KEY                    at least 32 bytes, shared by several processes

examples:
  nomos-mcp --demo      an MCP server with invented data, no credentials needed
  nomos-mcp demo        a tour for people to read: question, call, answer

{EXIT_CODES}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Instead of the process's arguments.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or settings.
    """
    # Python's own handler waits for the thread that reads stdin; the system's ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    options = parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    top = argparse.ArgumentParser(
        prog="nomos-mcp",
        description="MCP server over the Nomos energy API: smart meter orders, explained. "
        "Without a command it speaks MCP over stdin and stdout.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"nomos-mcp {__version__}")
    top.add_argument("--demo", action="store_true", help="answer from a built-in simulator with invented data")
    top.set_defaults(run=stdio.run)
    commands = top.add_subparsers(metavar="command")
    for command in _COMMANDS:
        command.add(commands)
    return top
