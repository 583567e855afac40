"""The audit log of attempts to order: one JSON line each, in the audit file and on stderr. No personal data.

A line is begun in the file, with time, caller and subscription, before anything else happens, and completed in place
before the answer goes out. So a full disk cannot lead to an order without a line, and a line that still says "begun"
is an attempt during which the process ended.
"""

import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Final

import anyio.to_thread

from nomos_mcp.server.ordering.record import Earlier, Entry, RecordError
from nomos_mcp.stderr import write_line

try:
    import fcntl
except ImportError:  # pragma: no cover  not on Windows: there, one process to an audit file
    fcntl = None  # type: ignore[assignment]

LINE_BYTES: Final = 1024
"""Bytes taken for a line, its end included; the eleven fields of the longest take less."""

_file_lock = threading.Lock()

_sent: Counter[tuple[bytes, str]] = Counter()
"""How many orders were sent from this process, by the owner of the log and by subscription."""
_counting: Final = threading.Lock()


class LineOfAttempt:
    """The line of one attempt, begun and not yet completed.

    Args:
        entry: The attempt.
        owner: Whose orders are counted together.
        file: The audit file, if there is one, and where in it the line begins.
        offset: See above.
    """

    def __init__(self, entry: Entry, owner: bytes, file: FileIO | None, offset: int) -> None:
        self.entry = entry
        self._owner = owner
        self._file = file
        self._offset = offset

    async def sending(self, code: str, earlier: Earlier) -> None:  # noqa: ARG002  one process sees what it sends
        """Say on stderr that the order is about to leave; the file says so already."""
        write_line(self.entry.line())
        with _counting:
            _sent[self._owner, self.entry.subscription] += 1

    async def complete(self, **outcome: str) -> None:
        """Write the outcome, fields of `Entry`, into the file, see it on disk, and repeat it on stderr.

        What was ordered is ordered: if the file fails only now, stderr says so, and the answer still goes out.
        """
        self.entry = replace(self.entry, **outcome)
        line, problem = self.entry.line(), ""
        if self._file is not None:
            try:
                await anyio.to_thread.run_sync(_complete, self._file, self._offset, line.encode())
            except OSError as error:
                problem = f"nomos-mcp: the audit file did not take the line above: {error.strerror or error}"
        write_line(line)
        if problem:
            write_line(problem)


class AuditLog:
    """Where attempts are recorded: the file at `path`, made if it does not exist (mode 0600), or stderr alone.

    What was sent before is known of this process only: by all logs with the same `owner`, by default by this one alone.
    """

    def __init__(self, path: Path | None = None, owner: bytes = b"") -> None:
        self._path = path
        self._owner = owner or secrets.token_bytes(16)

    @property
    def is_shared(self) -> bool:
        return False

    async def begin(self, entry: Entry) -> LineOfAttempt:
        """Write the line of an attempt that begins.

        Raises:
            RecordError: The file does not take it, which stderr says. Nothing may be ordered then.
        """
        if self._path is None:
            return LineOfAttempt(entry, self._owner, None, 0)
        try:
            begun = await anyio.to_thread.run_sync(_begin, self._path, entry.line().encode())
        except OSError as error:
            why = error.strerror or str(error)
            write_line(replace(entry, outcome="refused", reason="no_record").line())
            write_line(f"nomos-mcp: the line above could not be written to the audit file: {why}")
            raise RecordError(why) from None
        return LineOfAttempt(entry, self._owner, *begun)

    async def earlier(self, subscription_id: str) -> Earlier:
        return Earlier(_sent.get((self._owner, subscription_id), 0))


def _begin(path: Path, line: bytes) -> tuple[FileIO, int]:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    try:
        with _locked(file):
            offset = file.seek(0, os.SEEK_END)
            try:
                _put(file, line)
            except OSError:
                file.truncate(offset)
                raise
    except OSError:
        file.close()
        raise
    return file, offset


def _complete(file: FileIO, offset: int, line: bytes) -> None:
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
    """Keep other threads and processes from writing to the same place."""
    with _file_lock:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        try:
            yield
        finally:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)
