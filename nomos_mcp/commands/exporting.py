"""Exporting rows of a database: as CSV or JSON lines, to stdout or to a file that is replaced once all is written."""

import csv
import errno
import json
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from nomos_mcp.commands.command import EXIT_FAILED, complain


def add_export(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=["csv", "jsonl"], required=True, help="jsonl: one JSON object a line")
    parser.add_argument("--output", metavar="FILE", help="write to this file, which is replaced once all is written")


@contextmanager
def output(path: str | None) -> Iterator[TextIO]:
    """Open a file that takes its name only when it is whole, or take stdout."""
    if path is None:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        yield sys.stdout
        return
    part = Path(f"{path}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


async def exit_code_of(work: Awaitable[int], path: str | None) -> int:
    """Do what a command does with a database, and return its exit code; say what fails there, or at the file."""
    from nomos_mcp.database.errors import DatabaseError  # noqa: PLC0415  --help answers at once

    try:
        return await work
    except DatabaseError as error:
        complain(str(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(f"{path or 'stdout'} cannot be written: {error.strerror}.")
    return EXIT_FAILED


async def export(rows: AsyncIterator[object], names: Sequence[str], form: str, file: TextIO) -> int:
    """Write these attributes of each row; return how many rows there were."""
    table = csv.writer(file, lineterminator="\n")
    if form == "csv":
        table.writerow(names)
    count = 0
    async for each in rows:
        row = {name: _plain(getattr(each, name)) for name in names}
        if form == "csv":
            table.writerow(row.values())
        else:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _plain(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
