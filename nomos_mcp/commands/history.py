"""`nomos-mcp history`: exports what was seen of the orders, and deletes what is old."""

import argparse
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nomos_mcp.commands.command import (
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    add_organisation,
    complain,
    new_command,
    note,
    settings_or_complaint,
)
from nomos_mcp.commands.exporting import add_export, exit_code_of, export, output
from nomos_mcp.variables import DATABASE

if TYPE_CHECKING:  # loads SQLAlchemy; --help answers at once
    from nomos_mcp.history.store import History

_SHORTEST: Final = timedelta(days=1)
"""What is younger is needed to tell a read that lags from a change."""


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "history",
        run,
        summary=f"export what was seen of the orders, or delete what is old, in the database that {DATABASE} names",
        examples="  nomos-mcp history export --format csv --output orders.csv\n"
        "  nomos-mcp history export --format jsonl | gzip > orders.jsonl.gz\n"
        "  nomos-mcp history prune --older-than 400d\n",
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    exported = actions.add_parser("export", help="print every state of an order that was seen, oldest first")
    add_export(exported)
    pruned = actions.add_parser("prune", help="delete what ended so long ago; the last state of each order stays")
    pruned.add_argument("--older-than", type=_age, required=True, metavar="400d", help="at least 1d")
    for each in (exported, pruned):
        add_organisation(each)


def _age(text: str) -> timedelta:
    from nomos_mcp.settings import duration  # noqa: PLC0415  --help answers at once

    age = duration(text)
    if age is None or age < _SHORTEST:
        raise argparse.ArgumentTypeError(
            f"{text[:20]!r} is no time of at least a day: use a number of days such as 400d"
        )
    return age


def run(options: argparse.Namespace) -> int:
    settings = settings_or_complaint(organisation=options.organisation)
    if settings is None:
        return EXIT_USAGE
    if not settings.database.get_secret_value():
        complain(f"{DATABASE}: not set, so there is no history. Set it to the database that the server uses.")
        return EXIT_USAGE

    import anyio  # noqa: PLC0415  as above

    from nomos_mcp.database.database import Database  # noqa: PLC0415  as above
    from nomos_mcp.history.store import History  # noqa: PLC0415  as above

    now = datetime.now(UTC)
    return anyio.run(_run, History(Database(settings.database, settings.organisation), lambda: now), options)


async def _run(history: "History", options: argparse.Namespace) -> int:
    work = _prune(history, options.older_than) if options.action == "prune" else _export(history, options)
    try:
        return await exit_code_of(work, getattr(options, "output", None))
    finally:
        await history.aclose()


async def _prune(history: "History", age: timedelta) -> int:
    before = history.now() - age
    note(f"States deleted that ended before {before:%Y-%m-%d %H:%M} UTC: {await history.prune(before)}")
    return EXIT_OK


async def _export(history: "History", options: argparse.Namespace) -> int:
    from nomos_mcp.history.changes import OrderLook  # noqa: PLC0415  as above

    with output(options.output) as file:
        exported = await export(history.exported(), [each.name for each in fields(OrderLook)], options.format, file)
    note(f"States exported: {exported}")
    return EXIT_OK
