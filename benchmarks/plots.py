"""Line charts as SVG, written by hand: two axes, both logarithmic, need no library."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = ("#0b6e4f", "#c8553d", "#3d5a98", "#8a6d1d", "#7a3b8f")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart.

    Attributes:
        name: In the legend.
        points: x and y, both above zero.
    """

    name: str
    points: list[tuple[float, float]]


def chart(path: Path, title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> None:
    """Draw lines over logarithmic axes and write them as SVG."""
    x_ticks = sorted({x for line in lines for x, _ in line.points})
    heights = [y for line in lines for _, y in line.points]
    y_ticks = _decades(min(heights), max(heights))
    x_at = _scale(x_ticks[0], x_ticks[-1], _LEFT, _WIDTH - _RIGHT)
    y_at = _scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 12}" text-anchor="end">{escape(x_name)}</text>',
        f'<text x="8" y="{_TOP - 8}">{escape(y_name)}</text>',
    ]
    for tick in y_ticks:
        y = y_at(tick)
        parts += [
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    parts += [
        f'<text x="{x_at(tick):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick:,g}</text>'
        for tick in x_ticks
    ]
    for number, line in enumerate(lines):
        parts += _drawn(line, _COLOURS[number % len(_COLOURS)], number, [(x_at(x), y_at(y)) for x, y in line.points])
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _drawn(line: Line, colour: str, number: int, places: Sequence[tuple[float, float]]) -> Iterable[str]:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    y = _TOP + 20 * number
    yield f'<path d="M{_WIDTH - _RIGHT + 14} {y}h16" stroke="{colour}" stroke-width="3"/>'
    yield f'<text x="{_WIDTH - _RIGHT + 36}" y="{y + 4}">{escape(line.name)}</text>'


def _decades(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of every power of ten from the one below `low` to the one above `high`."""
    steps = [step * 10.0**power for power in range(-6, 10) for step in (1, 2, 5)]
    below = max(step for step in steps if step <= low * 1.0001)
    above = min(step for step in steps if step >= high * 0.9999 and step > below)
    return [step for step in steps if below <= step <= above]


def _scale(low: float, high: float, start: float, end: float) -> "_Scale":
    return _Scale(math.log(low), max(math.log(high) - math.log(low), 1e-9), start, end)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    span: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (math.log(value) - self.low) / self.span * (self.end - self.start)
