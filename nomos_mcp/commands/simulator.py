"""`nomos-mcp simulator`: a simulated Nomos API on a port of this machine."""

import argparse
import sys
from contextlib import suppress
from datetime import UTC, datetime

from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    Subparsers,
    complain,
    new_command,
    number,
    port_problem,
)
from nomos_mcp.variables import API_VERSION, VARIABLES

_VERSIONS = next(variable for variable in VARIABLES if variable.name == API_VERSION)
_YEARS = range(1970, 3000)
_MANY = 10_000  # orders; more take longer than a second to invent
_FASTEST = 1000.0  # days a second; faster, an order is over before anybody has read it


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "simulator",
        run,
        summary="a simulated Nomos API, on 127.0.0.1 only; all of its data is invented",
        examples="  nomos-mcp simulator                       the demo's data on port 4010\n"
        "  nomos-mcp simulator --days-per-second 1   watch orders move\n"
        "  nomos-mcp simulator --orders 100000       a large organisation\n",
    )
    parser.add_argument(
        "--port", type=number(0, 65_535), default=4010, help="default: 4010; 0 lets the system pick one"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same data and events (default: 0)")
    parser.add_argument(
        "--orders",
        type=number(0, 1_000_000),
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
        type=number(1, 1_000_000),
        metavar="N",
        help="requests per second and client; Nomos states 10 (default: no limit)",
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--now", type=_moment, metavar="TIME", help="a frozen clock, such as 2026-06-15T10:00:00Z")
    time.add_argument(
        "--days-per-second",
        type=_speed,
        default=0.0,
        metavar="N",
        help="a fast clock: days that pass in each second",
    )


def run(options: argparse.Namespace) -> int:
    # Loaded here, so that the start of other commands does not pay for it.
    from nomos_mcp.simulator import DEMO, Simulator  # noqa: PLC0415
    from nomos_mcp.simulator.simulator_server import HOST, bound, serve, url_of  # noqa: PLC0415
    from nomos_mcp.simulator.world import real_clock  # noqa: PLC0415

    try:
        listener = bound(options.port)
    except OSError as error:
        complain(f"port {options.port} on {HOST} {port_problem(error)}.")
        return EXIT_FAILED
    if options.orders > _MANY:
        print(f"nomos-mcp: inventing {options.orders} orders ...", file=sys.stderr)
    now: datetime | None = options.now
    simulator = Simulator(
        options.seed,
        now=real_clock if now is None else lambda: now,
        days_per_second=options.days_per_second,
        rate_limit=options.rate_limit,
        orders=options.orders,
        api_version=options.api_version,
    )
    url = url_of(listener)
    # The warning and the address share one line, so that a log that is cut off still has both.
    print(
        f"Simulator of the Nomos API at {url}: ALL DATA IS INVENTED.\n"
        f"  client ID and secret  {DEMO.client_id} {DEMO.client_secret}\n"
        f"  or a static key       {DEMO.access_token}\n"
        f"  API version           {options.api_version} without X-API-Version\n"
        f"  control               {url}/_simulator/\n"
        "Ctrl-C ends it.",
        flush=True,
    )
    serve(simulator, listener)
    return EXIT_OK


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
