"""What is odd about an order's own fields.

Edison orders carry no times but `created_at`, and no reasons, so there nothing can be missing.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from nomos_mcp.lifecycle.catalogue import AnomalyTexts, Catalogue
from nomos_mcp.lifecycle.order_state import CHECK_REVIEWED, OrderState, fields_ahead, is_blocked, is_final, read
from nomos_mcp.lifecycle.order_times import CLOCK_SKEW, as_it_came, berlin_moment, in_berlin, is_after, is_ahead
from nomos_mcp.lifecycle.statuses import CURIE

_HAPPENED: Final = ("created_at", "installed_at", "activated_at", "cancelled_at", "blocked_at")
_MILESTONES: Final = {"installed": "installed_at", "activated": "activated_at", "cancelled": "cancelled_at"}


def anomalies(state: OrderState, now: datetime, words: Catalogue) -> list[str]:
    """What is odd, one sentence each."""
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
    phase = read(state).status.phase
    appointment = state.appointment_at
    if is_ahead(appointment, now):
        if phase in ("after_installation", "over"):
            yield words.anomaly.appointment_too_late.format(status=state.status)
        elif is_blocked(state):
            yield words.anomaly.appointment_while_blocked
    elif "appointment_at" in state.unreadable and is_blocked(state):
        yield words.anomaly.appointment_while_blocked
    elif phase == "before_installation" and appointment and in_berlin(appointment):
        yield words.anomaly.appointment_past.format(status=state.status)
    if state.status == "scheduled" and not state.has("appointment_at"):
        yield words.anomaly.appointment_missing


def _milestones(state: OrderState, say: AnomalyTexts) -> Iterator[str]:
    name = _MILESTONES.get(state.status)
    if name and not state.has(name):
        yield say.without_time.format(field=name, status=state.status)
    if state.status == "cancelled" and not state.cancelled_reason:
        yield say.cancelled_without_reason
    yield from (say.too_early.format(field=name, status=state.status) for name in fields_ahead(state))


def _block(state: OrderState, say: AnomalyTexts) -> Iterator[str]:
    if is_final(state) and (state.has("blocked_at") or state.has("blocked_reason")):
        yield say.blocked_when_final.format(status=state.status)
    if not is_blocked(state):
        return
    if not state.blocked_reason:
        yield say.blocked_without_reason
    if not state.has("blocked_at"):
        yield say.blocked_without_time
    if state.blocked_reason == "check_missing" and state.status in CHECK_REVIEWED:
        yield say.check_already_reviewed.format(status=state.status)
