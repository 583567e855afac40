"""stderr may be closed, full or broken: a line is written or dropped, and nothing else happens."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from nomos_mcp.stderr import StderrHandler, write_line

Pipe = Callable[[], tuple[int, int]]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """Return what puts a pipe in place of stderr and returns its two ends; within the test, as pytest has one too."""
    ends = os.pipe()
    os.set_blocking(ends[0], False)  # a test that misses a line fails instead of waiting

    def replaced() -> tuple[int, int]:
        monkeypatch.setattr(sys, "stderr", os.fdopen(ends[1], "w", closefd=False))
        return ends

    yield replaced
    monkeypatch.undo()
    for end in ends:
        with suppress(OSError):
            os.close(end)


def test_a_line_arrives(pipe: Pipe) -> None:
    reading, _ = pipe()
    write_line("größer")
    assert os.read(reading, 100) == "größer\n".encode()


def test_a_full_pipe_is_not_waited_for(pipe: Pipe) -> None:
    reading, writing = pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 1024)
    os.set_blocking(writing, True)
    write_line("dropped")
    os.read(reading, 1 << 20)
    write_line("kept")
    assert os.read(reading, 1 << 20).endswith(b"kept\n")


def test_a_pipe_that_nobody_reads_is_no_error(pipe: Pipe) -> None:
    os.close(pipe()[0])
    write_line("lost")


def test_a_closed_stderr_is_no_error(pipe: Pipe) -> None:
    os.close(pipe()[1])
    write_line("lost")
    sys.stderr.close()
    write_line("lost")


def test_no_stderr_at_all_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    write_line("lost")


def test_a_long_line_is_cut_to_what_a_pipe_takes_at_once(pipe: Pipe) -> None:
    reading, _ = pipe()
    write_line("x" * 100_000)
    assert len(os.read(reading, 1 << 20)) == 4096


def test_a_log_record_is_a_line(pipe: Pipe) -> None:
    reading, _ = pipe()
    StderrHandler().emit(logging.LogRecord("a", logging.ERROR, "b", 1, "said %s", ("this",), None))
    assert os.read(reading, 100) == b"said this\n"
