"""What a call costs: one after the other, and many at once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, percentile
from benchmarks.measure_process import ORDER
from benchmarks.wires import Http, Stdio, answer_to, free_port, listening

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
    with ExitStack() as running:
        pipes = {c.name: running.enter_context(Stdio(c.tuned, c.env(upstream))) for c in contestants}
        ports = {c.name: free_port() for c in contestants}
        for contestant in contestants:
            port = ports[contestant.name]
            running.enter_context(listening((*contestant.tuned, str(port)), contestant.env(upstream), port))
            pipes[contestant.name].initialize()
        connections = {name: Http(port) for name, port in ports.items()}
        for transport, callers in (("stdio", pipes), ("HTTP", connections)):
            figures += _latency(contestants, transport, callers, rounds, size)
        stdio = Figure(f"calls a second, stdio, {CALLERS} at once", "/s", 0.85, at_least=True)
        http = Figure(f"calls a second, HTTP, {CALLERS} callers", "/s", 0.85, at_least=True)
        for _ in range(rounds):
            for contestant in contestants:
                stdio.add(contestant.name, piped_throughput(contestant, pipes[contestant.name], size))
                http.add(contestant.name, http_throughput(contestant, ports[contestant.name], CALLERS, size)[0])
        for connection in connections.values():
            connection.close()
        return [*figures, stdio, http]


def _latency(
    contestants: Sequence[Contestant],
    transport: str,
    callers: dict[str, Stdio] | dict[str, Http],
    rounds: int,
    size: int,
) -> list[Figure]:
    p50 = Figure(f"one call, {transport}, p50", "ms", 1.25)
    p99 = Figure(f"one call, {transport}, p99", "ms")
    for turn in range(-1, rounds):
        for contestant in contestants:
            call = partial(callers[contestant.name].call, _TOOL, {contestant.argument: ORDER})
            samples = timed(call, _WARM_UP if turn < 0 else size)
            if turn >= 0:
                p50.add(contestant.name, 1000 * percentile(samples, 0.50))
                p99.add(contestant.name, 1000 * percentile(samples, 0.99))
    return [p50, p99]


def timed(call: Callable[[], object], times: int) -> list[float]:
    """Call so many times and return the seconds that each took."""
    samples = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begun)
    return samples


def piped_throughput(contestant: Contestant, server: Stdio, size: int) -> float:
    """Keep `CALLERS` calls under way over one pipe; returns calls a second."""
    params = {"name": _TOOL, "arguments": {contestant.argument: ORDER}}
    begun = time.perf_counter()
    for _ in range(CALLERS):
        server.send("tools/call", params)
    for done in range(size):
        answer_to(server.receive())
        if done < size - CALLERS:
            server.send("tools/call", params)
    return size / (time.perf_counter() - begun)


def http_throughput(contestant: Contestant, port: int, callers: int, size: int) -> tuple[float, float]:
    """Let callers with a connection each call one after the other; returns calls a second, and the p50 in seconds."""
    connections = [Http(port) for _ in range(callers)]

    def work(connection: Http) -> list[float]:
        return timed(lambda: connection.call(_TOOL, {contestant.argument: ORDER}), max(1, size // callers))

    with ThreadPoolExecutor(callers) as threads:
        begun = time.perf_counter()
        samples = [sample for worker in threads.map(work, connections) for sample in worker]
        seconds = time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return len(samples) / seconds, percentile(samples, 0.5)
