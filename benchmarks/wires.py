"""Speaking MCP as cheaply as can be, so that what is measured is the server: blocking pipes and sockets, no SDK."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

_STARTED_WITHIN = 60.0
_PROTOCOL = "2025-06-18"
_MEGABYTE = 1024

Json = dict[str, Any]


class WireError(Exception):
    """The server said something else than an answer."""


def answer_to(message: Json) -> Json:
    """Return the result of a response.

    Raises:
        WireError: It is an error.
    """
    result = message.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        raise WireError(json.dumps(message)[:500])
    return result


def _initialize(number: int) -> Json:
    params = {"protocolVersion": _PROTOCOL, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    return {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": params}


class Stdio:
    """A server's process, spoken to over its pipes."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.started = time.perf_counter()
        self._errors = TemporaryFile()  # noqa: SIM115  closed by stop()
        self.process = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._numbers = count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def send(self, method: str, params: Json | None = None) -> int:
        """Send a request without waiting; returns its number."""
        number = next(self._numbers)
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}})
        return number

    def receive(self) -> Json:
        """Wait for the next response, whichever request it belongs to; notifications are passed over."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message: Json = json.loads(line)
            if "id" in message:
                return message
        self._errors.seek(0)
        raise WireError(f"The server closed its output. {self._errors.read().decode()[-2000:]}")

    def ask(self, method: str, params: Json | None = None) -> Json:
        """Send a request and return its result."""
        self.send(method, params)
        return answer_to(self.receive())

    def initialize(self) -> Json:
        """Shake hands and return what the server says about itself."""
        self._write(_initialize(0))
        said = answer_to(self.receive())
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return said

    def call(self, tool: str, arguments: Json) -> Json:
        """Call a tool and return its result."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def resident(self) -> float:
        """Return the megabytes that the process holds in memory."""
        return resident(self.process.pid)

    def stop(self) -> float:
        """Close the input, as a client does that goes away; returns the seconds until the process has ended."""
        assert self.process.stdin is not None
        begun = time.perf_counter()
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        seconds = time.perf_counter() - begun
        if self.process.stdout:
            self.process.stdout.close()
        self._errors.close()
        return seconds

    def _write(self, message: Json) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()


class Http:
    """One kept connection to a stateless server at `/mcp`."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, tool: str, arguments: Json) -> Json:
        """Call a tool and return its result; once more if the server has closed the connection while it was idle."""
        try:
            return self._called(tool, arguments)
        except ConnectionError:
            self._connection.close()
            return self._called(tool, arguments)

    def _called(self, tool: str, arguments: Json) -> Json:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": _PROTOCOL,
        }
        self._connection.request("POST", "/mcp", json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        if response.headers.get_content_type() != "text/event-stream":
            return answer_to(json.loads(text))
        data = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
        return answer_to(json.loads(data[-1]))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def resident(pid: int) -> float:
    """Return the megabytes that a process holds in memory.

    Raises:
        WireError: The process is gone, or this is not Linux.
    """
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / _MEGABYTE
    raise WireError("The process is gone, or this is not Linux.")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far, with all its threads.

    By the clock that `clock_getcpuclockid` names on Linux: /proc counts in hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(command: Sequence[str], env: Mapping[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for as long as the block lasts; it begins when the server takes connections.

    Raises:
        WireError: It does not, within a minute.
    """
    process = subprocess.Popen(
        command, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends = time.monotonic() + _STARTED_WITHIN
        while not _takes_connections(port):
            if process.poll() is not None or time.monotonic() > ends:
                raise WireError(f"{' '.join(command)} does not listen.")
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
