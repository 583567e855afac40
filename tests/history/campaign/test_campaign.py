"""The history in a world that is not calm, judged by the simulator's ledger. `CAMPAIGN=full` runs all of it."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.databases import new_database
from tests.history.campaign.judge import judge, undone
from tests.history.campaign.trial import Trial, run

FULL = os.environ.get("CAMPAIGN") == "full"
SCHEDULES = {"sqlite": 1000 if FULL else 4, "postgresql": 250 if FULL else 2}
SHOWN = 3
REACHED = (
    "polls",
    "polls resumed",
    "polls that found another",
    "killed",
    "reads",
    "orders read for webhooks",
    "events kept",
    "lagging reads",
    *(f"delivered: {fate}" for fate in ("once", "twice", "lost", "forged", "again later")),
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the logs of thousands of deliveries out of the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
async def test_the_feed_tells_what_happened_and_nothing_else(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counts: Counter[str] = Counter()
    flaws: list[str] = []
    for seed in range(SCHEDULES[engine]):
        if engine == "sqlite":
            trial = await run(seed, f"sqlite:///{tmp_path / f'{seed}.db'}")
        else:
            with new_database(request.getfixturevalue("postgresql_url")) as url:
                trial = await run(seed, url)
        flaws += [f"seed {seed}: {flaw}" for flaw in judge(trial)]
        counts += trial.counts
        counts["changes told"] += len(trial.told)
        counts["moves undone between two looks"] += undone(trial)
    figures = "; ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    record_property("figures", f"campaign of the history on {engine}, {SCHEDULES[engine]} schedules: {figures}")
    shown = "\n".join(flaws[:SHOWN])
    assert not flaws, f"{len(flaws)} flaws in {SCHEDULES[engine]} schedules\n{shown}"
    assert not (FULL and [name for name in REACHED if not counts[name]])


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    import asyncio  # noqa: PLC0415

    return asyncio.run(run(1, f"sqlite:///{tmp_path_factory.mktemp('judge') / 'history.db'}"))


def rules(trial: Trial) -> set[str]:
    return {flaw.partition(":")[0] for flaw in judge(trial)}


def test_the_judge_lets_the_truth_pass(trial: Trial) -> None:
    assert rules(trial) == set()
    assert trial.told


def test_the_judge_sees_a_change_that_is_told_twice(trial: Trial) -> None:
    last = trial.told[-1]
    assert "a lie or twice" in rules(replace(trial, told=[*trial.told, replace(last, number=last.number + 1)]))


def test_the_judge_sees_a_change_at_a_wrong_time(trial: Trial) -> None:
    change = next(each for each in reversed(trial.told) if each.of_status and each.happened_at is None)
    late = replace(change, not_before=change.seen_at + timedelta(days=2), seen_at=change.seen_at + timedelta(days=3))
    told = [late if each is change else each for each in trial.told]
    assert "a lie or twice" in rules(replace(trial, told=told))


def test_the_judge_sees_a_change_that_is_missing(trial: Trial) -> None:
    moved = [each for each in trial.told if each.of_status and each.before]
    busiest, _ = Counter(each.order_id for each in moved).most_common(1)[0]
    orders = [each for each in moved if each.order_id == busiest]
    assert "chain" in rules(replace(trial, told=[each for each in trial.told if each is not orders[1]]))


def test_the_judge_sees_a_state_that_was_not_recorded(trial: Trial) -> None:
    look = trial.looks[-1]
    order_id, recorded = next(iter(look.recorded.items()))
    wrong = replace(
        look, recorded={**look.recorded, order_id: replace(recorded, status="installed", seen_at=trial.told[0].seen_at)}
    )
    assert {"lost", "the end"} <= rules(replace(trial, looks=[*trial.looks[:-1], wrong]))


def test_the_judge_sees_events_that_were_accepted_and_not_kept(trial: Trial) -> None:
    assert "events" in rules(replace(trial, accepted=trial.accepted | {"evt_lost"}))


def test_the_judge_sees_forged_deliveries_that_were_accepted(trial: Trial) -> None:
    assert "forged" in rules(replace(trial, forged_accepted=1))
