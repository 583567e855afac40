"""The commands. Without one the server speaks MCP over stdin and stdout, which is what an assistant starts."""

import argparse
import signal
import sys
from collections.abc import Sequence

from nomos_mcp import __version__
from nomos_mcp.http_command import add_http, serve_http
from nomos_mcp.token_command import add_token, manage_tokens

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
  NOMOS_MCP_...                          of `nomos-mcp http`: see docs/deploy.md

examples:
  nomos-mcp --demo      an MCP server with invented data, no credentials needed
  nomos-mcp demo        a tour for people to read: question, call, answer
  nomos-mcp http --demo the same server over HTTP, on http://127.0.0.1:8000/mcp
  nomos-mcp explain check_missing --language de --audience customer

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
    if options.command == "explain":
        return _explain(options)
    if options.command == "http":
        return serve_http(options)
    if options.command == "token":
        return manage_tokens(options)
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
    add_http(commands.add_parser("http", help="serve over HTTP, to many callers at once"))
    add_token(commands.add_parser("token", help="make, list and revoke tokens for callers over HTTP"))
    _add_explain(commands.add_parser("explain", help="say what a smart meter order's status means, offline"))
    return parser


def _add_explain(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("status", metavar="STATUS", help="a status of either API version, blocked, or a reason")
    # What is not given is left to the defaults of what explains.
    explain.argument_default = argparse.SUPPRESS
    explain.add_argument("--language", help="en (default) or de")
    explain.add_argument("--audience", help="agent (default) or customer: only what a customer may be told")
    explain.add_argument("--api-version", help="whose status it is, such as 2026-05-27.curie (default) or edison")
    explain.add_argument("--blocked-reason", help="why it is blocked, such as check_missing")
    explain.add_argument("--cancelled-reason", help="why it was cancelled, such as pre_existing")


def _explain(options: argparse.Namespace) -> int:
    from nomos_mcp.explain_command import explain_in_terminal  # noqa: PLC0415  as above

    asked = {name: value for name, value in vars(options).items() if name not in {"command", "demo"}}
    return EXIT_OK if explain_in_terminal(asked) else EXIT_USAGE


def _serve_stdio(*, demo: bool) -> int:
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  the other commands do without the client

    try:
        settings = Settings.from_env(demo=demo)
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"nomos-mcp: {problem}\n")
        return EXIT_USAGE
    from nomos_mcp.server import create_server  # noqa: PLC0415  --help, --version and mistakes answer at once

    create_server(settings).run("stdio")
    return EXIT_OK
