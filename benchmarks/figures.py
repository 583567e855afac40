"""Samples, medians and ratios. Ratios are taken within a round, then their median: what slows a round slows both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample below which `share` of all lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Figure:
    """One figure of several contestants, a sample a round.

    Attributes:
        name: What was measured.
        unit: `ms`, `MB`, `/s` and the like; shown only.
        goal: Bound of ours against the bare server; None if there is no goal.
        at_least: Whether the goal is a lower bound.
        samples: Contestant to samples, one a round.
    """

    name: str
    unit: str
    goal: float | None = None
    at_least: bool = False
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, contestant: str, sample: float) -> None:
        """Add the sample of a round."""
        self.samples.setdefault(contestant, []).append(sample)

    def value(self, contestant: str) -> float:
        """Return the median."""
        return median(self.samples[contestant])

    def ratio(self, contestant: str, to: str) -> float:
        """Return the median of the rounds' ratios."""
        return median(mine / theirs for mine, theirs in zip(self.samples[contestant], self.samples[to], strict=True))

    def verdict(self, contestant: str, to: str) -> str:
        """Say whether the goal is met."""
        if self.goal is None:
            return ""
        ratio = self.ratio(contestant, to)
        met = ratio >= self.goal if self.at_least else ratio <= self.goal
        return f"{'≥' if self.at_least else '≤'} {self.goal:.2f} {'met' if met else '**missed**'}"
