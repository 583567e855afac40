"""A status explained by its name alone, in either vocabulary.

Unlike an order, a name can be wrong, and arguments can contradict each other: the errors say what to ask instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.explanation import Explanation, answered, build_explanation, status_texts, turn_texts
from nomos_mcp.lifecycle.misspellings import MAX_NAME, nearest_names, spelling
from nomos_mcp.lifecycle.order_state import OrderState, Reading, read
from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    OVERLAY,
    PATHS,
    STATUSES,
    VERSIONS,
    ApiVersion,
    Audience,
    ContradictionError,
    CustomerSays,
    UnknownStatusError,
    facts_of,
    known_version,
    neighbours,
    other,
    version_named,
)


def nearest_status(name: str, version: ApiVersion, more: Iterable[str] = ()) -> list[str]:
    """Statuses and reasons of both vocabularies, and `more`, like a misspelt name; of equal ones `version`'s first."""
    statuses = (*STATUSES[known_version(version)], *STATUSES[other(version)])
    return nearest_names(name, (*statuses, *_REASONS, *more))


def _as_written(name: str, known: Iterable[str]) -> str:
    """The known name that this is a spelling of; else `name` itself."""
    return next((each for each in known if spelling(each) == spelling(name)), name)


_OVERLAY_NAME = "blocked"
_REASONS: Final = (*BLOCKED_REASONS, *CANCELLED_REASONS)
_NAMES: Final = (*STATUSES[CURIE], *STATUSES[EDISON], _OVERLAY_NAME, *_REASONS)


def explain_status(
    status: str,
    *,
    blocked_reason: str = "",
    cancelled_reason: str = "",
    api_version: str = CURIE,
    audience: Audience = "agent",
    language: str = "en",
    customer_says: CustomerSays = "",
) -> Explanation:
    """Explain a status by name.

    Args:
        status: a status of either vocabulary in any spelling, or `blocked`, which curie knows as an overlay. A reason
            may stand in its place or alone: it then names the status, in curie, whatever version is asked, since only
            curie has reasons.
        blocked_reason: curie's reason of a block that lies over the status.
        cancelled_reason: curie's reason of a cancellation.
        api_version: the vocabulary to look in first, in full or by its name alone (`edison`).
        audience: `agent` also gets operator actions, escalation, notes and sources.
        language: the language of every sentence.
        customer_says: `already_done` if the customer says that their part is done.

    Returns:
        The explanation; its `api_version` is the vocabulary that the name belongs to.

    Raises:
        UnknownStatusError: neither vocabulary has the name.
        ContradictionError: no order can be in this status for this reason.
        UnknownAudienceError: the audience is neither agent nor customer.
    """
    words = texts(language)
    reading, notes = _look_up(status, blocked_reason, cancelled_reason, api_version, words)
    return _explain(reading, notes, audience, words, customer_says)


def _look_up(
    status: str, blocked_reason: str, cancelled_reason: str, api_version: str, words: Catalogue
) -> tuple[Reading, list[str]]:
    """What a name stands for: as much of an order as it gives, and notes on the name."""
    asked = version_named(api_version)
    status = _as_written(status, _NAMES)
    blocked_reason = _as_written(blocked_reason, BLOCKED_REASONS)
    cancelled_reason = _as_written(cancelled_reason, CANCELLED_REASONS)
    if status in BLOCKED_REASONS and blocked_reason in {"", status}:
        status, blocked_reason = "", status
    elif status in CANCELLED_REASONS and cancelled_reason in {"", status}:
        status, cancelled_reason = "", status
    name = status or _implied(blocked_reason, cancelled_reason)
    version = _home(name, asked) if status else CURIE
    _check_reasons(name, version, blocked_reason, cancelled_reason)
    state = OrderState(
        api_version=version,
        status=name,
        blocked_reason=blocked_reason or None,
        cancelled_reason=cancelled_reason or None,
    )
    if version == CURIE and name == _OVERLAY_NAME:
        elsewhere = words.note.overlay_elsewhere.format(version=EDISON)
        notes = [words.note.overlay] if blocked_reason and asked == CURIE else [words.note.overlay, elsewhere]
        return read(state, None, OVERLAY), notes
    return read(state, None), _version_note(name, version, asked, words)


def _explain(
    reading: Reading, notes: list[str], audience: Audience, words: Catalogue, customer_says: CustomerSays
) -> Explanation:
    # Only what is published can be said about time. Beside a block the target would read as a promise.
    say = words.timing
    timing = {
        "before_order": say.no_order,
        "before_installation": f"{say.target} {say.no_duration}",
        "after_installation": say.no_target,
    }.get(reading.status.phase, say.no_duration)
    on_hold = reading.block or status_texts(reading, words).hold
    explanation = build_explanation(
        reading,
        words,
        audience=audience,
        turn=answered(turn_texts(reading, words), words, customer_says),
        timing=say.no_duration if on_hold else timing,
        customer_says=customer_says,
        notes=notes,
    )
    return explanation.model_copy(update={"path": _path(reading, audience, words)})


def _path(reading: Reading, audience: Audience, words: Catalogue) -> str | None:
    version, status = reading.state.api_version, reading.state.status
    if status not in PATHS[version]:
        return None
    labels = {name: words.statuses(version)[name].label for name in PATHS[version]}
    steps = labels.values() if audience == "customer" else (f"{name} ({label})" for name, label in labels.items())
    return " → ".join(steps)


def _implied(blocked_reason: str, cancelled_reason: str) -> str:
    if blocked_reason:
        return _OVERLAY_NAME
    if cancelled_reason:
        return "cancelled"
    raise UnknownStatusError(f"No status was given. {_both_vocabularies()}")


def _home(name: str, asked: ApiVersion) -> ApiVersion:
    """The vocabulary a name belongs to: the one asked for if it has it, else the other."""
    if name in STATUSES[asked] or name == _OVERLAY_NAME:
        return asked
    if name in STATUSES[other(asked)]:
        return other(asked)
    if name in _REASONS:
        raise ContradictionError(f"status={name!r} is a reason and excludes another one. Ask with one of them.")
    raise unknown_status(name, asked)


def unknown_status(name: str, asked: ApiVersion, more: Iterable[str] = ()) -> UnknownStatusError:
    """The error about a name that neither vocabulary has, with the nearest names that there are, `more` among them."""
    close = nearest_status(name, asked, more)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return UnknownStatusError(
        f"No API version has a meter order status {name[:MAX_NAME]!r}. {hint}{_both_vocabularies()}"
    )


def _both_vocabularies() -> str:
    lists = "; ".join(f"{version}: {', '.join(STATUSES[version])}" for version in VERSIONS)
    return f"Ask for one of these: {lists}. 'blocked' is an overlay in curie, with {' or '.join(BLOCKED_REASONS)}."


def _check_reasons(status: str, version: ApiVersion, blocked_reason: str, cancelled_reason: str) -> None:
    if not (blocked_reason or cancelled_reason):
        return
    if blocked_reason and cancelled_reason:
        raise ContradictionError(
            "blocked_reason and cancelled_reason exclude each other: a block lies over an open order, and a cancelled "
            "order is final. Ask with one of them."
        )
    field = "blocked_reason" if blocked_reason else "cancelled_reason"
    if version == EDISON:
        raise ContradictionError(
            f"{field} does not apply to {status!r} in {EDISON}: orders of that version carry no reasons. "
            f"Leave it out, or ask about a status of {CURIE}."
        )
    if blocked_reason and facts_of(status, version).phase == "over":
        raise ContradictionError(
            f"status={status!r} and blocked_reason exclude each other: {status} is final, and a block lies over an "
            "open order. Leave out blocked_reason, or ask about the status that the order really has."
        )
    if cancelled_reason and status != "cancelled":
        raise ContradictionError(
            f"status={status!r} and cancelled_reason exclude each other: only a cancelled order has such a reason. "
            "Leave it out, or ask for status='cancelled'."
        )


def _version_note(name: str, version: ApiVersion, asked: ApiVersion, words: Catalogue) -> list[str]:
    if name in STATUSES[asked]:
        return []
    near = neighbours(name, version)
    template = words.note.other_version if near else words.note.other_version_alone
    return [template.format(status=name, version=version, asked=asked, near=", ".join(near))]


@dataclass(frozen=True, slots=True)
class StatusLines:
    """What there is to read about one status: pairs of a label and its text under a title."""

    title: str
    lines: tuple[tuple[str, str], ...]


def status_lines(
    status: str,
    *,
    blocked_reason: str = "",
    cancelled_reason: str = "",
    api_version: str = CURIE,
    audience: Audience = "agent",
    language: str = "en",
    customer_says: CustomerSays = "",
) -> StatusLines:
    """Lay a status out for reading. Arguments and errors are those of `explain_status`.

    The agent also gets what must not be said, which an explanation does not carry.
    """
    words = texts(language)
    reading, notes = _look_up(status, blocked_reason, cancelled_reason, api_version, words)
    explanation = _explain(reading, notes, audience, words, customer_says)
    reason = reading.state.blocked_reason or reading.state.cancelled_reason
    name = f"{explanation.status} ({reason})" if reason else explanation.status
    say, unknown = words.labels, explanation.waiting_on == "unknown"
    whose_turn = words.waiting_on[explanation.waiting_on]
    if audience == "agent" and not unknown:
        whose_turn += f" ({say.confidence[explanation.confidence]})"
    entries = (
        (say.meaning, explanation.meaning),
        (say.blocked, explanation.blocked and explanation.blocked.meaning),
        (say.waiting_on, whose_turn),
        (say.customer_action, explanation.customer_action or (say.confidence["unknown"] if unknown else say.nothing)),
        (say.operator_action, explanation.operator_action),
        (say.customer_message, explanation.customer_message),
        (say.do_not_say, turn_texts(reading, words).do_not_say if audience == "agent" else None),
        (say.next, explanation.next),
        (say.timing, explanation.timing),
        (say.path, explanation.path),
        (say.escalation, explanation.escalation),
        (say.sources, "; ".join(explanation.sources or ())),
    )
    return StatusLines(
        title=f"{name}: {explanation.label} [{explanation.api_version}]",
        lines=tuple((label, text) for label, text in entries if text),
    )
