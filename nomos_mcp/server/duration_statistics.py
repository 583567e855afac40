"""What `nomos://statistics/durations` returns: how long each step and block took in the operator's own history."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from nomos_mcp.lifecycle import STATUSES
from nomos_mcp.server.order_history import MOST, reason_of
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import Result

if TYPE_CHECKING:  # what a server without a history does not load
    from nomos_mcp.history.durations import StepDurations

_DAY: Final = timedelta(days=1)


class StepStatistics(Result):
    """How long one step or block took, in days; a percentile that too few cases have reached is left out."""

    api_version: str
    step: str
    cases: int
    orders: int
    finished: int
    waiting: int
    cancelled: int
    left_out: int
    p10: float | None = None
    median: float | None = None
    p90: float | None = None


class DurationsResult(Result):
    """How long each step and block took in the history, or why that is not known."""

    as_of: str | None = None
    note: str
    steps: list[StepStatistics] | None = None


_METHOD: Final = (
    "Kaplan-Meier estimates in days, from this server's own history: an observation, not a promise. Cases that wait or "
    "were cancelled count until then; left_out are those whose beginning or end was not seen."
)


async def durations_result(context: NomosContext) -> DurationsResult:
    """Return how long steps and blocks took in all orders: for callers of the whole organisation only."""
    history = context.history
    if history is None or context.caller.is_fenced:
        return DurationsResult(note="There is no history.")
    try:
        known = await history.durations(MOST)
    except Exception as error:  # noqa: BLE001  a resource that cannot be read now says why
        return DurationsResult(note=f"The history cannot be read now. {reason_of(error)}")
    if known is None:
        return DurationsResult(note="The statistics are being computed. Read this again in a minute.")
    return DurationsResult(
        as_of=known.as_of.isoformat(timespec="seconds").replace("+00:00", "Z"),
        note=_METHOD,
        steps=[_statistics(found) for found in sorted(known.steps.values(), key=_by_place)],
    )


def _statistics(found: "StepDurations") -> StepStatistics:
    said = {name: getattr(found, name) for name in StepStatistics.model_fields if hasattr(found, name)}
    spans = {"p10": found.least, "median": found.median, "p90": found.most}
    return StepStatistics(**said | {name: span and round(span / _DAY, 1) for name, span in spans.items()})


def _by_place(found: "StepDurations") -> tuple[str, int, str]:
    """Statuses in lifecycle order, then blocks and what is new."""
    known = STATUSES[found.api_version]
    return found.api_version, known.index(found.step) if found.step in known else len(known), found.step
