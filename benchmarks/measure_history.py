"""What a history costs: start, memory and a read with one and without; a run of watching over a large organisation.

The runs alone: `python -m benchmarks.measure_history [orders]`.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure
from benchmarks.measure_calls import calls
from benchmarks.measure_process import processes

WITH, WITHOUT = "with a history", "without"
VERSION: Final = "2026-05-27.curie"
YEARS: Final = 3
OPEN_FOR: Final = timedelta(days=60)
STAYS_OPEN: Final = 0.002
"""Invented: orders come evenly over three years, last sixty days, and of a thousand older ones two are still open."""
MOVED: Final = 0.05
"""Invented: of the open orders, so many change from day to day."""
PER_SECOND: Final = 5
"""Half of the rate limit, which is what a run takes."""


@dataclass(frozen=True, slots=True)
class PollCost:
    """What one run took.

    Attributes:
        name: Which run.
        seconds: Without a rate limit, and with an upstream that answers at once.
        peak: Memory of the process at its highest, in MB.
    """

    name: str
    requests: int
    orders: int
    changes: int
    seconds: float
    peak: float

    @property
    def paced(self) -> float:
        """Seconds that the pace of a run takes at least."""
        return self.requests / PER_SECOND


def with_a_history(ours: Contestant, upstream: str, starts: int, rounds: int, size: int) -> list[Figure]:
    """Measure start, memory and reads of our server with a history in SQLite, beside the same server without one."""
    with tempfile.TemporaryDirectory() as folder:
        database = {"NOMOS_MCP_DATABASE": str(Path(folder) / "history.db")}
        both = (replace(ours, name=WITH, environment=ours.environment | database), replace(ours, name=WITHOUT))
        figures = processes(both, upstream, starts)[:4] + calls(both, upstream, rounds, size)[:6]
    for figure in figures:
        figure.goal = None  # those are against the bare server
    return figures


def measure_poll(size: int) -> list[PollCost]:
    """Measure the first run, the one of the next day, and one when nothing has changed, in a process of their own."""
    # Not by multiprocessing, which would load what the benchmarks load, and count its memory.
    command = [sys.executable, "-m", "benchmarks.measure_history", str(size), "--json"]
    run = subprocess.run(command, check=True, capture_output=True)
    return [PollCost(**cost) for cost in json.loads(run.stdout)]


def poll_table(costs: list[PollCost], size: int) -> Iterator[str]:
    """Write the costs as a table."""
    yield f"Runs of `nomos-mcp watch` over {size:,} orders, history in SQLite:"
    yield ""
    yield "| run | requests | orders read | changes | seconds | at 5 requests a second | peak memory |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for cost in costs:
        yield (
            f"| {cost.name} | {cost.requests:,} | {cost.orders:,} | {cost.changes:,} | {cost.seconds:.1f} | "
            f"{cost.paced:.0f} s | {cost.peak:.0f} MB |"
        )


class Organisation:
    """Orders of three years, computed when they are asked for, so that they take no memory."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._apart = timedelta(days=365 * YEARS) / size
        self._start = datetime.now(UTC).replace(microsecond=0)
        self.day = 0

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        """Answer a request."""
        path = scope["path"]
        if path == "/meter-orders":
            query = parse_qs(scope["query_string"].decode())
            first = int(query.get("cursor", ["0"])[0])
            last = min(first + int(query["limit"][0]), self._size)
            more = last < self._size
            items = [self._order(number) for number in range(first, last)]
            body: object = {
                "object": "list",
                "items": items,
                "has_more": more,
                "next_page": str(last) if more else None,
            }
        else:
            body = self._order(int(path.rpartition("_")[2]))
        headers = [(b"content-type", b"application/json"), (b"x-api-version", VERSION.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def _order(self, number: int) -> dict[str, object]:
        rng = Random(number)  # noqa: S311  invented data, the same in every run
        created = self._start - number * self._apart
        is_open = created > self._start - OPEN_FOR or rng.random() < STAYS_OPEN
        status = rng.choice(("created", "placed", "check_submitted", "scheduled")) if is_open else "activated"
        if is_open and self.day and rng.random() < MOVED:
            status = "installed"
        at = f"{created:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "object": "meter_order",
            "id": f"prdo_{number:024}",
            "subscription": f"sub_{number:024}",
            "customer": f"cus_{number:024}",
            "provider": "metrify",
            "status": status,
            "created_at": at,
            "installed_at": at if status in {"installed", "activated"} else None,
            "activated_at": at if status == "activated" else None,
            "cancelled_at": None,
            "cancelled_reason": None,
            "blocked_at": None,
            "blocked_reason": None,
            "appointment_at": None,
        }


async def _measured(size: int) -> list[PollCost]:
    from nomos_mcp.client import NomosClient  # noqa: PLC0415  in the process that is measured
    from nomos_mcp.history.polling import poll  # noqa: PLC0415  as above
    from nomos_mcp.history.store import History  # noqa: PLC0415  as above

    upstream, found = Organisation(size), []
    with tempfile.TemporaryDirectory() as folder:
        day = datetime.now(UTC)
        history = History(str(Path(folder) / "history.db"), lambda: day + timedelta(days=upstream.day))
        client = NomosClient(
            access_token="benchmark" * 3,
            api_version="2026-05-27.curie",
            base_url="http://127.0.0.1",
            requests_per_second=100_000,
            app=upstream,
        )
        for name in ("first", "the next day", "the day after, nothing has changed"):
            report = await poll(history, client)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            found.append(PollCost(name, report.requests, report.orders_read, report.changes, report.seconds, peak))
            upstream.day += 1
        await client.aclose()
        await history.aclose()
    return found


if __name__ == "__main__":
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if "--json" in sys.argv:
        print(json.dumps([asdict(cost) for cost in asyncio.run(_measured(orders))]))
    else:
        for line in poll_table(measure_poll(orders), orders):
            print(line)
