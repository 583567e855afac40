"""The commands. Without one the server speaks MCP over stdin and stdout, which is what an assistant starts."""

import argparse
import signal
import sys
from collections.abc import Sequence

from nomos_mcp import __version__
from nomos_mcp.settings import Settings, SettingsError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2

_EPILOG = """\
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

exit codes: 0 done, 1 failed, 2 wrong usage or settings
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
    options = _parser().parse_args(arguments)
    if options.command == "demo":
        from nomos_mcp.demo import tour  # noqa: PLC0415  a server's start does not pay for loading it

        return EXIT_OK if tour() else EXIT_FAILED
    return _serve_stdio(demo=options.demo)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nomos-mcp",
        description="MCP server over the Nomos energy API: smart meter orders, explained. "
        "Without a command it speaks MCP over stdin and stdout.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nomos-mcp {__version__}")
    parser.add_argument("--demo", action="store_true", help="answer from a built-in simulator with invented data")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("demo", help="show the main job: a real client, a real server, invented data")
    return parser


def _serve_stdio(*, demo: bool) -> int:
    try:
        settings = Settings.from_env(demo=demo)
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"nomos-mcp: {problem}\n")
        return EXIT_USAGE
    from nomos_mcp.server import create_server  # noqa: PLC0415  --help, --version and mistakes answer at once

    create_server(settings).run("stdio")
    return EXIT_OK
