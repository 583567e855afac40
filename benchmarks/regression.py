"""Whether a call, a start or a process costs more, against the bare server, than when the figures were last kept.

A busy machine cannot fail it: it looks at CPU time and memory, not at time, as ratios to the bare server in the same
rounds, and at their medians; what costs more than the margin allows is measured once more.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from benchmarks.contestants import HERE, Contestant
from benchmarks.figures import Figure
from benchmarks.measure_blocked import upstream
from benchmarks.measure_calls import CALLERS, CPU, calls
from benchmarks.measure_process import MEMORY, START_CPU, processes
from benchmarks.report import rows_table

RATIOS: Final = HERE / "ratios.json"
MARGIN: Final = 1.25
"""How many times the kept ratio a ratio may be. The same code measured again stays within a tenth."""
GUARDED: Final = (
    START_CPU,
    MEMORY,
    CPU.format("stdio"),
    CPU.format("HTTP"),
    CPU.format(f"HTTP, {CALLERS} callers"),
)
SIMULATED: Final = 400
"""Orders in the simulator: with fewer, callers side by side would ask for the same one."""

Ratios = Mapping[str, float]
"""Name of a figure to the ratio of ours to the bare server."""


def ratios(figures: Sequence[Figure], ours: str, bare: str) -> dict[str, float]:
    """Return the ratios that are kept and compared."""
    return {figure.name: round(figure.ratio(ours, bare), 2) for figure in figures if figure.name in GUARDED}


def kept() -> Ratios:
    """Return what the last full run kept.

    Raises:
        SystemExit: There is no such file, or not of these figures.
    """
    with suppress(OSError, ValueError):
        known = json.loads(RATIOS.read_text(encoding="utf-8"))
        if isinstance(known, dict) and set(known) == set(GUARDED):
            return known
    raise SystemExit(f"benchmarks/{RATIOS.name} does not hold the ratios to compare with. `make bench` writes it.")


def keep(found: Ratios) -> None:
    """Keep the ratios for the checks to come."""
    RATIOS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measured(ours: Contestant, bare: Contestant, starts: int, rounds: int, size: int) -> dict[str, float]:
    """Measure what is guarded."""
    with upstream("simulator", orders=SIMULATED) as address:
        figures = processes((ours, bare), address, starts) + calls((ours, bare), address, rounds, size)
    return ratios(figures, ours.name, bare.name)


def dearer(found: Ratios, before: Ratios) -> list[str]:
    """Return the names of the figures that cost more than the margin allows."""
    return [name for name, ratio in found.items() if ratio > MARGIN * before[name]]


def check(measure: Callable[[], Ratios], before: Ratios) -> Iterator[str]:
    """Measure, and a second time if something costs more; yields a table, and raises at its end if it still does.

    Raises:
        SystemExit: A figure costs more than the margin allows, both times.
    """
    found = measure()
    if dearer(found, before):
        again = measure()
        found = {name: min(ratio, again[name]) for name, ratio in found.items()}
    failed = dearer(found, before)
    yield from rows_table(
        ["ours ÷ bare", "kept", "now", "at most", ""],
        [
            [name, f"{before[name]:.2f}", f"{ratio:.2f}", f"{MARGIN * before[name]:.2f}", "**more**" * (name in failed)]
            for name, ratio in found.items()
        ],
    )
    if failed:
        raise SystemExit(
            f"It costs more than before: {', '.join(failed)}. If it has to, `make bench` keeps the ratios."
        )
