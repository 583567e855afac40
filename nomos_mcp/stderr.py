"""Writing to a stderr that may be closed, full, or a pipe without a reader, without failing or waiting."""

import logging
import os
import select
import sys
from contextlib import suppress
from typing import Final

_MAX_BYTES: Final = 4096
"""A pipe that accepts anything accepts this much at once (PIPE_BUF on Linux), so a write never waits for a reader."""


def write_line(text: str) -> None:
    """Write a line, or drop it if stderr cannot accept it now. Never raises, never waits."""
    line = text.encode(errors="replace")[: _MAX_BYTES - 1] + b"\n"
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # none, closed, or a replacement without a descriptor, as in tests
        with suppress(AttributeError, OSError, ValueError):
            sys.stderr.write(line.decode(errors="replace"))
            sys.stderr.flush()
        return
    with suppress(OSError):
        if _is_writable(descriptor):
            os.write(descriptor, line)


def _is_writable(descriptor: int) -> bool:
    try:
        return bool(select.select([], [descriptor], [], 0)[1])
    except (OSError, ValueError):  # Windows can ask this of sockets only
        return True


class StderrHandler(logging.Handler):
    """Writes log records by `write_line`; the handlers of `logging` wait for a pipe that is full."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        write_line(self.format(record))
