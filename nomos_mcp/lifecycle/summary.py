"""One order in one line, for a list. Dates only from fields that carry them."""

from datetime import datetime

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.order_state import (
    OrderState,
    Reading,
    age,
    anomalies,
    berlin_date,
    berlin_moment,
    in_berlin,
    is_before,
    is_final,
    is_past_target,
    read,
    time_of_event,
)


def summarise(state: OrderState, *, now: datetime, language: str = "en") -> str:
    """An order in one line: status and block, who must act, and whether it is late or odd.

    Such as "placed, blocked: check_missing since 12 Nov 2026; waiting on the customer". `now` is aware.
    """
    words, reading = texts(language), read(state)
    parts = [_head(reading, now, words)]
    if not is_final(state):
        parts.append(words.waiting_on[reading.turn.waiting_on])
    if state.created_at and is_past_target(reading, now):
        parts.append(words.summary.past_target.format(age=age(state.created_at, now, words)))
    if odd := anomalies(reading, now, words):
        parts.append(words.summary.anomalies.format(count=len(odd)))
    return "; ".join(parts)


def _head(reading: Reading, now: datetime, words: Catalogue) -> str:
    say, state, status = words.summary, reading.state, reading.state.status
    if reading.block:
        reason = state.blocked_reason or say.blocked_unstated
        if state.blocked_at is None:
            return say.blocked.format(status=status, reason=reason)
        since = berlin_date(time_of_event(state.blocked_at, now), words)
        return say.blocked_since.format(status=status, reason=reason, date=since)
    if status == "cancelled" and state.cancelled_reason:
        return say.cancelled.format(status=status, reason=state.cancelled_reason)
    if status == "scheduled" and state.appointment_at:
        passed = in_berlin(state.appointment_at) and is_before(state.appointment_at, now)
        template = say.appointment_past if passed else say.appointment_upcoming
        return template.format(status=status, when=berlin_moment(state.appointment_at, words))
    reached = {"installed": state.installed_at, "activated": state.activated_at}.get(status)
    if reached is None:
        return status
    return say.since.format(status=status, date=berlin_date(time_of_event(reached, now), words))
