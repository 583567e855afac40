"""What a process costs: start, memory, shutdown."""

import signal
import time
from collections.abc import Sequence

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure
from benchmarks.wires import Stdio, cpu_seconds, free_port, listening
from nomos_mcp.simulator import DEMO

ORDER = DEMO.orders["blocked_check_missing"]
_CALLS_BEFORE_MEMORY = 50
START_CPU = "start: CPU to the first answer"
MEMORY = f"memory after {_CALLS_BEFORE_MEMORY} calls"


def processes(contestants: Sequence[Contestant], upstream: str, rounds: int) -> list[Figure]:
    """Start and stop everybody in turn, as an assistant does."""
    first = Figure("start: spawn to first answer", "ms", 1.05)
    cpu = Figure(START_CPU, "ms")
    useful = Figure("start: spawn to the first order read", "ms")
    memory = Figure(MEMORY, "MB", 1.05)
    stdio = Figure("shutdown, stdio: input closed to process gone", "ms")
    http = Figure("shutdown, HTTP: SIGTERM to process gone", "ms")
    for turn in range(rounds):
        for contestant in _turned(contestants, turn):
            with Stdio(contestant.command, contestant.env(upstream)) as server:
                server.initialize()
                first.add(contestant.name, 1000 * (time.perf_counter() - server.started))
                cpu.add(contestant.name, 1000 * cpu_seconds(server.process.pid))
                server.call("get_meter_order", {contestant.argument: ORDER})
                useful.add(contestant.name, 1000 * (time.perf_counter() - server.started))
                for _ in range(_CALLS_BEFORE_MEMORY - 1):
                    server.call("get_meter_order", {contestant.argument: ORDER})
                memory.add(contestant.name, server.resident())
                stdio.add(contestant.name, 1000 * server.stop())
            http.add(contestant.name, 1000 * _terminated(contestant, upstream))
    return [first, cpu, useful, memory, stdio, http]


def _terminated(contestant: Contestant, upstream: str) -> float:
    port = free_port()
    with listening((*contestant.tuned, str(port)), contestant.env(upstream), port) as process:
        begun = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return time.perf_counter() - begun


def _turned(contestants: Sequence[Contestant], turn: int) -> Sequence[Contestant]:
    at = turn % len(contestants)
    return [*contestants[at:], *contestants[:at]]
