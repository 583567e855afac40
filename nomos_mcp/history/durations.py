"""How long each step and each block took: Kaplan-Meier estimates. Pure: knows no database.

A case is an order in one status, or under one block. It begins and ends at a time that the order itself dates, or in
the middle between the last look before and the first look after. An order that still waits has lasted at least until
it was last seen; one that was cancelled while it waited counts as still waiting at that moment. A case whose beginning
or end no look shows is left out, and counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from nomos_mcp.history.changes import Change, OrderLook, block_of
from nomos_mcp.lifecycle import CURIE, ApiVersion, final_statuses, is_final
from nomos_mcp.lifecycle.statuses import PATHS

Spell = tuple[timedelta, bool]
"""How long a case lasted, and whether it finished; without that it lasted at least so long."""

_BLOCKS: Final = frozenset({"blocked", "unblocked", "cancelled"})
"""What begins or ends a block in curie: a cancelled order has none."""
_ENDED: Final = frozenset({"cancelled", "pre_installed"})
"""Statuses that end an order without finishing the step that it was in."""


def kaplan_meier(spells: Iterable[Spell]) -> list[tuple[timedelta, float]]:
    """Return the share of cases that last longer than each time at which one finished: the product-limit estimate."""
    ordered = sorted(spells)
    at_risk, share, curve = len(ordered), 1.0, []
    for moment, group in groupby(ordered, key=lambda spell: spell[0]):
        same = list(group)
        if finished := sum(done for _, done in same):
            share *= 1 - finished / at_risk
            curve.append((moment, share))
        at_risk -= len(same)
    return curve


def percentile(curve: Sequence[tuple[timedelta, float]], share: float) -> timedelta | None:
    """Return the shortest time by which this share of the cases has finished; None if the curve does not reach it."""
    return next((moment for moment, lasting in curve if lasting <= 1 - share + 1e-9), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDurations:
    """How long one step or one block took.

    Attributes:
        step: The status, or the block in the API's words, such as "blocked: check_missing".
        cases: All that are counted: finished, cancelled and waiting ones.
        orders: How many orders these are cases of.
        left_out: Cases whose beginning or end is not known.
        least: Within which a tenth of the cases finished; None if that is not known, as for the next two.
        median: Half of them.
        most: Nine tenths.
    """

    api_version: ApiVersion
    step: str
    cases: int
    orders: int
    finished: int
    waiting: int
    cancelled: int
    left_out: int
    least: timedelta | None
    median: timedelta | None
    most: timedelta | None


@dataclass(slots=True)
class _Cases:
    spells: list[Spell] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    waiting: int = 0
    cancelled: int = 0
    left_out: int = 0

    def durations(self, version: ApiVersion, step: str) -> StepDurations:
        curve = kaplan_meier(self.spells)
        return StepDurations(
            api_version=version,
            step=step,
            cases=len(self.spells),
            orders=len(self.orders),
            finished=len(self.spells) - self.waiting - self.cancelled,
            waiting=self.waiting,
            cancelled=self.cancelled,
            left_out=self.left_out,
            least=percentile(curve, 0.1),
            median=percentile(curve, 0.5),
            most=percentile(curve, 0.9),
        )


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that an order is in; `since` is None if no look shows when it began."""

    version: ApiVersion
    name: str
    since: datetime | None


class DurationsOf:
    """Collects the cases of one order after the other."""

    def __init__(self) -> None:
        self._cases: defaultdict[tuple[ApiVersion, str], _Cases] = defaultdict(_Cases)

    def add(self, latest: OrderLook, told: Sequence[Change], last_seen: datetime) -> None:
        """Add an order.

        Args:
            latest: The last recorded look at it.
            told: What became of it, oldest first.
            last_seen: When its present state was last seen.
        """
        status = self._through_statuses(latest, [change for change in told if change.of_status])
        self._present(latest, status, "" if is_final(latest.order_state) else latest.status, last_seen)
        if latest.api_version == CURIE:  # in edison a block is a status
            changed = [change for change in told if change.kind in _BLOCKS and change.api_version == CURIE]
            self._present(latest, self._through_blocks(latest, changed), block_of(latest), last_seen)

    def steps(self) -> Iterator[StepDurations]:
        return (found.durations(*step) for step, found in self._cases.items())

    def _through_statuses(self, latest: OrderLook, told: Iterable[Change]) -> _Step | None:
        """Follow an order from status to status; return the one that it ends in."""
        step: _Step | None = None
        for _, look in groupby(told, key=lambda change: change.seen_at):
            shown = list(look)
            before = next((change.before for change in shown if change.before), "")
            if before and not (step and (step.version, step.name) == (shown[0].api_version, before)):
                self._leave_out(step)
                step = _Step(shown[0].api_version, before, None)
            for change in shown:
                # Between two times that an order itself dates, it may have had statuses that nobody saw.
                if before or change.happened_at is None:
                    self._end(latest, step, change)
                else:
                    self._leave_out(step)
                step = _Step(change.api_version, _status_after(change), _moment(change))
        return step

    def _through_blocks(self, latest: OrderLook, told: Iterable[Change]) -> _Step | None:
        """Follow an order from block to block; return the last one, if nothing shows its end."""
        step: _Step | None = None
        for change in told:
            gave_up = change.kind == "cancelled"
            if step and (gave_up or (change.kind == "unblocked" and step.name == change.before)):
                self._end(latest, step, change)
            else:  # a block that followed another one tells when it began, not when the other one ended
                self._leave_out(step)
                if change.kind == "unblocked":
                    self._leave_out(_Step(change.api_version, change.before, None))
            step = _Step(change.api_version, change.after, _moment(change)) if change.kind == "blocked" else None
        return step

    def _present(self, latest: OrderLook, step: _Step | None, present: str, last_seen: datetime) -> None:
        """Count the step that an order is in now, if it is in one that can end."""
        if step and step.since and (step.version, step.name) == (latest.api_version, present):
            self._keep(latest, step, last_seen, "waiting")
            return
        self._leave_out(step)
        if present and not (step and step.name == present):
            self._leave_out(_Step(latest.api_version, present, None))

    def _end(self, latest: OrderLook, step: _Step | None, change: Change) -> None:
        moment = _moment(change)
        if step and step.since and moment:
            gave_up = change.after.partition(":")[0] in _ENDED
            self._keep(latest, step, moment, "cancelled" if gave_up else "finished")
        else:
            self._leave_out(step)

    def _keep(self, latest: OrderLook, step: _Step, until: datetime, how: str) -> None:
        found = self._cases[step.version, step.name]
        found.spells.append((max(until - (step.since or until), timedelta()), how == "finished"))
        found.orders.add(latest.order_id)
        found.waiting += how == "waiting"
        found.cancelled += how == "cancelled"

    def _leave_out(self, step: _Step | None) -> None:
        if step and step.name not in final_statuses(step.version):
            self._cases[step.version, step.name].left_out += 1


def _status_after(change: Change) -> str:
    if change.after == "created":
        return PATHS[change.api_version][0]
    return "cancelled" if change.after.startswith("cancelled:") else change.after


def _moment(change: Change) -> datetime | None:
    """When it happened: as the order says, or else the middle between the two looks."""
    if change.happened_at or change.not_before is None:
        return change.happened_at
    return change.not_before + (change.seen_at - change.not_before) / 2
