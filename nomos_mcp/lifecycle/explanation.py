"""Explaining an order: which texts fit it now, put together and cut to an audience."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from pydantic import BaseModel, ConfigDict

from nomos_mcp.lifecycle.anomalies import anomalies
from nomos_mcp.lifecycle.catalogue import Catalogue, StatusTexts, Turn, texts
from nomos_mcp.lifecycle.lifecycle_errors import UnknownAudienceError
from nomos_mcp.lifecycle.order_state import OrderState, Reading, is_final, read, stage_of
from nomos_mcp.lifecycle.order_times import (
    Time,
    age,
    berlin_moment,
    days_since,
    in_berlin,
    is_ahead,
    is_past_target,
    time_of_event,
    timing,
)
from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CONTRADICTION,
    CURIE,
    PATHS,
    ApiVersion,
    Audience,
    Confidence,
    Outcome,
    WaitingOn,
    blocked_statuses,
)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Answer):
    """The place of a status on the line that its API version documents, counted from 1."""

    index: int
    of: int


class Blocked(_Answer):
    """What holds the order up. `reason` is the API's own word; `since` is Berlin time for people."""

    reason: str | None = None
    meaning: str
    since: str | None = None


class Explanation(_Answer):
    """What a status means, who must act, and what may be said. What does not apply is None and left out on dump."""

    status: str
    label: str
    meaning: str
    stage: Stage | None = None
    final: bool
    outcome: Outcome
    blocked: Blocked | None = None
    waiting_on: WaitingOn
    customer_action: str | None = None
    operator_action: str | None = None
    customer_message: str
    next: str | None = None
    timing: str | None = None
    escalation: str | None = None
    anomalies: list[str] | None = None
    confidence: Confidence | None = None
    sources: list[str] | None = None
    api_version: ApiVersion


def choose_turn(state: OrderState, reading: Reading, status_words: StatusTexts, words: Catalogue) -> Turn:
    """The texts on who must act: the contradiction's if the fields disagree, else the block's, else the status's."""
    if reading.turn is CONTRADICTION:
        return words.contradiction
    if reading.block:
        return words.blocked[reading.block]
    if state.status == "cancelled" and state.cancelled_reason in CANCELLED_REASONS:
        return words.cancelled[state.cancelled_reason]
    return status_words


def build_explanation(
    state: OrderState,
    reading: Reading,
    status_words: StatusTexts,
    words: Catalogue,
    *,
    audience: Audience,
    turn: Turn,
    timing: str | None,
    since: str | None = None,
    anomalies: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Explanation:
    """Build an explanation of facts and texts, cut to its audience. `notes` are about the names that were used.

    Raises:
        UnknownAudienceError: the audience is neither agent nor customer.
    """
    if audience not in get_args(Audience):
        raise UnknownAudienceError(
            f"Unknown audience {audience!r}. Use 'agent' for support staff, or 'customer' for what a customer may read."
        )
    agent = audience == "agent"
    # Under a block the texts of the turn are about the block, so the status still explains itself.
    under_block = reading.block and reading.turn is not CONTRADICTION
    meaning = status_words.meaning if under_block else turn.meaning
    index = stage_of(state)
    return Explanation(
        status=state.status,
        label=_label(reading, status_words, words),
        meaning=" ".join([meaning, *notes, *_reason_notes(state, reading, words)]) if agent else meaning,
        stage=Stage(index=index, of=len(PATHS[state.api_version])) if index else None,
        final=is_final(state),
        outcome=reading.status.outcome,
        blocked=_blocked(state, reading, status_words, words, since),
        waiting_on=reading.turn.waiting_on,
        customer_action=turn.customer_action,
        operator_action=turn.operator_action if agent else None,
        customer_message=turn.customer_message,
        next=turn.next,
        timing=timing,
        escalation=turn.escalation if agent else None,
        anomalies=(list(anomalies) or None) if agent else None,
        confidence=reading.confidence if agent else None,
        sources=(list(reading.sources) or None) if agent else None,
        api_version=state.api_version,
    )


def _label(reading: Reading, status_words: StatusTexts, words: Catalogue) -> str:
    if reading.block is None or status_words is words.overlay:
        return status_words.label
    return words.note.blocked_label.format(label=status_words.label)


def _blocked(
    state: OrderState, reading: Reading, status_words: StatusTexts, words: Catalogue, since: str | None
) -> Blocked | None:
    if reading.block:
        return Blocked(reason=state.blocked_reason or None, meaning=words.blocked[reading.block].meaning, since=since)
    if status_words.hold is None:
        return None
    # A status that is a block in itself is its own reason; the overlay asked for by name has none yet.
    reason = state.status if state.status in blocked_statuses(state.api_version) else None
    return Blocked(reason=reason, meaning=status_words.hold)


def _reason_notes(state: OrderState, reading: Reading, words: Catalogue) -> list[str]:
    notes = []
    if reading.block == "unknown":
        notes.append(words.note.unknown_blocked_reason.format(known=", ".join(BLOCKED_REASONS)))
    if state.status == "cancelled" and state.cancelled_reason and state.cancelled_reason not in CANCELLED_REASONS:
        known = ", ".join(CANCELLED_REASONS)
        notes.append(words.note.unknown_cancelled_reason.format(reason=state.cancelled_reason, known=known))
    return notes


def explain(state: OrderState, *, now: datetime, audience: Audience = "agent", language: str = "en") -> Explanation:
    """Explain an order.

    Args:
        state: the order. Values that are new to us are explained as far as possible, never refused.
        now: the current time, aware.
        audience: `agent` also gets operator action, escalation, anomalies, sources and confidence.
        language: the language of every sentence.

    Returns:
        What the order's state means, who must act, and what may be said. Times are Berlin time with its zone.

    Raises:
        UnknownLanguageError: there are no texts in this language.
        UnknownAudienceError: the audience is neither agent nor customer.
        UnknownVersionError: the order's API version has no meter orders.
    """
    words, reading = texts(language), read(state)
    status_words = words.statuses(state.api_version).get(state.status, words.unknown)
    since = None
    if reading.block and state.blocked_at:
        blocked_at = time_of_event(state.blocked_at, now)
        since = berlin_moment(blocked_at, words)
        if audience == "agent" and (told := age(blocked_at, now, words)):
            since += f" ({told})"
    return build_explanation(
        state,
        reading,
        status_words,
        words,
        audience=audience,
        turn=_turn(state, reading, status_words, now, words),
        timing=timing(state, reading, now, words),
        since=since,
        anomalies=anomalies(state, now, words),
    )


def _turn(state: OrderState, reading: Reading, status_words: StatusTexts, now: datetime, words: Catalogue) -> Turn:
    turn = choose_turn(state, reading, status_words, words)
    # A customer is told no appointment that Berlin's calendar cannot show.
    appointment = state.appointment_at if state.appointment_at and in_berlin(state.appointment_at) else None
    if state.api_version == CURIE and (appointment or "appointment_at" in state.unreadable):
        turn = _beside(appointment, turn, state, reading, now, words)
    return _late(turn, reading, words) if is_past_target(state, reading, now) else turn


def _beside(
    appointment: Time | None, turn: Turn, state: OrderState, reading: Reading, now: datetime, words: Catalogue
) -> Turn:
    """The turn beside an appointment, None if it cannot be read: it may lie ahead, and is taken to.

    While one lies ahead, nobody may be told that there is nothing to do.
    """
    say = words.appointment
    when = berlin_moment(appointment, words) if appointment else ""
    ahead = appointment is None or is_ahead(appointment, now)
    if reading.turn is CONTRADICTION:
        return turn
    # Installers come late. Under a block nobody is asked whether one came, so the appointment is kept free all day.
    if reading.block and (ahead or (appointment and days_since(appointment, now) == 0)):
        kept_free = say.dated.format(moment=when) if appointment else say.undated
        message = words.blocked[reading.block].beside_appointment.format(appointment=kept_free)
        action = turn.customer_action or say.on_hold
        return turn.model_copy(update={"customer_message": message, "customer_action": action})
    if reading.turn is reading.status and reading.status.phase == "before_installation":
        said = (say.upcoming if ahead else say.past) if appointment else say.unreadable
        meaning = said.meaning if state.status == "scheduled" else turn.meaning
        message = said.customer_message.format(appointment=when)
        return said.model_copy(update={"customer_message": message, "meaning": meaning})
    if reading.turn is reading.status and reading.status.phase == "after_installation" and ahead:
        return turn.model_copy(update={"customer_message": words.contradiction.customer_message})
    return turn


def _late(turn: Turn, reading: Reading, words: Catalogue) -> Turn:
    # No apology to a customer whose own step is missing: it would lay the delay at somebody else's door.
    apology = "" if reading.turn.waiting_on == "customer" else f" {words.timing.apology}"
    message = turn.customer_message + apology
    return turn.model_copy(
        update={"customer_message": message, "escalation": turn.escalation or words.timing.escalation}
    )
