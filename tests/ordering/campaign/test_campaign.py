"""Ordering in a world that is not calm, judged by the ledger. `CAMPAIGN=full` runs all of it; `.ci/nightly` does."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.ordering.campaign.judge import judge, missed, rules
from tests.ordering.campaign.reached import missing, reached
from tests.ordering.campaign.schedules import FOCI, drawn
from tests.ordering.campaign.trial import run

FULL = os.environ.get("CAMPAIGN") == "full"
SCHEDULES = len(FOCI) * (11 if FULL else 1)
SHOWN = 3


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the servers' logs out of the report of thousands of trials."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_no_schedule_breaks_a_promise(record_property: Callable[[str, object], None]) -> None:
    counts: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for seed in range(SCHEDULES):
        schedule = drawn(seed)
        trial = run(schedule)
        flaws = judge(trial)
        broken.update(rules(flaws))
        broken["schedules with a flaw"] += bool(flaws)
        for flaw in flaws:
            examples.setdefault(next(iter(rules([flaw]))), []).append(f"seed {seed} ({schedule.focus}): {flaw}")
        counts.update(reached(trial))
        counts["orders in the ledgers"] += len(trial.ledger)
        counts["outcome_unknown, and could have been known"] += sum(1 for _ in missed(trial))
    unreached = missing(counts)
    figures = "; ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    record_property("figures", f"campaign of ordering, {SCHEDULES} schedules: {figures}")
    found = "; ".join(f"{rule} {count}" for rule, count in (+broken).most_common())
    shown = "\n".join(flaw for flaws in examples.values() for flaw in flaws[:SHOWN])
    assert not broken["schedules with a flaw"], f"{SCHEDULES} schedules: {found}\n{shown}"
    assert not (FULL and unreached), f"the campaign did not reach: {unreached}"
    record_property("figures", f"campaign of ordering: 0 broken promises in {SCHEDULES} schedules")
