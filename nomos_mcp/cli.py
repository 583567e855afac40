"""The commands. Without one the server speaks MCP over stdin and stdout, which is what an assistant starts."""

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from nomos_mcp import __version__
from nomos_mcp.client.versions import API_VERSIONS, CURIE
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

examples:
  nomos-mcp --demo      an MCP server with invented data, no credentials needed
  nomos-mcp demo        a tour for people to read: question, call, answer
  nomos-mcp simulator   a stand-in for the Nomos API, with invented data

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
    if options.command == "simulator":
        return _serve_simulator(options)
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
    _add_simulator(commands.add_parser("simulator", help="a stand-in for the Nomos API on a port of this machine"))
    return parser


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    parser.description = "A stand-in for the Nomos API, on 127.0.0.1 only. All of its data is invented."
    parser.add_argument("--port", type=_port, default=4010, help="default: 4010; 0 lets the system pick one")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same data and course (default: 0)")
    parser.add_argument(
        "--orders", type=_number, default=28, metavar="N", help="orders besides those with a name (default: 28)"
    )
    parser.add_argument(
        "--api-version",
        choices=API_VERSIONS,
        default=CURIE,
        help=f"what a request without X-API-Version gets (default: {CURIE})",
    )
    parser.add_argument(
        "--rate-limit",
        type=_rate,
        metavar="N",
        help="requests per second and client; Nomos states 10 (default: no limit)",
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--now", type=_moment, metavar="TIME", help="stand still at this time, 2026-06-15T10:00:00Z say")
    time.add_argument(
        "--days-per-second", type=_speed, default=0.0, metavar="N", help="let so many days pass in each second"
    )


def _port(text: str) -> int:
    return _within(int(text), 0, 65_535)


def _number(text: str) -> int:
    return _within(int(text), 0, 1_000_000)


def _rate(text: str) -> int:
    return _within(int(text), 1, 1_000_000)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 1000:  # noqa: PLR2004  past that an order is over before anybody has read it
        raise argparse.ArgumentTypeError("use more than 0 and at most 1000 days")
    return speed


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _within(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"use a number from {least} to {most}")
    return value


def _serve_simulator(options: argparse.Namespace) -> int:
    from nomos_mcp.simulator.command import run  # noqa: PLC0415  as for the tour

    return run(
        options.port,
        seed=options.seed,
        orders=options.orders,
        api_version=options.api_version,
        rate_limit=options.rate_limit,
        stand_still=options.now,
        days_per_second=options.days_per_second,
    )


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
