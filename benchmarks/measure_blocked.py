"""The question that a list without a filter makes dear: which of so many orders are blocked?"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import urlopen

from benchmarks.contestants import ROOT, Contestant
from benchmarks.floor import PAGE, Floor, floor
from benchmarks.measure_sizes import text_of, tokens
from benchmarks.upstream import COUNT_PATH, OPEN
from benchmarks.wires import Json, Stdio, free_port, listening

LATENCY = 0.05
RATE = 10
_UNLIMITED = 1000
_LISTED = 20
_TOOL = "list_meter_orders_by_status"


@dataclass(frozen=True, slots=True)
class Answered:
    """How a question was answered.

    Attributes:
        question: `the newest 20`, or `how many`.
        size: Orders in all.
        limited: Whether upstream took ten requests a second only.
        calls: Tool calls that it took.
        requests: Requests upstream, refused ones included.
        refused: Those that upstream refused as too many.
        seconds: From the first call to the last answer.
        floor: What the API allows.
        megabytes: Growth of the server's memory over the question.
    """

    question: str
    size: int
    limited: bool
    calls: int
    requests: int
    refused: int
    seconds: float
    floor: Floor
    megabytes: float


@contextmanager
def upstream(kind: str, *, orders: int = 0, latency: float = 0.0, per_second: int = 0) -> Iterator[str]:
    """Run the API for as long as the block lasts; yields its address."""
    port = free_port()
    module = [sys.executable, "-m", "benchmarks.upstream", kind, str(port)]
    options = ["--orders", str(orders), "--latency", str(latency), "--per-second", str(per_second)]
    with listening([*module, *options], {"PYTHONPATH": str(ROOT), "PATH": ""}, port):
        yield f"http://127.0.0.1:{port}"


def taken(address: str) -> tuple[int, int]:
    """Return how many requests upstream got and refused since it was last asked."""
    with urlopen(address + COUNT_PATH) as response:  # noqa: S310  our own upstream, on loopback
        counts = json.load(response)
    return counts["requests"], counts["refused"]


def blocked(ours: Contestant, sizes: list[int]) -> Iterator[Answered]:
    """Ask both questions at every size, with and without a rate limit."""
    for size in sizes:
        for limited in (False, True):
            per_second = RATE if limited else 0
            with upstream("crowd", orders=size, latency=LATENCY, per_second=per_second) as address:
                budget = {"BENCH_REQUESTS_PER_SECOND": str(RATE if limited else _UNLIMITED)}
                with Stdio(ours.tuned, ours.env(address, **budget)) as server:
                    server.initialize()
                    server.call("get_meter_order", {"order_id": "prdo_000000000000000000000000"})
                    for question, wanted in ((f"the newest {_LISTED}", _LISTED), ("how many", None)):
                        time.sleep(1.1)  # the second that the limit counts is over
                        taken(address)
                        memory = server.resident()
                        begun = time.perf_counter()
                        arguments = {"status": "blocked", "limit": wanted or 0}
                        found, calls = _asked(server, arguments, to_the_end=wanted is None)
                        seconds = time.perf_counter() - begun
                        best = floor(size, wanted, LATENCY, per_second)
                        _check(found, best.blocked if wanted is None else min(wanted, best.blocked))
                        grown = server.resident() - memory
                        yield Answered(question, size, limited, calls, *taken(address), seconds, best, grown)


def _asked(server: Stdio, arguments: Json, *, to_the_end: bool) -> tuple[int, int]:
    found, calls = 0, 0
    while True:
        answer = server.call(_TOOL, arguments)["structuredContent"]
        calls += 1
        found += answer["returned"] or answer.get("counts", {}).get("total", 0)
        if answer["complete"] or not to_the_end:
            return found, calls
        arguments = {**arguments, "cursor": answer["next_cursor"]}


def _check(found: int, expected: int) -> None:
    if found != expected:
        raise RuntimeError(f"The answer is wrong: {found} blocked orders instead of {expected}.")


def through_the_model(generated: Contestant, size: int) -> tuple[int, int]:
    """Answer with the generated server, page by page through the model; returns requests and tokens that it reads."""
    with upstream("crowd", orders=size) as address, Stdio(generated.command, generated.env(address)) as server:
        server.initialize()
        listing = next(tool for tool in server.ask("tools/list")["tools"] if tool["name"] == "list_meter_orders")
        status = next(name for name in listing["inputSchema"]["properties"] if "status" in name)
        arguments: Json = {"limit": PAGE, status: ",".join(OPEN)}
        calls = read = 0
        while True:
            text = text_of(server.call("list_meter_orders", arguments))
            calls, read = calls + 1, read + tokens(text)
            page = json.loads(text)
            if not page["has_more"]:
                return calls, read
            arguments = {**arguments, "cursor": page["next_page"]}
