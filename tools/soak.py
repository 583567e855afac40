"""A soak of the served demo: many callers, a restart in the middle, and a look at what was lost.

`python -m tools.soak [--callers 64] [--seconds 60]` prints figures and fails if a call that the server took was not
answered, if a caller met any error but a refused connection, or if the server's memory grew. Linux only, for /proc.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import httpx

from nomos_mcp.server.request_context import ORDERS_READ, ORG
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.simulator import DEMO

_PAUSE: Final = 0.4  # seconds between the calls of one caller
_RETRY: Final = 0.1
_NOT_SHOWN: Final = {
    "intended",
    "other_organisation",
}  # what curie, and these credentials, rightly answer with an error
_GROWTH: Final = 1.10
MODERN: Final = "2026-07-28"
META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def memory_of(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


@dataclass
class Figures:
    """What the callers met.

    Attributes:
        answered: Request IDs of calls that got their answer.
        refused: How many connections were refused.
        errors: Everything else, by kind.
        latencies: Seconds from a request to its answer.
    """

    answered: set[str] = field(default_factory=set)
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)


class Server:
    """`nomos-mcp http --demo`, started by us and ended by us."""

    def __init__(self, folder: Path, port: int) -> None:
        self._log = folder / "server.log"
        self._port = port
        self._environment = {
            **os.environ,
            "NOMOS_MCP_TOKENS_FILE": str(folder / "tokens.json"),
            "NOMOS_MCP_CALLS_PER_MINUTE": "60000",  # budgets are not what is tried here
        }
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        begun = self.lines("listening on")
        with self._log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "nomos_mcp", "http", "--demo", "--port", str(self._port)],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        while process.poll() is None and self.lines("listening on") == begun:
            time.sleep(0.05)
        return process

    def lines(self, words: str) -> int:
        """Return how many lines of the log hold some words."""
        return self._log.read_text().count(words) if self._log.exists() else 0

    def taken(self) -> set[str]:
        """Return the request IDs of all calls that the server took."""
        lines = (json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{"))
        return {line["request_id"] for line in lines if line.get("event") == "call"}

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        return memory_of(self._process.pid)

    def end(self) -> tuple[int, float]:
        """End it with SIGTERM; return its exit code and how many seconds it took."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=60), time.monotonic() - started

    def restart(self) -> tuple[int, float]:
        """End it and start it again."""
        ended = self.end()
        self._process = self._started()
        return ended


def main() -> int:
    """Soak, print figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    return 0 if soak(options.callers, options.seconds) else 1


def soak(callers: int, seconds: float) -> bool:
    """Soak and print figures; return whether everything was as it should be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = TokenFile(folder / "tokens.json")
        tokens = [file.add(f"caller-{number}", (ORDERS_READ, ORG)) for number in range(callers)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        server, figures = Server(folder, port), Figures()
        try:
            memory, (code, took) = anyio.run(_soaked, server, figures, tokens, f"http://127.0.0.1:{port}/mcp", seconds)
        finally:
            last_code, last_took = server.end()
        lost = server.taken() - figures.answered
        crashed = server.lines("Traceback")
    latencies = sorted(figures.latencies)
    growth = memory[-1] / memory[0]
    print(f"{callers} callers, {seconds:g} s: {len(figures.answered)} calls answered, {len(lost)} lost that were taken")
    print(f"errors: {dict(figures.errors) or 'none'}; refused connections: {figures.refused}; crashes: {crashed}")
    print(f"latency: median {statistics.median(latencies) * 1000:.0f} ms, worst {latencies[-1] * 1000:.0f} ms")
    print(f"ends: exit code {code} in {took:.1f} s, exit code {last_code} in {last_took:.1f} s")
    print(f"memory since the restart: {memory[0]:.1f} to {memory[-1]:.1f} MiB ({growth - 1:+.1%})")
    return not (lost or figures.errors or crashed or code or last_code or growth > _GROWTH)


async def _soaked(
    server: Server, figures: Figures, tokens: list[str], url: str, seconds: float
) -> tuple[list[float], tuple[int, float]]:
    async with anyio.create_task_group() as tasks:
        for number, token in enumerate(tokens):
            tasks.start_soon(_call_on_and_on, figures, token, url, f"soak-{number}", number % 2 == 0)
        await anyio.sleep(seconds / 2)
        ended = await anyio.to_thread.run_sync(server.restart)
        await anyio.sleep(seconds / 4)  # caches and pools are full by then
        memory = [server.memory()]
        await anyio.sleep(seconds / 4)
        memory.append(server.memory())
        tasks.cancel_scope.cancel()
    return memory, ended


async def _call_on_and_on(figures: Figures, token: str, url: str, name: str, modern: bool) -> None:  # noqa: FBT001  by tasks
    orders = [order for shows, order in DEMO.orders.items() if shows not in _NOT_SHOWN]
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN if modern else "2025-06-18",
        **({"mcp-method": "tools/call", "mcp-name": "get_meter_order"} if modern else {}),
    }
    number = 0
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        while True:
            number += 1
            params = {"name": "get_meter_order", "arguments": {"order_id": orders[number % len(orders)]}}
            body = {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {**params, **({"_meta": META} if modern else {})},
            }
            # Cancelled between calls only: a call that the end of the soak cuts off would look like a lost one.
            with anyio.CancelScope(shield=True):
                pause = await _called(client, figures, url, body, f"{name}-{number}")
            await anyio.sleep(pause)


async def _called(
    client: httpx.AsyncClient, figures: Figures, url: str, body: dict[str, object], request_id: str
) -> float:
    started = time.monotonic()
    try:
        response = await client.post(url, json=body, headers={"x-request-id": request_id})
    except httpx.ConnectError:
        figures.refused += 1
        return _RETRY
    except httpx.HTTPError as error:
        figures.errors[type(error).__name__] += 1
        return _RETRY
    figures.latencies.append(time.monotonic() - started)
    figures.answered.add(request_id)
    if response.status_code != httpx.codes.OK or '"isError":true' in response.text or '"result"' not in response.text:
        figures.errors[f"HTTP {response.status_code}"] += 1
    return _PAUSE


if __name__ == "__main__":
    sys.exit(main())
