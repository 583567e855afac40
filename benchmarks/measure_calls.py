"""What a call costs: one after the other, and many at once. Each asks for another order, so that none is shared."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from urllib.request import Request, urlopen

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, percentile
from benchmarks.wires import Http, Json, Stdio, answer_to, cpu_seconds, free_port, listening
from nomos_mcp.simulator import DEMO

CALLERS = 32
CPU = "CPU of one call, {}"
_TOOL = "get_meter_order"
_WARM_UP = 30


def calls(contestants: Sequence[Contestant], upstream: str, rounds: int, size: int) -> list[Figure]:
    """Call everybody in turn, over both transports.

    Args:
        contestants: Who is called.
        upstream: Address of the API.
        rounds: Rounds; each is one sample.
        size: Calls a round and contestant.
    """
    figures: list[Figure] = []
    ids = cycle(order_ids(upstream))
    with ExitStack() as running:
        pipes = {c.name: running.enter_context(Stdio(c.tuned, c.env(upstream))) for c in contestants}
        ports = {c.name: free_port() for c in contestants}
        by_port = {}
        for contestant in contestants:
            port = ports[contestant.name]
            service = listening((*contestant.tuned, str(port)), contestant.env(upstream), port)
            by_port[contestant.name] = running.enter_context(service).pid
            pipes[contestant.name].initialize()
        connections = {name: Http(port) for name, port in ports.items()}
        by_pipe = {name: pipe.call for name, pipe in pipes.items()}
        by_http = {name: connection.call for name, connection in connections.items()}
        by_pid = {name: pipe.process.pid for name, pipe in pipes.items()}
        figures += _latency(contestants, "stdio", by_pipe, by_pid, ids, rounds, size)
        figures += _latency(contestants, "HTTP", by_http, by_port, ids, rounds, size)
        stdio = Figure(f"calls a second, stdio, {CALLERS} at once", "/s", 0.90, at_least=True)
        http = Figure(f"calls a second, HTTP, {CALLERS} callers", "/s", 0.90, at_least=True)
        cpu = Figure(CPU.format(f"HTTP, {CALLERS} callers"), "ms")
        for _ in range(rounds):
            for contestant in contestants:
                name = contestant.name
                stdio.add(name, piped_throughput(contestant, pipes[name], ids, size))
                crowd = http_throughput(contestant, ports[name], by_port[name], ids, CALLERS, size)
                http.add(name, crowd.per_second)
                cpu.add(name, 1000 * crowd.cpu)
        for connection in connections.values():
            connection.close()
        return [*figures, stdio, http, cpu]


def order_ids(upstream: str) -> list[str]:
    """Return the IDs of all orders, read without any of the servers."""
    ids: list[str] = []
    query = "limit=100"
    headers = {"Authorization": f"Bearer {DEMO.access_token}", "X-API-Version": "2026-05-27.curie"}
    while True:
        asked = Request(f"{upstream}/meter-orders?{query}", headers=headers)  # noqa: S310  our own upstream, on loopback
        with urlopen(asked) as response:  # noqa: S310  as above
            page = json.load(response)
        ids += [order["id"] for order in page["items"]]
        if not page["has_more"]:
            return ids
        query = f"limit=100&cursor={page['next_page']}"


def _latency(
    contestants: Sequence[Contestant],
    transport: str,
    callers: Mapping[str, Callable[[str, Json], Json]],
    pids: Mapping[str, int],
    ids: Iterator[str],
    rounds: int,
    size: int,
) -> list[Figure]:
    p50 = Figure(f"one call, {transport}, p50", "ms", 1.15)
    p99 = Figure(f"one call, {transport}, p99", "ms")
    cpu = Figure(CPU.format(transport), "ms")
    for turn in range(-1, rounds):
        for contestant in contestants:
            begun = cpu_seconds(pids[contestant.name])
            samples = timed(callers[contestant.name], contestant, ids, _WARM_UP if turn < 0 else size)
            if turn >= 0:
                p50.add(contestant.name, 1000 * percentile(samples, 0.50))
                p99.add(contestant.name, 1000 * percentile(samples, 0.99))
                cpu.add(contestant.name, 1000 * (cpu_seconds(pids[contestant.name]) - begun) / size)
    return [p50, p99, cpu]


def timed(call: Callable[[str, Json], Json], contestant: Contestant, ids: Iterator[str], times: int) -> list[float]:
    """Read so many orders one after the other and return the seconds that each took."""
    samples = []
    for _ in range(times):
        begun = time.perf_counter()
        call(_TOOL, {contestant.argument: next(ids)})
        samples.append(time.perf_counter() - begun)
    return samples


def piped_throughput(contestant: Contestant, server: Stdio, ids: Iterator[str], size: int) -> float:
    """Keep `CALLERS` calls under way over one pipe; returns calls a second."""

    def send() -> None:
        server.send("tools/call", {"name": _TOOL, "arguments": {contestant.argument: next(ids)}})

    begun = time.perf_counter()
    for _ in range(CALLERS):
        send()
    for done in range(size):
        answer_to(server.receive())
        if done < size - CALLERS:
            send()
    return size / (time.perf_counter() - begun)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What callers side by side got.

    Attributes:
        per_second: Calls answered a second.
        p50: Seconds that half of the calls took at most.
        cpu: Seconds of the server's CPU time for each call.
    """

    per_second: float
    p50: float
    cpu: float


def http_throughput(contestant: Contestant, port: int, pid: int, ids: Iterator[str], callers: int, size: int) -> Crowd:
    """Let callers with a connection each call one after the other."""
    connections = [Http(port) for _ in range(callers)]

    def work(connection: Http) -> list[float]:
        return timed(connection.call, contestant, ids, max(1, size // callers))

    with ThreadPoolExecutor(callers) as threads:
        begun, used = time.perf_counter(), cpu_seconds(pid)
        samples = [sample for worker in threads.map(work, connections) for sample in worker]
        seconds, used = time.perf_counter() - begun, cpu_seconds(pid) - used
    for connection in connections:
        connection.close()
    return Crowd(len(samples) / seconds, percentile(samples, 0.5), used / len(samples))
