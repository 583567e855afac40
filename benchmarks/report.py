"""Tables in Markdown, read as well in a terminal."""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure
from benchmarks.floor import REQUESTS_GOAL, TIME_GOAL
from benchmarks.measure_blocked import Answered
from benchmarks.plots import Line


def figures_table(figures: Sequence[Figure], against: str) -> Iterator[str]:
    """Show figures: the median of each contestant, its ratio to `against`, and whether ours met its goal."""
    names = list(figures[0].samples)
    heads = [name if name == against else f"{name} | ÷ {against}" for name in names]
    yield from _head(["", *heads, "goal"])
    for figure in figures:
        cells = []
        for name in names:
            cells.append(f"{_number(figure.value(name))} {figure.unit}".strip())
            if name != against:
                cells.append(f"{figure.ratio(name, against):.2f}" if figure.value(against) else "")
        yield _row([figure.name, *cells, figure.verdict(names[0], against)])


def rows_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Show rows of text."""
    yield from _head(heads)
    yield from map(_row, rows)


def answers_table(rows: Sequence[tuple[str, str, int, int]]) -> Iterator[str]:
    """Show the sizes of typical answers."""
    yield ""
    yield from _head(["answer", "of", "bytes", "tokens"])
    for tool, what, size, cost in rows:
        yield _row([f"`{tool}`", what, f"{size:,}", f"{cost:,}"])


def blocked_table(rows: Sequence[Answered]) -> Iterator[str]:
    """Show what the question cost, beside the least that the API allows."""
    yield from _head(
        ["question", "orders", "limit", "calls", "requests", "fewest", "÷", "seconds", "least", "÷", "memory", "goals"]
    )
    for row in rows:
        requests, seconds = row.requests / row.floor.requests, row.seconds / row.floor.seconds
        missed = [
            f"**{name} missed**"
            for name, ratio, goal in (("requests", requests, REQUESTS_GOAL), ("time", seconds, TIME_GOAL))
            if ratio > goal
        ]
        yield _row(
            [
                row.question,
                f"{row.size:,}",
                "10/s" if row.limited else "none",
                str(row.calls),
                f"{row.requests}" + (f" ({row.refused} refused)" if row.refused else ""),
                str(row.floor.requests),
                f"{requests:.2f}",
                f"{row.seconds:.2f}",
                f"{row.floor.seconds:.2f}",
                f"{seconds:.2f}",
                f"{row.megabytes:+.1f} MB",
                ", ".join(missed) or "met",
            ]
        )


def model_table(rows: Sequence[tuple[int, int, int]]) -> Iterator[str]:
    """Show what the same question costs through a generated server, whose pages a model reads itself."""
    yield ""
    yield "Through the generated server the model reads every open order itself:"
    yield ""
    yield from _head(["orders", "calls and requests", "tokens read"])
    for size, requests, cost in rows:
        yield _row([f"{size:,}", f"{requests:,}", f"{cost:,}"])


def lines_table(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> Iterator[str]:
    """Show the lines of a chart as numbers."""
    yield f"{title} ({y_name}):"
    yield ""
    yield from _head([x_name, *(f"{x:,g}" for x, _ in lines[0].points)])
    for line in lines:
        yield _row([line.name, *(_number(y) for _, y in line.points)])
    yield ""


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _row(cells)
    yield "|" + " --- |" * sum(cell.count("|") + 1 for cell in cells)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    if value == int(value) or value >= 1000:  # noqa: PLR2004  whole from here on
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004  three digits
