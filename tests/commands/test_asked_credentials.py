"""`config claude-desktop --write` at a terminal: it asks for the credentials, and shows no secret that is typed."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nomos_mcp.commands.assistants import own_command

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")]

SECRET = "s3cr3t-that-nobody-sees"
DEADLINE = 60.0  # seconds, for one answer of the program
# Opening the terminal in a session of its own makes it the one that Ctrl-C comes from.
_AT_ITS_TERMINAL = (
    "import os, sys; os.setsid(); os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A person's end of a terminal."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.shown = ""

    def until(self, words: str) -> None:
        while words not in self.shown:
            assert select.select([self.end], [], [], DEADLINE)[0], f"shown was {self.shown!r}, and no {words!r}"
            self.shown += os.read(self.end, 4096).decode(errors="replace")

    def types(self, typed: bytes) -> None:
        os.write(self.end, typed)


@contextmanager
def at_a_terminal(home: Path, first: str = "Client ID: ") -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    person, program = pty.openpty()
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [sys.executable, "-c", _AT_ITS_TERMINAL, *own_command(), "config", "claude-desktop", "--write"]
    process = subprocess.Popen(command, stdin=program, stdout=program, stderr=program, env=env)
    try:
        terminal = Terminal(person)
        terminal.until(first)
        yield process, terminal
        assert termios.tcgetattr(program)[3] & termios.ECHO, "the terminal no longer shows what is typed"
    finally:
        process.kill()
        process.wait()
        os.close(program)
        os.close(person)


def written(home: Path) -> Path:
    folder = "Library/Application Support" if sys.platform == "darwin" else ".config"
    return home / folder / "Claude" / "claude_desktop_config.json"


def test_what_is_typed_is_written_and_the_secret_is_not_shown(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as (process, terminal):
        terminal.types(b"my-id\n")
        terminal.until("not shown): ")
        terminal.types(f"{SECRET}\n".encode())
        terminal.until("start it again")
        assert process.wait(DEADLINE) == 0
    entry = json.loads(written(tmp_path).read_text(encoding="utf-8"))["mcpServers"]["nomos"]
    assert entry["env"] == {"NOMOS_CLIENT_ID": "my-id", "NOMOS_CLIENT_SECRET": SECRET}
    assert SECRET not in terminal.shown


@pytest.mark.parametrize(
    "typed",
    [[b"my-id\n", b"\x03"], [b"my-id\n", b"\n"], [b"my-id\n", b"\xfc\n"], [b"\xfc\n"]],
    ids=["Ctrl-C", "nothing", "a secret that is not UTF-8", "an ID that is not UTF-8"],
)
def test_without_credentials_nothing_is_changed(typed: list[bytes], tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as (process, terminal):
        for asked, answer in zip(("Client ID: ", "not shown): "), typed, strict=False):
            terminal.until(asked)
            terminal.types(answer)
        terminal.until("Nothing was changed")
        assert process.wait(DEADLINE) == 2
    assert not written(tmp_path).exists()
    assert "Traceback" not in terminal.shown


def test_a_file_that_cannot_be_read_is_told_before_a_secret_is_typed(tmp_path: Path) -> None:
    written(tmp_path).parent.mkdir(parents=True)
    written(tmp_path).write_text("{} // mine", encoding="utf-8")
    with at_a_terminal(tmp_path, "cannot be read as JSON") as (process, terminal):
        assert process.wait(DEADLINE) == 1
        assert "Client ID" not in terminal.shown
