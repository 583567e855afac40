"""What the feed told, against the ledger of what happened. Knows nothing of how the feed is made."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from nomos_mcp.history.changes import Change
from nomos_mcp.history.lagging_reads import LAG
from tests.history.campaign.trial import MAX_LAG, Trial
from tests.history.campaign.world import Move

_TICK = timedelta(seconds=1)  # the API has whole seconds


def judge(trial: Trial) -> list[str]:
    """Return every flaw, each beginning with the rule that it breaks."""
    return [f"{rule}: {text}" for rule, text in _flaws(trial)]


def undone(trial: Trial) -> int:
    """Count the true changes that were not told: they happened and were undone between two looks."""
    true = sum(len(list(_true_changes(states))) for states in trial.moves.values())
    return true - sum(_matched(trial, order_id)[0] for order_id in trial.moves)


def _flaws(trial: Trial) -> Iterator[tuple[str, str]]:
    for order_id, states in trial.moves.items():
        _, lies = _matched(trial, order_id)
        yield from (("a lie or twice", lie) for lie in lies)
        yield from _chain(order_id, [each for each in trial.told if each.order_id == order_id])
        for look in (each for each in trial.looks if order_id in each.recorded):
            recorded, true = look.recorded[order_id], _at(states, look.at)
            wrong = [name for name in _KEPT if _text(getattr(recorded, name)) != _text(true.state[name])]
            if wrong and look.at - trial_time(recorded.seen_at, trial) > LAG + MAX_LAG:
                yield "lost", f"{order_id}: {wrong} at {look.at}: {recorded.status}, but it was {true.state['status']}"
    last = trial.looks[-1]
    for order_id, states in trial.moves.items():
        recorded = last.recorded[order_id]
        if any(_text(getattr(recorded, name)) != _text(states[-1].state[name]) for name in _KEPT):
            yield "the end", f"{order_id}: {recorded} is not {states[-1].state}"
    if trial.forged_accepted:
        yield "forged", f"{trial.forged_accepted} forged deliveries were accepted"
    if trial.kept != trial.accepted:
        yield "events", f"kept {sorted(trial.kept ^ trial.accepted)} differently from what was answered"


def trial_time(moment: datetime, trial: Trial) -> datetime:
    return moment - trial.skew


_KEPT = ("status", "blocked_reason", "blocked_at", "appointment_at", "installed_at", "activated_at", "cancelled_at")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return str(value or "")[:19]


def _at(states: Sequence[Move], moment: datetime) -> Move:
    return [state for state in states if state.at <= moment][-1]


def _true_changes(states: Sequence[Move]) -> Iterator[tuple[str, str, datetime]]:
    """Yield kind of change, what it became, and when."""
    for before, after in pairwise(states):
        was, now = before.state, after.state
        if now["installed_at"] and not was["installed_at"] and now["status"] != "installed":
            yield "status", "installed", after.at  # the order's own date tells of a status that it passed through
        if was["status"] != now["status"]:
            yield "status", _status(now), after.at
        if now["blocked_at"] and was["blocked_at"] != now["blocked_at"]:
            yield "blocked", f"blocked: {now['blocked_reason']}", after.at
        if was["blocked_at"] and not now["blocked_at"]:
            yield "unblocked", "", after.at
        if was["appointment_at"] != now["appointment_at"]:
            yield "appointment", "", after.at


def _status(state: Mapping[str, Any]) -> str:
    return f"cancelled: {state['cancelled_reason']}" if state["status"] == "cancelled" else str(state["status"])


def _told_kind(change: Change) -> str:
    return "status" if change.of_status else change.kind


def _matched(trial: Trial, order_id: str) -> tuple[int, list[str]]:
    """Match each change that was told with one that happened; return how many matched, and the others.

    What happened before the first look was told from the order's own dates, and is not in the ledger's moves.
    """
    states = trial.moves[order_id]
    open_ = list(_true_changes(states))
    matched, lies = 0, []
    tolerance = MAX_LAG + abs(trial.skew) + _TICK
    for change in (each for each in trial.told if each.order_id == order_id):
        if change.latest <= states[0].at + _TICK:
            continue
        for true in open_:
            kind, after, at = true
            if kind != _told_kind(change) or (after and after != change.after):
                continue
            exact = change.happened_at is None or abs(change.happened_at - at) <= _TICK
            if exact and change.earliest - tolerance <= at <= change.latest + tolerance:
                open_.remove(true)
                matched += 1
                break
        else:
            lies.append(f"{change} of {order_id} has no change of its own in {[*_true_changes(states)]}")
    return matched, lies


def _chain(order_id: str, told: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Every change of status begins where the last one ended."""
    statuses = [each for each in told if each.of_status and each.before]
    for before, after in pairwise(statuses):
        if before.after != after.before:
            yield "chain", f"{order_id}: {before.before} → {before.after}, then {after.before} → {after.after}"
