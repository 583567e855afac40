"""What a call costs that needs no upstream, with one, two and three replicas.

All of it runs on one machine, callers included, so that calls a second grow only as far as there are cores. CPU per
call tells what more machines would give.
"""

import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import anyio
from anyio.to_thread import run_sync

from tools.replicas.callers import ANSWERED, Call, Caller
from tools.replicas.deployment import Deployment
from tools.replicas.processes import children
from tools.replicas.promises import Line, endings, nothing_hangs

_TO_CONNECT: Final = 2.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CALLS_PER_MINUTE: Final = "60000"  # budgets are not what is tried here


class Cost(NamedTuple):
    """Seconds of CPU."""

    replicas: float
    postgresql: float
    nginx: float
    callers: float


async def growth(deployment: Deployment, seconds: float) -> Sequence[Line]:
    """Ask for the meaning of a status, with one replica more each time."""
    for replica in deployment.replicas:
        replica.ask_to_end()
    for replica in deployment.replicas:
        await run_sync(replica.end)
    calls: list[Call] = []
    rates: list[float] = []
    costs: list[Cost] = []
    for count, replica in enumerate(deployment.replicas, 1):
        replica.start(NOMOS_MCP_CALLS_PER_MINUTE=_CALLS_PER_MINUTE)
        await run_sync(replica.wait_until_it_listens)
        await run_sync(deployment.balance, count)
        rate, cost = await _measured(deployment, count, seconds, calls)
        rates.append(rate)
        costs.append(cost)
    counts = ", ".join(str(number) for number in range(1, len(rates) + 1))
    shares = [each.postgresql / (each.postgresql + each.replicas) for each in costs]
    return [
        Line(f"calls a second without upstream, with {counts} replicas", _listed(rates, ".0f")),
        Line("CPU of the replicas for each of them, ms", _listed([1000 * each.replicas for each in costs], ".2f")),
        Line(
            "CPU of PostgreSQL for each, ms, and its share of both",
            f"{_listed([1000 * each.postgresql for each in costs], '.2f')}; {_listed(shares, '.0%')}",
        ),
        Line(
            "CPU of nginx and of the callers for each, ms",
            f"{_listed([1000 * each.nginx for each in costs], '.2f')}; "
            f"{_listed([1000 * each.callers for each in costs], '.2f')}",
        ),
        endings(calls, "without upstream"),
        nothing_hangs(calls, unfinished=False),
    ]


async def _measured(deployment: Deployment, replicas: int, seconds: float, calls: list[Call]) -> tuple[float, Cost]:
    """Return how many calls a second were answered, and the cost of one."""
    callers = [Caller(number, deployment.nginx, token, calls) for number, token in enumerate(deployment.tokens[:-1])]
    async with anyio.create_task_group() as tasks:
        for caller in callers:
            tasks.start_soon(caller.explain)
        await anyio.sleep(_TO_CONNECT)
        began, before = time.monotonic(), _cost(deployment, replicas)
        await anyio.sleep(seconds)
        ended, after = time.monotonic(), _cost(deployment, replicas)
        for caller in callers:
            caller.stop()
    answered = sum(call.kind == ANSWERED and began <= call.ended < ended for call in calls)
    each = Cost(*((now - then) / max(1, answered) for now, then in zip(after, before, strict=True)))
    return answered / (ended - began), each


def _cost(deployment: Deployment, replicas: int) -> Cost:
    nginx = deployment.nginx.pid
    return Cost(
        sum(map(_cpu_seconds, (replica.pid for replica in deployment.replicas[:replicas]))),
        sum(map(_cpu_seconds, deployment.postgresql_processes())),
        sum(map(_cpu_seconds, chain([nginx], children(nginx)))),
        time.process_time(),
    )


def _cpu_seconds(pid: int) -> float:
    """Return how long a process has used a CPU, in the kernel and outside, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _listed(numbers: Sequence[float], form: str) -> str:
    return ", ".join(format(number, form) for number in numbers)
