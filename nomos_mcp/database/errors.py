"""`DatabaseError`: what is wrong with the database, in words that hold nothing of what its driver says.

Knows no driver, so that whoever only catches the error loads none.
"""

import errno
from collections.abc import Mapping
from itertools import chain
from typing import Final

from nomos_mcp.variables import DATABASE


class DatabaseError(Exception):
    """The database cannot be read or written now. The text says why, and what to do; it holds no password."""


class NotConnectedError(OSError):
    """There is no connection to the database; `orig` is the error that says why."""

    def __init__(self, orig: Exception) -> None:
        super().__init__()
        self.orig = orig


class BusyError(Exception):
    """Others of this process use every connection, or write, for too long."""


class PooledError(Exception):
    """A connection pooler stands before PostgreSQL."""


class NewerTablesError(Exception):
    """The tables were made by a newer release."""


_FULL: Final = "The disk of the database is full: free some space, or delete old rows with `nomos-mcp history prune`."
_READ_ONLY: Final = f"The database may only be read: give this process the right to write to what {DATABASE} names."
_LOCKED: Final = "The database is locked by another program for too long: end that program, or wait for it."
_DAMAGED: Final = "The database file is damaged: restore it from a backup, or move it away to begin a new one."
_NO_TABLES: Final = f"nomos-mcp's tables are not where {DATABASE} points: restart nomos-mcp, which makes them."
_NOT_OURS: Final = (
    f"Where {DATABASE} points there are tables with the names of nomos-mcp's that are not its own, or were changed: "
    "name another database, or move them away."
)
_NO_ANSWER: Final = f"The database does not answer: see that it runs, and that {DATABASE} points to it."

_CODES: Final[Mapping[str, str]] = {
    "SQLITE_CANTOPEN": "The database file cannot be opened: see that its folder exists and may be written.",
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_NOTADB": f"The file in {DATABASE} is no SQLite database: name another file.",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_IOERR": "The database file cannot be read or written: see that its disk works.",
    "SQLITE_ERROR": _NO_TABLES,
    "25006": _READ_ONLY,
    "28": f"The database refuses the user or the password in {DATABASE}.",
    "3D000": f"The database that {DATABASE} names does not exist: create it.",
    "3F000": _NO_TABLES,
    "42P01": _NO_TABLES,
    "42883": _NO_TABLES,  # their functions are not there either
    "42703": _NOT_OURS,
    "42P07": _NOT_OURS,
    "42501": f"The user in {DATABASE} may not use nomos-mcp's tables: grant them.",
    "53100": _FULL,
    "53300": "The database accepts no more connections: raise its limit, or end other programs.",
    "55P03": _LOCKED,
    "57P": "The database is starting or stopping: wait for it.",
}
"""What the codes of SQLite and PostgreSQL mean, by their beginnings. Not their texts: servers speak many languages."""

_KINDS: Final[Mapping[type[Exception], str]] = {
    NewerTablesError: f"A newer release made the database: update nomos-mcp, or name another one in {DATABASE}.",
    ModuleNotFoundError: f"{DATABASE} names PostgreSQL, whose driver is not installed: install nomos-mcp[postgresql].",
    PooledError: (
        f"{DATABASE} leads to a connection pooler such as PgBouncer, through which notifications do not arrive: name "
        "PostgreSQL itself. Each process of nomos-mcp keeps a few connections and shares them among its calls."
    ),
    BusyError: "The database is busy: too many ask for it at once.",
    OverflowError: f"{DATABASE} names a port that cannot be: use 1 to 65535.",
    ValueError: f"{DATABASE} is no URL that PostgreSQL understands: correct it.",
}


def reason_of(error: Exception) -> str:
    """Say what is wrong and what to do, without a word of the driver's."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""
    if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
        return _FULL
    by_code = (reason for beginning, reason in _CODES.items() if code.startswith(beginning))
    by_kind = (reason for kind, reason in _KINDS.items() if isinstance(cause, kind))
    return next(chain(by_code, by_kind), _NO_ANSWER)
