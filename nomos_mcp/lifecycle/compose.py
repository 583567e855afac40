"""Facts and texts put together into an explanation, and cut to its audience. It does not know what time it is."""

from collections.abc import Sequence
from typing import get_args

from nomos_mcp.lifecycle.catalogue import Catalogue, StatusTexts, Turn
from nomos_mcp.lifecycle.errors import UnknownAudienceError
from nomos_mcp.lifecycle.explanation import Blocked, Explanation, Stage
from nomos_mcp.lifecycle.order import OrderState, Reading, is_final, stage_of
from nomos_mcp.lifecycle.statuses import CONTRADICTION, blocked_statuses
from nomos_mcp.lifecycle.vocabularies import BLOCKED_REASONS, CANCELLED_REASONS, PATHS, Audience


def choose_turn(state: OrderState, reading: Reading, status_words: StatusTexts, words: Catalogue) -> Turn:
    """Whose turn it is: nobody knows if the fields contradict each other; else the block says it, then the status."""
    if reading.turn is CONTRADICTION:
        return words.contradiction
    if reading.block:
        return words.blocked[reading.block]
    if state.status == "cancelled" and state.cancelled_reason in CANCELLED_REASONS:
        return words.cancelled[state.cancelled_reason]
    return status_words


def compose(
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
    """Put an explanation together.

    Args:
        state: the order, or as much of one as a name gives.
        reading: what its fields say together.
        status_words: the texts of its status.
        words: the language's catalogue.
        audience: the agent also gets operator action, escalation, anomalies, notes, confidence and sources.
        turn: the texts of whose turn it is.
        timing: what may be said about time.
        since: since when the order is blocked, in Berlin time.
        anomalies: what is odd about the order.
        notes: what is to be known about the names used.

    Raises:
        UnknownAudienceError: the audience is neither agent nor customer.
    """
    if audience not in get_args(Audience):
        raise UnknownAudienceError(
            f"Nothing is written for the audience {audience!r}: it is 'agent' for support staff or 'customer' for what "
            "a customer may be told. Ask for one of them."
        )
    agent = audience == "agent"
    # Under a block the turn tells of the block; what the status means is still the status's own to say.
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
