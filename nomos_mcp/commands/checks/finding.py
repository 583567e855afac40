"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: What was looked at.
        state: How it is.
        found: What was found, without secrets.
        cure: What to do about it; empty if there is nothing to do.
    """

    name: str
    state: State
    found: str
    cure: str = ""


def worst(findings: list[Finding]) -> State:
    """Return the worst state among findings; ok if there are none."""
    states = {finding.state for finding in findings}
    return "failed" if "failed" in states else "warning" if "warning" in states else "ok"
