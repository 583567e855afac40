"""A status as labelled lines to read, made from its explanation."""

from collections.abc import Iterator
from dataclasses import dataclass

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.explanation import Explanation
from nomos_mcp.lifecycle.status_lookup import explain_named, look_up
from nomos_mcp.lifecycle.statuses import BLOCKED_REASONS, CANCELLED_REASONS, CURIE, Audience


@dataclass(frozen=True, slots=True)
class StatusLines:
    """What there is to read about one status.

    Attributes:
        title: the status, its name for people and its API version.
        lines: pairs of a label and what it labels, in reading order.
    """

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
) -> StatusLines:
    """Lay a status out for reading. Arguments and errors are those of `explain_status`, with two differences.

    A reason may stand in place of the status that it belongs to, and the agent also gets what must not be said, which
    an explanation does not carry.
    """
    if status in BLOCKED_REASONS and not blocked_reason:
        status, blocked_reason = "", status
    elif status in CANCELLED_REASONS and not cancelled_reason:
        status, cancelled_reason = "", status
    words = texts(language)
    named = look_up(status, blocked_reason, cancelled_reason, api_version, words)
    explanation = explain_named(named, audience, words)
    do_not_say = named.turn.do_not_say if audience == "agent" else None
    reason = blocked_reason or cancelled_reason
    name = f"{explanation.status} ({reason})" if reason else explanation.status
    return StatusLines(
        title=f"{name}: {explanation.label} [{explanation.api_version}]",
        lines=tuple(_lines(explanation, do_not_say, words)),
    )


def _lines(explanation: Explanation, do_not_say: str | None, words: Catalogue) -> Iterator[tuple[str, str]]:
    say = words.labels
    whose_turn = words.waiting_on[explanation.waiting_on]
    if explanation.confidence and explanation.waiting_on != "unknown":
        whose_turn += f" ({say.confidence[explanation.confidence]})"
    nothing = say.confidence["unknown"] if explanation.waiting_on == "unknown" else say.nothing
    entries = (
        (say.meaning, explanation.meaning),
        (say.blocked, explanation.blocked and explanation.blocked.meaning),
        (say.waiting_on, whose_turn),
        (say.customer_action, explanation.customer_action or nothing),
        (say.operator_action, explanation.operator_action),
        (say.customer_message, explanation.customer_message),
        (say.do_not_say, do_not_say),
        (say.next, explanation.next),
        (say.timing, explanation.timing),
        (say.escalation, explanation.escalation),
        (say.sources, "; ".join(explanation.sources or ())),
    )
    yield from ((label, text) for label, text in entries if text)
