"""Attacks on the served demo, and what a well-behaved caller notices of them.

`python -m tools.attack [--short]` prints the latency of a well-behaved caller undisturbed and during each attack, and
the server's memory. It fails if a call of that caller fails, if the 95th percentile of its latencies is more than a
tenth of a second during an attack and more than three times what it is around it, or if the server's memory ends more
than a tenth above where it began. Linux only, for /proc.

Each attack runs in a process of its own. All of them share one token, the well-behaved caller has another.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import math
import multiprocessing
import os
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from nomos_mcp.server.request_context import ORDERS_READ, ORG
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.simulator import DEMO
from tools.soak import META, MODERN, memory_of

_PAUSE: Final = 0.1  # seconds between the calls of the well-behaved caller
_PAUSE_UPSTREAM: Final = 0.3  # the same where calls go upstream, whose rate limit the workers share
_BUDGET: Final = "1200"  # calls a minute, for that caller as for the attacker
_SLOWER: Final = 3.0
_UNNOTICED: Final = 0.1  # seconds; three times 10 ms is the attacker's share of two cores, and nobody notices it
_GROWTH: Final = 1.10
_WARM_UP: Final = 10
_CALLERS: Final = 64  # that call at once before the memory is noted, as in the soak
_SETTLING: Final = 15.0
_ORDER: Final = {"name": "get_meter_order", "arguments": {"order_id": DEMO.orders["blocked_check_missing"]}}


@dataclass(frozen=True)
class Target:
    """What is attacked.

    Attributes:
        port: Of the server, on loopback.
        token: The attacker's.
        count: How many connections the attack holds.
    """

    port: int
    token: str
    count: int

    def request(self, method: str, params: dict[str, Any]) -> bytes:
        """Return a request as it is sent."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}).encode()
        name = str(params.get("name", ""))[:1000]
        return self.head(len(body), method, name) + body

    def head(self, length: int, method: str = "tools/call", name: str = "explain_status") -> bytes:
        """Return the head of a request."""
        lines = {
            "host": f"127.0.0.1:{self.port}",
            "content-type": "application/json",
            "content-length": str(length),
            **headers_of(self.token, method, name),
        }
        return (
            "POST /mcp HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        ).encode()


def headers_of(token: str, method: str, name: str) -> dict[str, str]:
    """Return the headers of a request in the current revision."""
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
        **({"mcp-name": name} if name else {}),
    }


class Crowd:
    """Connections that send what they are told to, and never read. One that was closed is opened again.

    Args:
        target: Whom to connect to.
        sends: What each connection sends; the next one begins again after the last.
    """

    def __init__(self, target: Target, sends: list[bytes]) -> None:
        self._address = ("127.0.0.1", target.port)
        self._sends = itertools.cycle(sends)
        self._left: dict[socket.socket, memoryview] = {}
        self._count = target.count

    def hold(self) -> None:
        """Open, send and hold for as long as the process lives."""
        poll = select.poll()
        while True:
            for _ in range(min(200, self._count - len(self._left))):
                with contextlib.suppress(OSError):
                    self._open(poll)
            known = {connection.fileno(): connection for connection in self._left}
            for number, events in poll.poll(50):
                connection = known[number]
                if events & ~select.POLLOUT or not self._sent(connection):
                    poll.unregister(connection)
                    del self._left[connection]
                    connection.close()
                elif not self._left[connection]:
                    poll.modify(connection, select.POLLRDHUP)

    def _open(self, poll: select.poll) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(self._address)
        connection.setblocking(False)  # noqa: FBT003  the name says it
        self._left[connection] = memoryview(next(self._sends))
        poll.register(connection, select.POLLOUT | select.POLLRDHUP)

    def _sent(self, connection: socket.socket) -> bool:
        try:
            self._left[connection] = self._left[connection][connection.send(self._left[connection]) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def slow_readers(target: Target) -> None:
    """Ask for much, and read nothing of it."""
    long_name = target.request("tools/call", {"name": "explain_status", "arguments": {"status": "x" * 900_000}})
    listed = target.request("tools/list", {}) * 1000
    Crowd(target, [long_name, listed]).hold()


def half_bodies(target: Target) -> None:
    """Announce a body and send all of it but a byte."""
    bodies = [target.head(size) + b"{" + b" " * (size - 2) for size in (1024 * 1024, 64 * 1024)]
    Crowd(target, bodies).hold()


def connections(target: Target) -> None:
    """Open connections that send nothing, half a head, or half a body without a token."""
    heads = [
        b"",
        b"POST /mcp HTTP/1.1\r\nHost: 127",
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
    ]
    Crowd(target, heads).hold()


def huge_names(target: Target) -> None:
    """Send names as long as they are taken, in each place where there is one."""
    requests: list[tuple[str, dict[str, Any]]] = [
        ("tools/call", {"name": "explain_status", "arguments": {"status": "x" * 900_000}}),
        ("tools/call", {"name": "explain_status", "arguments": {"status": "x" * 60_000}}),
        ("tools/call", {"name": "explain_status", "arguments": {f"argument_{n}": n for n in range(2_500)}}),
        ("tools/call", {"name": "x" * 8_000, "arguments": {}}),
        ("prompts/get", {"name": "x" * 8_000}),
        ("x" * 8_000, {}),
    ]
    _flood(target, requests)


def flood(target: Target) -> None:
    """Call as often as can be; what is past the budget is refused."""
    _flood(target, [("tools/call", _ORDER)])


def unknown_methods(target: Target) -> None:
    """Call what does not exist, as often as can be."""
    _flood(target, [("no/such/method", {}), ("tools/list", {})])


def _flood(target: Target, requests: list[tuple[str, dict[str, Any]]]) -> None:
    threads = [threading.Thread(target=_call_on_and_on, args=(target, requests)) for _ in range(target.count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _call_on_and_on(target: Target, requests: list[tuple[str, dict[str, Any]]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    for method, params in itertools.cycle(requests):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}})
        headers = headers_of(target.token, method, str(params.get("name", "")))
        try:
            connection.request("POST", "/mcp", body, {"content-type": "application/json", **headers})
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()


ATTACKS: Final[tuple[tuple[Callable[[Target], None], int, int], ...]] = (
    (slow_readers, 256, 64),
    (half_bodies, 400, 100),
    (huge_names, 16, 8),
    (flood, 16, 8),
    (unknown_methods, 16, 8),
    (connections, 10_000, 1_000),
)
"""Each attack, with its connections in full and in short."""


@dataclass
class Figures:
    """What the well-behaved caller met.

    Attributes:
        latencies: Seconds from a call to its answer.
        errors: What was no answer, by kind.
        repeated: Calls that were sent again because their connection broke.
    """

    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    @property
    def p95(self) -> float:
        """Return the 95th percentile of the latencies."""
        return sorted(self.latencies)[math.ceil(0.95 * len(self.latencies)) - 1]

    def __str__(self) -> str:
        milliseconds = [1000 * value for value in (statistics.median(self.latencies), self.p95, max(self.latencies))]
        return "p50 {:.0f} ms, p95 {:.0f} ms, worst {:.0f} ms".format(*milliseconds)


class Server:
    """A command of ours that listens, started and ended by us."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "nomos_mcp", *arguments],
                stdout=file,
                stderr=file,
                env={**os.environ, **environment},
            )
        while self._process.poll() is None and not self.urls():
            time.sleep(0.05)

    def urls(self) -> list[str]:
        """Return where it listens."""
        return re.findall(r"http://127\.0\.0\.1:\d+", self._log.read_text())

    def crashes(self) -> int:
        """Return how many tracebacks the log holds."""
        return self._log.read_text().count("Traceback")

    def children(self) -> list[int]:
        """Return the IDs of its worker processes."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        return memory_of(self._process.pid)

    def end(self) -> int:
        """End it and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=60)


def main() -> int:
    """Attack, print figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer connections, less time")
    options = parser.parse_args()
    return 0 if attack(short=options.short) else 1


def attack(*, short: bool) -> bool:
    """Attack and print figures; return whether the server withstood."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = TokenFile(folder / "tokens.json")
        caller, attacker = (file.add(name, (ORDERS_READ, ORG)) for name in ("caller", "attacker"))
        environment = {"NOMOS_MCP_TOKENS_FILE": str(folder / "tokens.json"), "NOMOS_MCP_CALLS_PER_MINUTE": _BUDGET}
        withstood = _attack_one_process(folder, environment, caller, attacker, short=short)
        return _kill_a_worker(folder, environment, caller) and withstood


def _attack_one_process(folder: Path, environment: dict[str, str], caller: str, attacker: str, *, short: bool) -> bool:
    server = Server(folder / "server.log", "http", "--demo", "--port", "0", **environment)
    quiet, seconds = (30, 5.0) if short else (100, 30.0)
    withstood = True
    try:
        url = server.urls()[0]
        with ThreadPoolExecutor(_CALLERS) as callers:
            list(callers.map(lambda _: asked(url, caller, calls=_WARM_UP), range(_CALLERS)))
        began, before = server.memory(), asked(url, caller, calls=quiet)
        print(f"undisturbed: {before}; memory {began:.0f} MiB")
        for carry_out, full, fewer in ATTACKS:
            target = Target(int(url.rpartition(":")[2]), attacker, fewer if short else full)
            peak = Peak(server)
            with _under(carry_out, target), peak:
                during = asked(url, caller, seconds=seconds)
            memory = _settled(server, began)
            after = asked(url, caller, calls=quiet)
            usual = max(before, after, key=lambda figures: figures.p95)
            print(
                f"{carry_out.__name__}, {target.count} connections: {during}; {_verdict(during, usual)}; "
                f"memory up to {peak.memory:.0f} MiB, then {memory:.0f} MiB"
            )
            withstood &= _is_well(during, usual) and not after.errors
            before = after
        ended = _settled(server, began)
        print(f"undisturbed again: {before}; crashes: {server.crashes()}")
        print(f"memory: {began:.0f} MiB to {ended:.0f} MiB ({ended / began - 1:+.1%})")
        return withstood and ended <= began * _GROWTH and not server.crashes()
    finally:
        server.end()


def _kill_a_worker(folder: Path, environment: dict[str, str], caller: str) -> bool:
    simulator = Server(folder / "simulator.log", "simulator", "--port", "0")
    nomos = {
        "NOMOS_CLIENT_ID": DEMO.client_id,
        "NOMOS_CLIENT_SECRET": DEMO.client_secret,
        "NOMOS_BASE_URL": simulator.urls()[0],
        "NOMOS_MCP_STATE_KEY": "k" * 32,
    }
    arguments = ("http", "--workers", "2", "--port", "0")
    server = Server(folder / "workers.log", *arguments, **environment, **nomos)
    try:
        url = server.urls()[0]
        asked(url, caller, calls=20, pause=_PAUSE_UPSTREAM)
        usual = asked(url, caller, calls=50, pause=_PAUSE_UPSTREAM)
        killer = threading.Timer(1.0, lambda: os.kill(server.children()[0], signal.SIGKILL))
        killer.start()
        during = asked(url, caller, seconds=15.0, pause=_PAUSE_UPSTREAM)
        killer.join()
        print(f"a worker of two is killed: undisturbed {usual}; then {during}; {_verdict(during, usual)}")
        return _is_well(during, usual) and len(server.children()) == 2  # noqa: PLR2004  as started
    finally:
        server.end()
        simulator.end()


def asked(url: str, token: str, *, calls: int = 0, seconds: float = 0.0, pause: float = _PAUSE) -> Figures:
    """Call as a well-behaved caller does, so many times or for so long; every other call closes its connection."""
    figures, ends = Figures(), time.monotonic() + seconds
    headers = headers_of(token, "tools/call", "get_meter_order")
    with httpx.Client(headers=headers, timeout=30) as client:
        while len(figures.latencies) < calls or time.monotonic() < ends:
            started = time.monotonic()
            closing = {"connection": "close"} if len(figures.latencies) % 2 else {}
            _ask(client, f"{url}/mcp", closing, figures)
            figures.latencies.append(time.monotonic() - started)
            time.sleep(pause)
    return figures


def _ask(client: httpx.Client, url: str, headers: dict[str, str], figures: Figures) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**_ORDER, "_meta": META}}
    for again in (True, False):
        try:
            response = client.post(url, json=body, headers=headers)
        except httpx.HTTPError as error:
            # A read is sent again if the process that had taken it, or its idle connection, went away.
            if again and isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
                figures.repeated += 1
                continue
            figures.errors[type(error).__name__] += 1
            return
        if response.status_code != httpx.codes.OK or '"isError":true' in response.text:
            figures.errors[f"HTTP {response.status_code}"] += 1
        return


class Peak:
    """Watches the server's memory for as long as a block lasts."""

    def __init__(self, server: Server) -> None:
        self.memory = 0.0
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.memory = max(self.memory, self._server.memory())


@contextlib.contextmanager
def _under(carry_out: Callable[[Target], None], target: Target) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=carry_out, args=(target,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _settled(server: Server, began: float) -> float:
    """Return the memory once it is as it was, or after a while."""
    ends = time.monotonic() + _SETTLING
    while server.memory() > began * _GROWTH and time.monotonic() < ends:
        time.sleep(0.2)
    return server.memory()


def _is_well(during: Figures, usual: Figures) -> bool:
    return not during.errors and during.p95 <= max(_SLOWER * usual.p95, _UNNOTICED)


def _verdict(during: Figures, usual: Figures) -> str:
    repeated = f", {during.repeated} sent again" if during.repeated else ""
    return f"{during.p95 / usual.p95:.1f} times the usual, errors: {dict(during.errors) or 'none'}{repeated}"


if __name__ == "__main__":
    sys.exit(main())
