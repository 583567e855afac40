"""One order, explained. It decides which texts fit the order at this time, and writes none."""

from datetime import datetime

from nomos_mcp.lifecycle.anomalies import anomalies
from nomos_mcp.lifecycle.catalogue import Catalogue, StatusTexts, Turn, texts
from nomos_mcp.lifecycle.compose import choose_turn, compose
from nomos_mcp.lifecycle.explanation import Explanation
from nomos_mcp.lifecycle.order import OrderState, Reading, read
from nomos_mcp.lifecycle.statuses import CONTRADICTION
from nomos_mcp.lifecycle.times import Time, age, berlin_moment, days_since, in_berlin, is_ahead, time_of_event
from nomos_mcp.lifecycle.timing import is_past_target, timing
from nomos_mcp.lifecycle.vocabularies import CURIE, Audience


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
    return compose(
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
