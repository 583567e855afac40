"""`nomos-mcp simulator`: a stand-in for the Nomos API on a port of this machine."""

import argparse
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from nomos_mcp.commands.command import Subparsers, new_command
from nomos_mcp.variables import API_VERSION, VARIABLES

_VERSIONS = next(variable for variable in VARIABLES if variable.name == API_VERSION)
_YEARS = range(1970, 3000)
_FASTEST = 1000.0  # days a second; past that an order is over before anybody has read it


def add(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "simulator",
        run,
        summary="a stand-in for the Nomos API, on 127.0.0.1 only; all of its data is invented",
        examples="  nomos-mcp simulator                       the demo's data on port 4010\n"
        "  nomos-mcp simulator --days-per-second 1   watch orders move\n"
        "  nomos-mcp simulator --orders 100000       a large organisation\n",
    )
    parser.add_argument(
        "--port", type=_number(0, 65_535), default=4010, help="default: 4010; 0 lets the system pick one"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same data and course (default: 0)")
    parser.add_argument(
        "--orders",
        type=_number(0, 1_000_000),
        default=28,
        metavar="N",
        help="orders besides those with a name (default: 28)",
    )
    parser.add_argument(
        "--api-version",
        choices=_VERSIONS.choices,
        default=_VERSIONS.default,
        help=f"what a request without X-API-Version gets (default: {_VERSIONS.default})",
    )
    parser.add_argument(
        "--rate-limit",
        type=_number(1, 1_000_000),
        metavar="N",
        help="requests per second and client; Nomos states 10 (default: no limit)",
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--now", type=_moment, metavar="TIME", help="stand still at this time, 2026-06-15T10:00:00Z say")
    time.add_argument(
        "--days-per-second", type=_speed, default=0.0, metavar="N", help="let so many days pass in each second"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from nomos_mcp.simulator.command import run as serve  # noqa: PLC0415  a server's start does not pay for it

    return serve(
        options.port,
        seed=options.seed,
        orders=options.orders,
        api_version=options.api_version,
        rate_limit=options.rate_limit,
        stand_still=options.now,
        days_per_second=options.days_per_second,
    )


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        with suppress(ValueError):
            if least <= (value := int(text)) <= most:
                return value
        raise argparse.ArgumentTypeError(f"use a number from {least} to {most}")

    return number


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0 < (speed := float(text)) <= _FASTEST:
            return speed
    raise argparse.ArgumentTypeError(f"use more than 0 and at most {_FASTEST:g} days")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it like 2026-06-15T10:00:00Z") from None
    if moment.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"use a year from {_YEARS[0]} to {_YEARS[-1]}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
