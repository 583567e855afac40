"""One order in one line, for a list. Dates only from fields that carry them."""

from dataclasses import dataclass
from datetime import datetime

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.order_state import (
    OrderState,
    Reading,
    age,
    berlin_date,
    berlin_moment,
    is_past_target,
    names_of_anomalies,
    read,
    time_of_event,
)
from nomos_mcp.lifecycle.statuses import PASSED, Confidence, WaitingOn


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a list says of an order beside its status.

    Attributes:
        text: the block, the appointment, since when or why, such as "blocked: check_missing since 12 Nov 2026"; empty
            if the status says it all.
        waiting_on: as in the order's explanation; `confidence` too.
        anomalies: as `anomaly_names`.
        appointment_passed: the one of them that an appointment has passed and nothing shows an installation.
        overdue: whether it is not installed yet and past the target; None if that is not known.
    """

    text: str
    waiting_on: WaitingOn
    confidence: Confidence
    anomalies: list[str]
    appointment_passed: str | None
    overdue: bool | None


def summary_of(state: OrderState, *, now: datetime, language: str = "en") -> Summary:
    """Sum an order up for a list. `now` is aware."""
    words, reading = texts(language), read(state, now)
    odd, passed = names_of_anomalies(reading, now, words), words.anomaly_names["appointment_past"]
    return Summary(
        text=_head(reading, now, words).removeprefix(state.status).lstrip(" ,:"),
        waiting_on=reading.turn.waiting_on,
        confidence=reading.confidence,
        anomalies=odd,
        appointment_passed=passed if passed in odd else None,
        overdue=is_past_target(reading, now),
    )


def summarise(state: OrderState, *, now: datetime, language: str = "en") -> str:
    """An order in one line: status and block, who must act, and whether it is late or odd.

    Such as "placed, blocked: check_missing since 12 Nov 2026; waiting on the customer". `now` is aware.
    """
    words, reading = texts(language), read(state, now)
    parts = [_head(reading, now, words)]
    if reading.turn.waiting_on != "nobody":
        parts.append(words.waiting_on[reading.turn.waiting_on])
    if state.created_at and is_past_target(reading, now):
        parts.append(words.summary.past_target.format(age=age(state.created_at, now, words)))
    if odd := names_of_anomalies(reading, now, words):
        parts.append(words.summary.anomalies.format(names=", ".join(odd)))
    return "; ".join(parts)


def _head(reading: Reading, now: datetime, words: Catalogue) -> str:
    say, state, status = words.summary, reading.state, reading.state.status
    if reading.block:
        reason = state.blocked_reason or say.blocked_unstated
        blocked_at = state.blocked_at and time_of_event(state.blocked_at, now)
        if blocked_at is None:
            return say.blocked.format(status=status, reason=reason)
        return say.blocked_since.format(status=status, reason=reason, date=berlin_date(blocked_at, words))
    if status == "cancelled" and state.cancelled_reason:
        return say.cancelled.format(status=status, reason=state.cancelled_reason)
    if status == "scheduled" and state.appointment_at:
        template = say.appointment_past if reading.turn is PASSED else say.appointment_upcoming
        return template.format(status=status, when=berlin_moment(state.appointment_at, words))
    reached = {"installed": state.installed_at, "activated": state.activated_at}.get(status)
    reached = reached and time_of_event(reached, now)
    return say.since.format(status=status, date=berlin_date(reached, words)) if reached else status
