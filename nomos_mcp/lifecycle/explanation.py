"""What an order's state means: the texts that fit it now, put together and cut to an audience."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args

from pydantic import BaseModel, ConfigDict

from nomos_mcp.lifecycle.catalogue import Catalogue, StatusTexts, Turn, texts
from nomos_mcp.lifecycle.observed import Observed, began_between, for_which_time, took_sentence
from nomos_mcp.lifecycle.order_state import (
    OrderState,
    Reading,
    Time,
    age,
    anomalies,
    berlin_date,
    berlin_moment,
    fields_ahead,
    in_berlin,
    is_ahead,
    is_blocked,
    is_final,
    is_older_than_target,
    is_past_target,
    read,
    time_of_event,
)
from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CHECK_NOT_SHOWN,
    CONTRADICTION,
    CURIE,
    EDISON,
    OVERLAY,
    PASSED,
    PATHS,
    UNKNOWN,
    ApiVersion,
    Audience,
    Confidence,
    CustomerSays,
    FieldConfidence,
    Outcome,
    UnknownAudienceError,
    WaitingOn,
    blocked_statuses,
)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Answer):
    """A status' place on the line that its API version documents, from 1."""

    index: int
    of: int


class Blocked(_Answer):
    """What holds the order up. `reason` is the API's own word; `since` is the day in Berlin."""

    reason: str | None = None
    meaning: str
    since: str | None = None


class Explanation(_Answer):
    """What a status means, who must act, and what may be said. What does not apply is left out."""

    # `path` is the usual progress of the API version, for a status that was asked for by name. `confidence` says how
    # well it is known who must act, `confidence_of` what is known less well than that.
    status: str | None = None
    label: str | None = None
    meaning: str
    stage: Stage | None = None
    path: str | None = None
    final: bool | None = None
    outcome: Outcome | None = None
    blocked: Blocked | None = None
    waiting_on: WaitingOn
    customer_action: str | None = None
    operator_action: str | None = None
    customer_message: str
    next: str | None = None
    timing: str | None = None
    escalation: str | None = None
    anomalies: list[str] | None = None
    confidence: Confidence
    confidence_of: dict[str, FieldConfidence] | None = None
    sources: list[str] | None = None
    api_version: ApiVersion | None = None


def explain(
    state: OrderState,
    *,
    now: datetime,
    audience: Audience = "agent",
    language: str = "en",
    customer_says: CustomerSays = "",
    observed: Observed | None = None,
) -> Explanation:
    """Explain an order.

    Args:
        state: the order. Values that are new to us are explained as far as possible, never refused.
        now: the current time, aware.
        audience: `agent` also gets operator action, escalation, anomalies and sources.
        language: the language of every sentence.
        customer_says: `already_done` if the customer says that their part is done. Where nothing is known to wait for
            them, the meaning says so to the agent, and all else stays.
        observed: what the operator's own history adds; how long steps took is for the agent only.

    Raises:
        UnknownAudienceError: the audience is neither agent nor customer.
    """
    words, reading = texts(language), read(state, now)
    since = words.timing.not_known if is_blocked(state) else None
    if since and (blocked_at := state.blocked_at and time_of_event(state.blocked_at, now)):
        since = berlin_date(blocked_at, words)
        if audience == "agent" and (told := age(blocked_at, now, words)):
            since += f" ({told})"
    seen: dict[str, FieldConfidence] = {}
    if since == words.timing.not_known and observed and observed.blocked_between:
        since, seen = began_between(observed.blocked_between, words), {"blocked.since": "observed"}
    if since and observed and (again := for_which_time(observed.times_blocked, words)):
        since += f", {again}"
    explanation = build_explanation(
        reading,
        words,
        audience=audience,
        turn=_turn_now(reading, now, words, customer_says),
        timing=_timing(reading, now, words),
        since=since,
        anomalies=anomalies(reading, now, words),
        customer_says=customer_says,
        notes=_metering_notes(reading, words),
    )
    update: dict[str, object] = {}
    # Where it is not known which step an order is in, nothing is known about its time either.
    if audience == "agent" and observed and observed.took and not (is_final(state) or reading.turn is CONTRADICTION):
        took = took_sentence(observed.took, words, of_block=is_blocked(state))
        update, seen = {"timing": " ".join(filter(None, [explanation.timing, took]))}, {**seen, "timing": "observed"}
    return explanation.model_copy(
        update={**update, "confidence_of": {**(explanation.confidence_of or {}), **seen} or None}
    )


def known_audience(audience: str) -> Audience:
    """Return an audience that exists.

    Raises:
        UnknownAudienceError: it is neither agent nor customer.
    """
    known: Audience | None = next((each for each in get_args(Audience) if each == audience), None)
    if known is None:
        raise UnknownAudienceError(
            f"Unknown audience {audience!r}. Use 'agent' for support staff, or 'customer' for what a customer may read."
        )
    return known


def build_explanation(
    reading: Reading,
    words: Catalogue,
    *,
    audience: Audience,
    turn: Turn,
    timing: str | None,
    since: str | None = None,
    anomalies: Sequence[str] = (),
    customer_says: CustomerSays = "",
    notes: Sequence[str] = (),
) -> Explanation:
    """Build an explanation of facts and texts, cut to its audience. `notes` are about the names that were used."""
    known_audience(audience)
    agent = audience == "agent"
    state, status_words = reading.state, status_texts(reading, words)
    # Under a block the texts of the turn are about the block, so the status still explains itself.
    under_block = reading.block and reading.turn not in (CONTRADICTION, PASSED)
    meaning = status_words.meaning if under_block else turn.meaning
    label = status_words.label
    if reading.block and reading.status is not OVERLAY:
        label = words.note.blocked_label.format(label=label)
    path = PATHS[state.api_version]
    # The records ask for what the customer says is done: neither is known to be right.
    disputed = bool(customer_says and turn_texts(reading, words).already_done)
    if customer_says and not disputed:
        notes = [*notes, words.already_done.nothing_known]
    contradicted_end = reading.turn is CONTRADICTION and is_final(state)
    said = {
        "meaning": " ".join([meaning, *_status_notes(reading, words), *notes]) if agent else meaning,
        "operator_action": turn.operator_action if agent else None,
        "next": turn.next,
    }
    blocked = _blocked(reading, words, since)
    return Explanation(
        status=state.status,
        label=label,
        stage=Stage(index=path.index(state.status) + 1, of=len(path)) if state.status in path else None,
        final=None if contradicted_end else is_final(state),
        outcome="unknown" if contradicted_end else reading.status.outcome,
        blocked=blocked,
        waiting_on="unknown" if disputed else reading.turn.waiting_on,
        customer_action=turn.customer_action,
        customer_message=turn.customer_message,
        timing=timing,
        escalation=turn.escalation if agent else None,
        anomalies=(list(anomalies) or None) if agent else None,
        confidence="unknown" if disputed else reading.confidence,
        confidence_of=_less_certain(said, reading, words, on_hold=blocked is not None),
        sources=(list(reading.sources) or None) if agent else None,
        api_version=state.api_version,
        **said,
    )


def _less_certain(
    said: Mapping[str, str | None], reading: Reading, words: Catalogue, *, on_hold: bool
) -> dict[str, FieldConfidence] | None:
    """The fields that are known less well than the answer. How a block ends is inferred throughout."""
    if reading.confidence == "unknown":
        return None
    if reading.status is UNKNOWN:
        return {"meaning": "unknown"}
    if _reason_is_new(reading.state):
        return {"cancelled_reason": "unknown"}
    if reading.confidence != "documented":
        return None
    mark = f"{words.labels.confidence['inferred']})"
    inferred = {name for name, text in said.items() if text and (mark in text or (name == "next" and on_hold))}
    return {name: "inferred" for name in said if name in inferred} or None


def status_texts(reading: Reading, words: Catalogue) -> StatusTexts:
    """The texts of the status, as if nothing lay over it."""
    if reading.status is OVERLAY:
        return words.overlay
    return words.statuses(reading.state.api_version).get(reading.state.status, words.unknown)


def turn_texts(reading: Reading, words: Catalogue) -> Turn:
    """The texts on who must act: the contradiction's if the fields disagree, else the block's, else the status's."""
    state = reading.state
    if reading.turn is CONTRADICTION:
        return words.contradiction
    if reading.block:
        return words.blocked[reading.block]
    if state.status == "cancelled" and state.cancelled_reason in CANCELLED_REASONS:
        return words.cancelled[state.cancelled_reason]
    return status_texts(reading, words)


def _blocked(reading: Reading, words: Catalogue, since: str | None) -> Blocked | None:
    state = reading.state
    if reading.block:
        return Blocked(reason=state.blocked_reason or None, meaning=words.blocked[reading.block].meaning, since=since)
    hold = status_texts(reading, words).hold
    if hold is None:
        return None
    # A status that is a block in itself is its own reason; the overlay asked for by name has none yet.
    reason = state.status if state.status in blocked_statuses(state.api_version) else None
    return Blocked(reason=reason, meaning=hold, since=since)


def _status_notes(reading: Reading, words: Catalogue) -> list[str]:
    state, notes = reading.state, []
    if state.api_version == EDISON and state.status in CHECK_NOT_SHOWN:
        notes.append(words.note.check_not_shown)
    if reading.block == "unknown":
        notes.append(words.note.unknown_blocked_reason.format(known=", ".join(BLOCKED_REASONS)))
    if _reason_is_new(state):
        known = ", ".join(CANCELLED_REASONS)
        notes.append(words.note.unknown_cancelled_reason.format(reason=state.cancelled_reason, known=known))
    return notes


def _reason_is_new(state: OrderState) -> bool:
    return state.status == "cancelled" and state.cancelled_reason not in (None, "", *CANCELLED_REASONS)


def _missing_details(reading: Reading) -> list[str] | None:
    """The metering details that an order waits for; None if it waits for none, or if it is not known."""
    state = reading.state
    details = {"MaLo": state.malo, "MeLo": state.melo}
    waits = reading.turn is reading.status and state.status == PATHS[state.api_version][0]
    missing = [name for name, there in details.items() if there is False]
    return missing if waits and (missing or all(details.values())) else None


def _metering_notes(reading: Reading, words: Catalogue) -> list[str]:
    missing = _missing_details(reading)
    if missing is None:
        return []
    return [words.metering.missing.format(details=_named(missing, words)) if missing else words.metering.there]


def _named(details: Sequence[str], words: Catalogue) -> str:
    return details[0] if len(details) == 1 else words.metering.both


def answered(turn: Turn, words: Catalogue, customer_says: CustomerSays) -> Turn:
    """The turn after the customer's answer, where it waits for them."""
    if not (customer_says and turn.already_done):
        return turn
    action = words.already_done.operator_action
    return turn.model_copy(
        update={"customer_message": turn.already_done, "customer_action": None, "operator_action": action}
    )


def _turn_now(reading: Reading, now: datetime, words: Catalogue, customer_says: CustomerSays) -> Turn:
    turn, state = answered(turn_texts(reading, words), words, customer_says), reading.state
    missing = _missing_details(reading)
    if missing is not None:
        turn = turn.model_copy(update=_with_details(missing, words))
    if reading.turn is reading.status and state.status == "scheduled" and not state.has("appointment_at"):
        turn = words.appointment.missing
    # A customer is told no appointment that Berlin's calendar cannot show.
    appointment = state.appointment_at if state.appointment_at and in_berlin(state.appointment_at) else None
    if state.api_version == CURIE and (appointment or "appointment_at" in state.unreadable):
        turn = _beside(appointment, turn, reading, now, words, customer_says)
    # An order whose fields contradict each other is late by its status, for all that is known.
    late = reading.turn is CONTRADICTION and reading.status.phase == "before_installation"
    if not (is_older_than_target(state, now) if late else is_past_target(reading, now)):
        return turn
    say = words.timing
    return turn.model_copy(
        update={
            "customer_message": f"{turn.customer_message} {say.apology}",
            "operator_action": turn.late_action or turn.operator_action,
            "escalation": f"{turn.escalation} {say.escalation_now}" if turn.escalation else say.escalation,
        }
    )


def _with_details(missing: Sequence[str], words: Catalogue) -> dict[str, str | None]:
    """What a turn says instead where it is known which metering details are there."""
    say = words.metering
    if missing:
        return {"operator_action": say.operator_action.format(details=_named(missing, words))}
    return {
        "meaning": say.meaning,
        "customer_action": say.customer_action,
        "customer_message": say.customer_message,
        "operator_action": None,
    }


def _beside(
    appointment: Time | None,
    turn: Turn,
    reading: Reading,
    now: datetime,
    words: Catalogue,
    customer_says: CustomerSays,
) -> Turn:
    """The turn beside an appointment, None if it cannot be read: it may lie ahead, and is taken to.

    While one lies ahead, nobody may be told that there is nothing to do.
    """
    say = words.appointment
    when = berlin_moment(appointment, words, zone=False) if appointment else ""
    ahead = appointment is None or is_ahead(appointment, now)
    if reading.turn is CONTRADICTION:
        return turn
    if reading.turn is PASSED:
        return _passed(when, reading, words, disputed=bool(customer_says and turn.already_done))
    if ahead and turn.beside_appointment:
        kept_free = say.dated.format(moment=when) if appointment else say.undated
        message = turn.beside_appointment
        if customer_says and turn.already_done:
            message = f"{turn.already_done} {say.keep_free}"
        message = message.format(appointment=kept_free)
        action = " ".join(filter(None, [turn.customer_action, say.on_hold]))
        return turn.model_copy(update={"customer_message": message, "customer_action": action})
    if reading.turn is reading.status and reading.status.phase == "before_installation":
        said = say.upcoming if appointment else say.unreadable
        meaning = said.meaning if reading.state.status == "scheduled" else turn.meaning
        message = said.customer_message.format(appointment=when)
        return said.model_copy(update={"customer_message": message, "meaning": meaning})
    return turn


def _passed(when: str, reading: Reading, words: Catalogue, *, disputed: bool) -> Turn:
    """The turn after an appointment that nothing came of, as far as the order shows; with its block, if it has one."""
    say = words.appointment.past
    update = {"customer_message": say.customer_message.format(appointment=when)}
    if reading.state.status != "scheduled":
        update["meaning"] = status_texts(reading, words).meaning
    if reading.block:
        update["escalation"] = words.appointment.past_on_hold
    before = words.already_done.thanks if disputed else reading.block and words.blocked[reading.block].on_hold
    if before:
        update["customer_message"] = f"{before} {update['customer_message']}"
    if disputed:
        update["operator_action"] = f"{say.operator_action} {words.already_done.operator_action}"
    return say.model_copy(update=update)


def _timing(reading: Reading, now: datetime, words: Catalogue) -> str | None:
    """What may be said about this order's time; None if its fields carry none and no target applies."""

    def dated(template: str, time: Time | None) -> str | None:
        if time is None:
            return None
        told = age(time, now, words)
        if told is None:
            template = template.replace(" ({age})", "")
        return template.format(date=berlin_date(time, words), moment=berlin_moment(time, words), age=told)

    def event(template: str, time: Time | None) -> str | None:
        return dated(template, time and time_of_event(time, now))

    say, state = words.timing, reading.state
    said: list[str | None]
    appointment = dated(say.appointment, state.appointment_at)
    ahead = appointment if is_ahead(state.appointment_at, now) else None
    match reading.status.phase:
        case "before_installation":
            said = [appointment, event(say.ordered, state.created_at), _target(reading, now, words), say.no_duration]
        case "after_installation":
            said = [ahead, event(say.installed, state.installed_at), say.no_target]
        case "before_order":
            said = [say.no_order]
        case "over":
            end = event(say.activated, state.activated_at) if state.status == "activated" else None
            said = [end or event(say.cancelled, state.cancelled_at)]
        case _:
            said = [ahead, event(say.ordered, state.created_at), say.no_duration]
    return " ".join(filter(None, said)) or None


def times_told(state: OrderState, explanation: Explanation, language: str) -> list[str]:
    """The fields whose time an explanation tells in the field's own sentence."""
    words = texts(language)
    say = words.timing
    own = {
        "created_at": say.ordered,
        "installed_at": say.installed,
        "activated_at": say.activated,
        "cancelled_at": say.cancelled,
        "appointment_at": say.appointment,
    }
    told = []
    for name, template in own.items():
        if (time := getattr(state, name)) and in_berlin(time):
            beginning = template.partition("(")[0].rstrip()
            sentence = beginning.format(date=berlin_date(time, words), moment=berlin_moment(time, words))
            if sentence in (explanation.timing or ""):
                told.append(name)
    since = explanation.blocked and explanation.blocked.since
    if since and state.blocked_at and since.startswith(berlin_date(state.blocked_at, words)):
        told.append("blocked_at")
    return told


def _target(reading: Reading, now: datetime, words: Catalogue) -> str | None:
    if is_past_target(reading, now):
        return words.timing.past_target
    # A date that is set says more than the target, even one that we cannot read. Beside a block the target would read
    # as a promise.
    state = reading.state
    return None if is_blocked(state) or state.has("appointment_at") or fields_ahead(state) else words.timing.target
