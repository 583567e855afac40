"""What a call costs: one after the other, and many at once. Each asks for another order, so that none is shared."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from urllib.request import Request, urlopen

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, percentile
from benchmarks.wires import Http, Json, Stdio, answer_to, free_port, listening
from nomos_mcp.simulator import DEMO

CALLERS = 32
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
        for contestant in contestants:
            port = ports[contestant.name]
            running.enter_context(listening((*contestant.tuned, str(port)), contestant.env(upstream), port))
            pipes[contestant.name].initialize()
        connections = {name: Http(port) for name, port in ports.items()}
        by_pipe = {name: pipe.call for name, pipe in pipes.items()}
        by_http = {name: connection.call for name, connection in connections.items()}
        figures += _latency(contestants, "stdio", by_pipe, ids, rounds, size)
        figures += _latency(contestants, "HTTP", by_http, ids, rounds, size)
        stdio = Figure(f"calls a second, stdio, {CALLERS} at once", "/s", 0.85, at_least=True)
        http = Figure(f"calls a second, HTTP, {CALLERS} callers", "/s", 0.85, at_least=True)
        for _ in range(rounds):
            for contestant in contestants:
                stdio.add(contestant.name, piped_throughput(contestant, pipes[contestant.name], ids, size))
                http.add(contestant.name, http_throughput(contestant, ports[contestant.name], ids, CALLERS, size)[0])
        for connection in connections.values():
            connection.close()
        return [*figures, stdio, http]


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
    ids: Iterator[str],
    rounds: int,
    size: int,
) -> list[Figure]:
    p50 = Figure(f"one call, {transport}, p50", "ms", 1.25)
    p99 = Figure(f"one call, {transport}, p99", "ms")
    for turn in range(-1, rounds):
        for contestant in contestants:
            samples = timed(callers[contestant.name], contestant, ids, _WARM_UP if turn < 0 else size)
            if turn >= 0:
                p50.add(contestant.name, 1000 * percentile(samples, 0.50))
                p99.add(contestant.name, 1000 * percentile(samples, 0.99))
    return [p50, p99]


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


def http_throughput(
    contestant: Contestant, port: int, ids: Iterator[str], callers: int, size: int
) -> tuple[float, float]:
    """Let callers with a connection each call one after the other; returns calls a second, and the p50 in seconds."""
    connections = [Http(port) for _ in range(callers)]

    def work(connection: Http) -> list[float]:
        return timed(connection.call, contestant, ids, max(1, size // callers))

    with ThreadPoolExecutor(callers) as threads:
        begun = time.perf_counter()
        samples = [sample for worker in threads.map(work, connections) for sample in worker]
        seconds = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return len(samples) / seconds, percentile(samples, 0.5)
