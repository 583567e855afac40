"""`nomos-mcp watch`: looks at all orders that can have changed, and records what differs in the history."""

import argparse
import json
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    add_organisation,
    complain,
    new_command,
    note,
    settings_or_complaint,
)
from nomos_mcp.variables import DATABASE

if TYPE_CHECKING:  # loads SQLAlchemy, which no other command pays for
    from nomos_mcp.client import NomosClient
    from nomos_mcp.history.run_progress import RunReport
    from nomos_mcp.history.store import History

_BAR: Final = 30
_CLEAR: Final = "\r\x1b[K"


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "watch",
        run,
        summary=f"look at all orders that can have changed, and record in {DATABASE} what did",
        examples="  nomos-mcp watch --once         one run, for cron; prints a line of JSON\n"
        "  nomos-mcp watch --every 24h    a run a day until it is stopped\n",
    )
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--once", action="store_true", help="make one run, or finish the last one if it did not end")
    how.add_argument("--every", default="", metavar="TIME", help="make one run after the other: 24h, 30m")
    add_organisation(parser)
    parser.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    if options.demo:
        complain("--demo: its data and history end with the process that invents them, so there is nothing to watch.")
        return EXIT_USAGE
    settings = settings_or_complaint(organisation=options.organisation)
    if settings is None:
        return EXIT_USAGE
    from nomos_mcp.settings import duration, watch_problems  # noqa: PLC0415  --help answers at once

    every = duration(options.every)
    problems = watch_problems(settings)
    if options.every and every is None:
        problems.append(f"--every: {options.every[:20]!r} is no time span. Use a number with m, h or d, such as 24h.")
    if problems:
        complain(*problems)
        return EXIT_USAGE
    import anyio  # noqa: PLC0415  as above

    from nomos_mcp.history.runs import GAP  # noqa: PLC0415  as above
    from nomos_mcp.server.server_factory import client_of, history_of, utc_now  # noqa: PLC0415  as above

    if every and every > GAP:
        note(f"--every {options.every}: more than {GAP // timedelta(hours=1)} hours apart, runs leave gaps.")
    client = client_of(settings)
    history = history_of(settings, utc_now, client)
    assert history is not None  # noqa: S101  there is a database
    return anyio.run(_until_a_signal, history, client, every)


async def _until_a_signal(history: "History", client: "NomosClient", every: timedelta | None) -> int:
    """Watch; a signal ends that at once, and the next run goes on from there."""
    import anyio  # noqa: PLC0415  as above

    code = EXIT_OK if every else EXIT_FAILED  # what a signal leads to
    async with anyio.create_task_group() as tasks:

        async def stop_at_signal() -> None:
            # On Windows the system ends the process.
            with suppress(NotImplementedError), anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    tasks.cancel_scope.cancel()

        tasks.start_soon(stop_at_signal)
        try:
            code = await _watched(history, client, every)
            tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await client.aclose()
                await history.aclose()
    return code


async def _watched(history: "History", client: "NomosClient", every: timedelta | None) -> int:
    from nomos_mcp.client import NomosError  # noqa: PLC0415  as above
    from nomos_mcp.client.rate_limiter import REQUESTS_PER_SECOND  # noqa: PLC0415  as above
    from nomos_mcp.database.database import DatabaseError  # noqa: PLC0415  as above
    from nomos_mcp.history.polling import pause_for, poll, watch  # noqa: PLC0415  as above
    from nomos_mcp.history.runs import WatchError  # noqa: PLC0415  as above

    pause, report = pause_for(REQUESTS_PER_SECOND), _progress if sys.stderr.isatty() else _silence
    if every:
        await watch(history, client, every, pause=pause, finished=_finished, failed=_failed, report=report)
    try:
        _finished(await poll(history, client, pause=pause, report=report))
    except (DatabaseError, WatchError) as error:
        _failed(str(error))
        return EXIT_FAILED
    except NomosError as error:
        _failed(f"{error} The next run goes on where this one stopped.")
        return EXIT_FAILED
    return EXIT_OK


def _silence(*_: int) -> None: ...


def _progress(read: int, expected: int) -> None:
    if expected > 0:
        part = min(1.0, read / expected)
        bar = f"[{'#' * round(part * _BAR):<{_BAR}}] {read:,} of about {max(read, expected):,} orders"
    else:
        bar = f"{read:,} orders"
    sys.stderr.write(_CLEAR + bar)
    sys.stderr.flush()


def _clear_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_CLEAR)


def _failed(why: str) -> None:
    _clear_progress()
    complain(why)


def _finished(report: "RunReport") -> None:
    _clear_progress()
    print(_in_words(report) if sys.stdout.isatty() else line_of(report), flush=True)


def line_of(report: "RunReport") -> str:
    """A run as one line of JSON."""
    return json.dumps(asdict(report), default=lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def _in_words(report: "RunReport") -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.by_kind.items())
    told = "" if report.untold is None else f"; no webhook had told {report.untold} of them"
    lacking = "" if report.complete else f"\nNot covered: {report.not_covered}."
    again = ", taken up where the last one stopped" if report.resumed else ""
    return (
        f"{report.orders_read:,} orders with {report.requests:,} requests in {report.seconds:g} s{again}: "
        f"{report.changes:,} changes{f' ({kinds})' if kinds else ''}{told}.{lacking}"
    )
