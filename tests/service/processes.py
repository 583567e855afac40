"""`nomos-mcp http` as a process."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_URL = re.compile(r"(http://\S+)/mcp")


class Process:
    """A server that runs as a process.

    Attributes:
        url: Its base URL; empty if it did not start.
        said: What it wrote on stderr until then, or altogether once it ended.
    """

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nomos_mcp", "http", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.said, self.url = "", ""
        if self.wait_for("listening on"):
            self.url = _URL.findall(self.said)[-1]

    def wait_for(self, words: str) -> bool:
        """Read what it writes on stderr up to a line with these words; False if it ends before."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said += line
            if words in line:
                return True
        return False

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        return self._process.pid

    def workers(self) -> list[int]:
        """Return the IDs of its worker processes, on Linux."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code; what it wrote on stdout is part of what it said."""
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        out, err = self._process.communicate(timeout=40)
        self.said += out + err
        return self._process.returncode


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[Process]:
    """Serve for as long as the block lasts."""
    server = Process(*arguments, **environment)
    try:
        yield server
    finally:
        server.end()


def wait_until_closed(port: int) -> None:
    """Wait until a port takes no more connections."""
    while True:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)  # nothing tells it
