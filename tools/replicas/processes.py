"""A process whose output goes to a log, and what the system says about processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nomos_mcp.simulator.simulator_server import HOST

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 40.0
LAST_LINES: Final = 15
"""How many lines are shown of a log."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def children(pid: int) -> list[int]:
    """Return the IDs of a process's children; none if it has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def clean_environment() -> dict[str, str]:
    """Return the environment without anybody's settings of this server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("NOMOS_", "OTEL_"))}


def is_alive(pid: int) -> bool:
    """Whether there is a process with an ID that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Process:
    """A process whose output goes to a log.

    Attributes:
        name: What the log is called.
        log: Its output, of all its starts.
        environment: Its variables, from the next start on.
    """

    def __init__(self, folder: Path, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its ID; an error if it was never started."""
        assert self._process
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def text(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self, **environment: str) -> None:
        """Start it, and do not wait; the variables are added to those that it has."""
        self.environment |= environment
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until its log has some words so many times; an error with the log's end if it ends before."""
        give_up = time.monotonic() + _START_SECONDS
        while self.text().count(words) < times:
            if not self.is_running or time.monotonic() > give_up:
                raise RuntimeError(f"{self.name} did not start:\n{self.last_lines()}")
            time.sleep(0.02)  # nothing tells it

    def wait_until_it_ended(self) -> None:
        """Wait until it has ended by itself; an error with the log's end if that was none that it should have."""
        assert self._process
        if self._process.wait(_START_SECONDS):
            raise RuntimeError(f"{self.name} failed:\n{self.last_lines()}")

    def kill(self) -> None:
        """Send SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask_to_end(self) -> None:
        """Send SIGTERM, and do not wait."""
        if self._process is not None and self.is_running:
            self._process.terminate()

    def end(self) -> None:
        """Send SIGTERM, and SIGKILL if that is not enough."""
        self.ask_to_end()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self.kill()

    def last_lines(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.text().splitlines()[-LAST_LINES:])


class Replica(Process):
    """`nomos-mcp http` on a port that it keeps."""

    def __init__(self, folder: Path, number: int, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        command = [sys.executable, "-m", "nomos_mcp", "http", "--port", str(self.port)]
        super().__init__(folder, f"replica-{number}", command, environment)
        self._starts = 0

    def start(self, **environment: str) -> None:
        """Start it, and do not wait."""
        self._starts += 1
        super().start(**environment)

    def wait_until_it_listens(self) -> None:
        """Wait until it has said so as often as it was started."""
        self.wait_for("listening on", self._starts)
