"""The record of attempts to order: one JSON line each, on stderr and in the audit file. No personal data.

Room for a line is taken in the file before anything is ordered, and the line is written there before the answer goes
out, so a full disk cannot lead to an order without a line. A line of blanks is an attempt during which the process
ended.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Final

import anyio.to_thread

try:
    import fcntl
except ImportError:  # pragma: no cover  not on Windows: there, one process to an audit file
    fcntl = None  # type: ignore[assignment]

LINE_BYTES: Final = 1024
"""Bytes taken for a line, its end included; the longest line of bounded fields is far shorter."""

_MAX_FIELD: Final = 128
_file_turn = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt.

    Attributes:
        time: When, UTC, ISO 8601.
        caller: Who called.
        subscription: For which subscription.
        decision: `yes`, `no`, or `none` if nobody was asked or the question was not reached.
        confirmed: How a yes is known: `elicitation`, `code`, `trusted`, or empty.
        outcome: What the caller is told.
        reason: Why, for a refusal.
        order: ID of the order, if there is one.
        request_id: Upstream's request ID, if it named one.
    """

    time: str
    caller: str
    subscription: str
    decision: str
    confirmed: str
    outcome: str
    reason: str
    order: str
    request_id: str

    def line(self) -> bytes:
        """Return the entry as one line of JSON, empty fields left out."""
        fields = {name: value[:_MAX_FIELD] for name, value in asdict(self).items() if value}
        return json.dumps(fields, separators=(",", ":")).encode()


class Line:
    """Room for one line, taken and not yet written."""

    def __init__(self, file: FileIO | None, offset: int) -> None:
        self._file = file
        self._offset = offset

    async def write(self, entry: Entry) -> None:
        """Write the entry to stderr and into its room, and see it on disk. Closes the line.

        What was ordered is ordered: a file that fails only now is reported on stderr, and the answer still goes out.
        """
        line = _told(entry)
        if self._file is None:
            return
        try:
            await anyio.to_thread.run_sync(_fill, self._file, self._offset, line)
        except OSError as error:
            sys.stderr.write(f"nomos-mcp: the audit file did not take the line above: {error.strerror}\n")


class Record:
    """Where attempts are recorded.

    Args:
        path: The audit file, made if it does not exist (mode 0600); None for stderr alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    async def room(self) -> Line:
        """Take room for a line.

        Raises:
            OSError: There is none to be had; nothing may be ordered then.
        """
        if self._path is None:
            return Line(None, 0)
        return Line(*await anyio.to_thread.run_sync(_reserve, self._path))

    def missed(self, entry: Entry, error: OSError) -> None:
        """Tell on stderr alone about an attempt for which there was no room, and why there was none."""
        _told(entry)
        sys.stderr.write(f"nomos-mcp: the audit file has no room for the line above: {error.strerror or error}\n")


def _told(entry: Entry) -> bytes:
    line = entry.line()
    sys.stderr.write(line.decode() + "\n")
    sys.stderr.flush()
    return line


def _reserve(path: Path) -> tuple[FileIO, int]:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    try:
        with _locked(file):
            offset = file.seek(0, os.SEEK_END)
            try:
                _put(file, b"")
            except OSError:
                file.truncate(offset)
                raise
    except OSError:
        file.close()
        raise
    return file, offset


def _fill(file: FileIO, offset: int, line: bytes) -> None:
    with file, _locked(file):
        file.seek(offset)
        _put(file, line)


def _put(file: FileIO, line: bytes) -> None:
    padded = line.ljust(LINE_BYTES - 1) + b"\n"
    if file.write(padded) != len(padded):
        raise OSError("The audit file took only a part of the line.")
    os.fsync(file.fileno())


@contextmanager
def _locked(file: FileIO) -> Iterator[None]:
    """Keep other threads and other processes from taking the same room."""
    with _file_turn:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        try:
            yield
        finally:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)
