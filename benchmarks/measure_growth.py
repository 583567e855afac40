"""How the cost of an operation grows: with the orders that exist, with the callers, with the calls under way."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, cycle

from benchmarks.contestants import Contestant
from benchmarks.figures import percentile
from benchmarks.measure_blocked import LATENCY, taken, upstream
from benchmarks.measure_calls import http_throughput, order_ids
from benchmarks.plots import Line
from benchmarks.upstream import order_id
from benchmarks.wires import Stdio, answer_to, free_port, listening

_OPERATIONS = {
    "get_meter_order": {"order_id": order_id(7)},
    "explain_status (by name)": {"status": "placed"},
    "list 20": {"status": "all"},
    "list 20 blocked": {"status": "blocked"},
}
_TOOLS = {"list 20": "list_meter_orders_by_status", "list 20 blocked": "list_meter_orders_by_status"}


def by_orders(ours: Contestant, sizes: Sequence[int], calls: int) -> list[Line]:
    """Measure the p50 of each operation, in milliseconds, against the number of orders upstream."""
    lines = {name: Line(name, []) for name in _OPERATIONS}
    for size in sizes:
        with upstream("crowd", orders=size) as address, Stdio(ours.tuned, ours.env(address)) as server:
            server.initialize()
            for name, arguments in _OPERATIONS.items():
                tool = _TOOLS.get(name, name.partition(" ")[0])
                samples = [_seconds(partial(server.call, tool, arguments)) for _ in range(calls)]
                lines[name].points.append((size, 1000 * percentile(samples, 0.5)))
    return list(lines.values())


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def by_callers(contestants: Sequence[Contestant], address: str, callers: Sequence[int], calls: int) -> list[list[Line]]:
    """Measure calls a second, the p50 of a call and its CPU time in milliseconds, against callers over HTTP."""
    rate, wait, cpu = [], [], []
    for contestant in contestants:
        port = free_port()
        rate.append(Line(contestant.name, []))
        wait.append(Line(contestant.name, []))
        cpu.append(Line(contestant.name, []))
        with listening((*contestant.tuned, str(port)), contestant.env(address), port) as service:
            ids = cycle(order_ids(address))
            http_throughput(contestant, port, service.pid, ids, 4, 40)
            for number in callers:
                crowd = http_throughput(contestant, port, service.pid, ids, number, max(calls, 4 * number))
                rate[-1].points.append((number, crowd.per_second))
                wait[-1].points.append((number, 1000 * crowd.p50))
                cpu[-1].points.append((number, 1000 * crowd.cpu))
    return [rate, wait, cpu]


def by_concurrency(ours: Contestant, under_way: Sequence[int]) -> list[list[Line]]:
    """Measure seconds and requests upstream for so many calls at once, for one order and for as many different ones."""
    seconds = [Line("the same order", []), Line("different orders", [])]
    requests = [Line("the same order", []), Line("different orders", [])]
    with upstream("crowd", orders=1000, latency=LATENCY) as address, Stdio(ours.tuned, ours.env(address)) as server:
        server.initialize()
        server.call("get_meter_order", {"order_id": order_id(0)})
        numbers = count()
        for number in under_way:
            for index, ids in enumerate(
                ([order_id(0)] * number, [order_id(next(numbers) % 1000) for _ in range(number)])
            ):
                taken(address)
                begun = time.perf_counter()
                for wanted in ids:
                    server.send("tools/call", {"name": "get_meter_order", "arguments": {"order_id": wanted}})
                for _ in ids:
                    answer_to(server.receive())
                seconds[index].points.append((number, 1000 * (time.perf_counter() - begun)))
                requests[index].points.append((number, taken(address)[0]))
    return [seconds, requests]
