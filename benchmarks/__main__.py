"""`make bench`: measure, print, and write `RESULTS.md` with its plots.

`make bench ARGS=--quick` takes under a minute, and writes nothing. `make bench ARGS=--check` fails if ours costs more
CPU or memory, against the bare server, than when `RESULTS.md` was written. `make bench ARGS="--before v0.2.0"` puts an
earlier commit of ours beside it.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contestants import HERE, Contestant, contestants, earlier
from benchmarks.figures import Figure
from benchmarks.machine import description
from benchmarks.measure_blocked import LATENCY, RATE, Answered, blocked, through_the_model, upstream
from benchmarks.measure_calls import calls
from benchmarks.measure_growth import by_callers, by_concurrency, by_orders
from benchmarks.measure_history import WITHOUT, measure_poll, poll_table, with_a_history
from benchmarks.measure_overload import overload_table, overloads
from benchmarks.measure_process import processes
from benchmarks.measure_sizes import answers, definitions
from benchmarks.measure_webhooks import measure_webhooks, webhooks_lines
from benchmarks.plots import Line, chart
from benchmarks.regression import SIMULATED, check, keep, kept, measured, ratios
from benchmarks.report import answers_table, blocked_table, figures_table, lines_table, model_table

RESULTS = HERE / "RESULTS.md"
NOTES = HERE / "NOTES.md"
PLOTS = HERE / "plots"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    starts: int
    rounds: int
    calls: int
    sizes: tuple[int, ...]
    callers: tuple[int, ...]
    polled: int


_FULL = Plan(
    starts=11,
    rounds=7,
    calls=300,
    sizes=(100, 1_000, 10_000, 100_000),
    callers=(1, 2, 4, 8, 16, 32, 64),
    polled=100_000,
)
_QUICK = Plan(starts=1, rounds=2, calls=60, sizes=(100, 1_000), callers=(1, 8, 32), polled=2_000)


def main() -> None:
    """Measure everything and report."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, small sizes, nothing written")
    parser.add_argument("--check", action="store_true", help="only compare CPU and memory with benchmarks/ratios.json")
    parser.add_argument("--before", metavar="COMMIT", help="measure an earlier commit of ours too")
    options = parser.parse_args()
    quick = options.quick
    plan = _QUICK if quick else _FULL
    begun = time.monotonic()
    everybody = contestants()
    if options.check:
        measure = partial(measured, everybody[0], everybody[1], plan.starts, plan.rounds, plan.calls)
        for line in check(measure, kept()):
            print(line, flush=True)
        return
    before = earlier(options.before) if options.before else None
    lines = []
    for line in _report(everybody, before, plan, PLOTS if not quick else None):
        print(line, flush=True)
        lines.append(line)
    print(f"\n{time.monotonic() - begun:.0f} seconds.")
    if not quick:
        RESULTS.write_text("\n".join([*lines, "", NOTES.read_text(encoding="utf-8")]), encoding="utf-8")


def _report(
    everybody: tuple[Contestant, ...], before: Contestant | None, plan: Plan, plots: Path | None
) -> Iterator[str]:
    ours, bare, generated = everybody
    yield "# Fast, lean, and shown to be"
    yield ""
    yield from (f"- {line}" for line in description(everybody, plan.rounds))
    with upstream("simulator", orders=SIMULATED) as address:
        figures = _all((*everybody, *([before] if before else [])), address, plan)
        yield from _section("Against a bare and a generated server", figures_table(figures, bare.name))
        if plots:
            keep(ratios(figures, ours.name, bare.name))
        yield from _section("What an assistant reads", figures_table(definitions(everybody, address), bare.name))
        yield from answers_table(answers(ours, address))
        callers = by_callers((ours, bare), address, plan.callers, plan.calls)
        kept = with_a_history(ours, address, plan.starts, plan.rounds, plan.calls)
    yield from _section(
        f"Which orders are blocked? {1000 * LATENCY:.0f} ms from upstream, {RATE} requests a second or any number",
        blocked_table(list(_shown(blocked(ours, list(plan.sizes))))),
    )
    yield from model_table([(size, *through_the_model(generated, size)) for size in plan.sizes[:3]])
    orders = by_orders(ours, plan.sizes, plan.calls // 10)
    seconds, requests = by_concurrency(ours, plan.callers)
    yield from _section("With a history in SQLite", figures_table(kept, WITHOUT))
    yield ""
    yield from poll_table(measure_poll(plan.polled), plan.polled)
    yield ""
    yield from webhooks_lines(measure_webhooks(ours, (1, 4, 16), plan.calls))
    yield from _section("Past capacity", overload_table(overloads((ours, bare), SIMULATED, quick=plan is _QUICK)))
    yield from _section("Growth", _growth(orders, callers, seconds, requests, plots))


def _growth(
    orders: list[Line], callers: list[list[Line]], seconds: list[Line], requests: list[Line], plots: Path | None
) -> Iterator[str]:
    charts = (
        ("orders", "One operation against the orders that exist", "orders", "ms, p50", orders),
        ("throughput", "Calls a second against callers, HTTP", "callers", "calls/s", callers[0]),
        ("latency", "One call against callers, HTTP", "callers", "ms, p50", callers[1]),
        ("cpu", "The server's CPU for one call against callers, HTTP", "callers", "ms", callers[2]),
        ("concurrent-time", f"Calls at once, {1000 * LATENCY:.0f} ms from upstream", "calls at once", "ms", seconds),
        ("concurrent-requests", "Requests upstream for calls at once", "calls at once", "requests", requests),
    )
    for name, title, x_name, y_name, lines in charts:
        yield from lines_table(title, x_name, y_name, lines)
        if plots:
            chart(plots / f"{name}.svg", title, x_name, y_name, lines)
            yield f"![{title}](plots/{name}.svg)"
            yield ""


def _all(everybody: Sequence[Contestant], address: str, plan: Plan) -> list[Figure]:
    return [*processes(everybody, address, plan.starts), *calls(everybody, address, plan.rounds, plan.calls)]


def _shown(rows: Iterator[Answered]) -> Iterator[Answered]:
    yield from rows


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield from lines


if __name__ == "__main__":
    main()
