"""Every state an order can be in, and what must and must not be said about it, in every language and to everyone."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    Explanation,
    OrderState,
    explain,
)
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import berlin_date
from tests.lifecycle.order_states import EARLIER, NOW, ORDERED, STATES, UNREADABLE, Row
from tests.lifecycle.phrases import ALWAYS_FORBIDDEN, NOTHING_TO_DO, PHOTO

FOR_AGENTS = {"operator_action", "escalation", "anomalies", "sources"}
DATES = {"en": r"\b\d{1,2} [A-Z][a-z]{2} \d{4}\b", "de": r"\b\d{2}\.\d{2}\.\d{4}\b"}
OTHER_DATES = r"\d{4}-\d\d|\d/\d|\b(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(Mon|Diens|Donners|Frei|Sams|Sonn)tag\b"

each_state = pytest.mark.parametrize("row", STATES, ids=lambda row: row.says)
each_audience = pytest.mark.parametrize("audience", ["agent", "customer"])
each_language = pytest.mark.parametrize("language", LANGUAGES)


def explained(row: Row, audience: Any, language: str) -> Explanation:
    return explain(row.state, now=NOW, audience=audience, language=language)


def told(explanation: Explanation) -> str:
    """What is there for a customer's ears, names of the API left aside."""
    unspoken = FOR_AGENTS | {"api_version", "confidence", "confidence_of", "status", "stage", "outcome", "waiting_on"}
    said = explanation.model_dump(exclude_none=True, exclude=dict.fromkeys(unspoken, True))
    if "blocked" in said:
        said["blocked"].pop("reason", None)
    return str(said)


def test_no_row_is_without_something_that_has_to_be_said_and_something_that_must_not_be() -> None:
    assert not [row.says for row in STATES if not (row.always and row.never)]


def test_every_status_and_every_reason_has_a_row() -> None:
    rows = {
        (row.version, name) for row in STATES for name in (row.status, *row.fields.values()) if isinstance(name, str)
    }
    known = [*((version, status) for version in VERSIONS for status in STATUSES[version])]
    known += [(CURIE, reason) for reason in (*BLOCKED_REASONS, *CANCELLED_REASONS)]
    missing = [f"{name} ({version})" for version, name in known if (version, name) not in rows]
    assert not missing, f"Say in tests/lifecycle/order_states.py what is expected of {', '.join(missing)}."


def test_at_least_sixty_states_are_tried_and_each_reads_as_its_own_sentence() -> None:
    sentences = {row.says for row in STATES}
    assert len(sentences) == len(STATES) >= 60
    assert all(re.fullmatch(r"[A-Z].* .*\.", sentence) for sentence in sentences)


@each_language
@each_audience
@each_state
def test_it_is_the_right_ones_turn(row: Row, audience: str, language: str) -> None:
    assert explained(row, audience, language).waiting_on == row.waiting_on


@each_language
@each_audience
@each_state
def test_it_ends_as_it_should(row: Row, audience: str, language: str) -> None:
    explanation = explained(row, audience, language)
    ends = row.outcome in {"success", "cancelled"}
    assert (explanation.outcome, explanation.final) == (row.outcome, ends)


@each_language
@each_audience
@each_state
def test_the_customer_is_asked_to_act_only_where_there_is_something_to_do(
    row: Row, audience: str, language: str
) -> None:
    assert (explained(row, audience, language).customer_action is not None) is row.acts


@each_language
@each_audience
@each_state
def test_what_must_not_be_said_is_not_said(row: Row, audience: str, language: str) -> None:
    text = told(explained(row, audience, language))
    said = {phrase.name: phrase.found_in(text, language) for phrase in (*ALWAYS_FORBIDDEN, *row.never)}
    assert not {name: words for name, words in said.items() if words}


@each_language
@each_audience
@each_state
def test_what_has_to_be_said_is_said(row: Row, audience: str, language: str) -> None:
    text = told(explained(row, audience, language))
    assert not [phrase.name for phrase in row.always if not phrase.found_in(text, language)]


# --- every combination of a status, a block and an appointment, beyond the rows of the table --------------------------

BLOCKS: tuple[dict[str, Any], ...] = (
    {},
    *({"blocked_reason": reason, "blocked_at": EARLIER} for reason in (*BLOCKED_REASONS, "roof_missing", None)),
)
MILESTONES: tuple[dict[str, Any], ...] = (
    {},
    *({name: EARLIER} for name in ("installed_at", "activated_at", "cancelled_at")),
    *({"cancelled_reason": reason} for reason in (*CANCELLED_REASONS, "moved_away")),
)
each_status = pytest.mark.parametrize("status", [*STATUSES[CURIE], "teleported"])
each_block = pytest.mark.parametrize("block", BLOCKS, ids=str)
each_milestone = pytest.mark.parametrize("milestone", MILESTONES, ids=lambda fields: "-".join(fields) or "none")


@each_language
@each_audience
@each_block
@each_status
@pytest.mark.parametrize(
    "appointment",
    [*({"appointment_at": time} for time in (NOW + timedelta(days=2), NOW, NOW.date())), UNREADABLE],
    ids=["in two days", "now", "today", "unreadable"],
)
def test_nobody_is_told_that_there_is_nothing_to_do_beside_an_appointment_that_lies_ahead(
    appointment: Any, status: str, block: Any, audience: Any, language: str
) -> None:
    for milestone in MILESTONES:
        state = OrderState(api_version=CURIE, status=status, **appointment, **block, **milestone)
        text = told(explain(state, now=NOW, audience=audience, language=language))
        assert not NOTHING_TO_DO.found_in(text, language), milestone


@each_language
@each_audience
@each_milestone
@each_status
def test_who_has_a_reviewed_check_a_meter_or_a_cancelled_order_is_asked_for_no_photo_and_no_details(
    status: str, milestone: Any, audience: Any, language: str
) -> None:
    fields = {"blocked_reason": "check_missing", "blocked_at": EARLIER, **milestone}
    explanation = explain(
        OrderState(api_version=CURIE, status=status, **fields), now=NOW, audience=audience, language=language
    )
    before_review = status in {"created", "placed", "check_submitted", "teleported"}
    asked = PHOTO.found_in(f"{explanation.customer_message} {explanation.customer_action}", language)
    assert bool(asked) is (before_review and not milestone)


@each_language
@each_audience
@each_block
@each_status
def test_that_there_is_nothing_to_do_is_said_only_where_it_is_known_who_acts_and_it_is_not_the_customer(
    status: str, block: Any, audience: Any, language: str
) -> None:
    explanation = explain(
        OrderState(api_version=CURIE, status=status, **block), now=NOW, audience=audience, language=language
    )
    said = NOTHING_TO_DO.found_in(told(explanation), language)
    assert not (said and explanation.waiting_on in {"customer", "unknown"})
    assert not (said and explanation.customer_action)


@each_language
@each_audience
@each_state
def test_no_date_is_named_that_the_order_does_not_carry(row: Row, audience: str, language: str) -> None:
    carried = {value for value in [ORDERED, *row.fields.values()] if isinstance(value, datetime)}
    text = explained(row, audience, language).model_dump_json(exclude={"api_version": True})
    written = {berlin_date(day, texts(language)) for day in carried}
    assert set(re.findall(DATES[language], text)) <= written
    assert not re.search(OTHER_DATES, text)


@each_language
@each_state
def test_an_agent_is_promised_nothing_either(row: Row, language: str) -> None:
    everything = explained(row, "agent", language).model_dump_json()
    assert not [phrase.name for phrase in ALWAYS_FORBIDDEN if phrase.found_in(everything, language)]


@each_language
@each_state
def test_only_a_known_state_is_called_known(row: Row, language: str) -> None:
    assert (explained(row, "agent", language).confidence != "unknown") is row.known


@each_language
@each_state
def test_the_customer_gets_nothing_that_is_for_support(row: Row, language: str) -> None:
    assert not FOR_AGENTS & set(explained(row, "customer", language).model_dump(exclude_none=True))
