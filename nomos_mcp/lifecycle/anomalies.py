"""What is odd about an order's own fields. Only fields that its API version has are looked at.

Beyond `created_at`, edison orders carry no times and no reasons, so nothing can be missing there.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from nomos_mcp.lifecycle.catalogue import AnomalyTexts, Catalogue
from nomos_mcp.lifecycle.order import OrderState, is_blocked, is_final, read
from nomos_mcp.lifecycle.times import CLOCK_SKEW, as_it_came, berlin_moment, in_berlin, is_after, is_before
from nomos_mcp.lifecycle.vocabularies import CURIE, PATHS

_HAPPENED: Final = ("created_at", "installed_at", "activated_at", "cancelled_at", "blocked_at")
_MILESTONES: Final = {"installed": "installed_at", "activated": "activated_at", "cancelled": "cancelled_at"}
_CHECK_DONE: Final = PATHS[CURIE][PATHS[CURIE].index("check_reviewed") :]


def anomalies(state: OrderState, now: datetime, words: Catalogue) -> list[str]:
    """What is odd, one sentence each.

    Args:
        state: the order.
        now: the current time, aware.
        words: the language's catalogue.
    """
    say = words.anomaly
    found = [say.unreadable.format(field=name, text=repr(raw)) for name, raw in state.unreadable.items()]
    found += [
        say.unreadable.format(field=name, text=repr(as_it_came(moment)))
        for name in (*_HAPPENED, "appointment_at")
        if (moment := getattr(state, name)) and not in_berlin(moment)
    ]
    found += [
        say.in_future.format(field=name, when=berlin_moment(moment, words))
        for name in _HAPPENED
        if (moment := getattr(state, name)) and in_berlin(moment) and is_after(moment, now + CLOCK_SKEW)
    ]
    if state.api_version == CURIE:
        found += [*_appointment(state, now, words), *_milestones(state, say), *_block(state, say)]
    return found


def _appointment(state: OrderState, now: datetime, words: Catalogue) -> Iterator[str]:
    if read(state).status.phase != "before_installation":
        return
    appointment = state.appointment_at if state.appointment_at and in_berlin(state.appointment_at) else None
    if appointment and is_before(appointment, now):
        yield words.anomaly.appointment_past.format(status=state.status)
    elif appointment and is_blocked(state):
        # The customer is told of the block and asked nothing, and may not be at home.
        yield words.anomaly.appointment_while_blocked
    if state.status == "scheduled" and not state.has("appointment_at"):
        yield words.anomaly.appointment_missing


def _milestones(state: OrderState, say: AnomalyTexts) -> Iterator[str]:
    name = _MILESTONES.get(state.status)
    if name and not state.has(name):
        yield say.without_time.format(field=name, status=state.status)
    if state.status == "cancelled" and not state.cancelled_reason:
        yield say.cancelled_without_reason
    early = {
        "installed_at": read(state).status.phase == "before_installation",
        "activated_at": read(state).status.phase in ("before_installation", "after_installation"),
        "cancelled_at": read(state).status.outcome in ("open", "success"),
        "cancelled_reason": read(state).status.outcome in ("open", "success"),
    }
    yield from (
        say.too_early.format(field=name, status=state.status)
        for name, is_early in early.items()
        if is_early and state.has(name)
    )


def _block(state: OrderState, say: AnomalyTexts) -> Iterator[str]:
    if is_final(state) and (state.has("blocked_at") or state.has("blocked_reason")):
        yield say.blocked_when_final.format(status=state.status)
    if not is_blocked(state):
        return
    if not state.blocked_reason:
        yield say.blocked_without_reason
    if not state.has("blocked_at"):
        yield say.blocked_without_time
    if state.blocked_reason == "check_missing" and state.status in _CHECK_DONE:
        yield say.check_already_reviewed.format(status=state.status)
