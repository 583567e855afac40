"""How an order of a given stage came to be where it is: which steps it took, and when.

The steps are spread evenly over the order's age. That is invented; the vendor publishes no durations of steps.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from nomos_mcp.simulator.world.records import Stage

_PATH: Final[tuple[Stage, ...]] = (
    "requested",
    "with_partner",
    "check_submitted",
    "confirmed",
    "planning",
    "appointed",
    "awaiting_installer",
    "installed",
    "data_returned",
    "activated",
)


def steps(stage: Stage) -> tuple[Stage, ...]:
    """List the stages an order went through, the present one last."""
    if stage == "intended":
        return ("intended",)
    if stage == "cancelled":
        return ("requested", "with_partner", "cancelled")
    return _PATH[: _PATH.index(stage) + 1]


def timeline(stage: Stage, created_at: datetime, now: datetime) -> Mapping[Stage, datetime]:
    """Give each step its moment.

    Args:
        stage: The present stage.
        created_at: When the order was created: its first step.
        now: The present; the last step lies before it.

    Returns:
        Stage to moment (whole seconds), in the order of the steps.
    """
    taken = steps(stage)
    between = (now - created_at) / len(taken)
    return {step: (created_at + number * between).replace(microsecond=0) for number, step in enumerate(taken)}
