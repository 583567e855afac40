"""What a customer reads is short and plain, and fits beside other answers in a model's window."""

import re
from typing import Any

import bpe_openai  # type: ignore[import-untyped]  # it has types, but no py.typed
import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    LANGUAGES,
    STATUSES,
    Audience,
    Explanation,
    explain,
    explain_status,
)
from nomos_mcp.lifecycle.catalogue import texts
from tests.lifecycle.order_states import NOW, STATES, Row

WORDS_IN_A_MESSAGE = 80
WORDS_IN_A_SENTENCE = 28
TOKENS = {("agent", "en"): 340, ("agent", "de"): 450, ("customer", "en"): 300, ("customer", "de"): 300}
"""Most tokens (o200k) of an explanation as JSON."""

INTERNAL = re.compile(
    r"inexogy|metrify|energy-metering|\bblocked\b|overlay|curie|edison|\bAPI\b|\bIDs?\b|\w_\w", re.IGNORECASE
)

each_language = pytest.mark.parametrize("language", LANGUAGES)


BY_NAME: list[dict[str, Any]] = [
    *({"status": status, "api_version": version} for version, names in STATUSES.items() for status in names),
    *({"status": "blocked", "blocked_reason": reason} for reason in ("", *BLOCKED_REASONS, "roof_missing")),
    *({"status": "cancelled", "cancelled_reason": reason} for reason in CANCELLED_REASONS),
]

each_state = pytest.mark.parametrize(
    "row", [*STATES, *BY_NAME], ids=lambda row: row.says if isinstance(row, Row) else " ".join(row.values())
)


def for_customer(asked: Row | dict[str, Any], language: str) -> Explanation:
    if isinstance(asked, Row):
        return explain(asked.state, now=NOW, audience="customer", language=language)
    return explain_status(**asked, audience="customer", language=language)


def for_their_eyes(explanation: Explanation) -> str:
    """Every sentence that a customer gets, without the names of the API beside them."""
    said = [explanation.label, explanation.meaning, explanation.customer_action, explanation.customer_message]
    said += [explanation.next, explanation.timing, explanation.blocked.meaning if explanation.blocked else None]
    return " ".join(filter(None, said))


@each_language
@each_state
def test_a_message_is_short_in_all_and_in_each_sentence(row: Row | dict[str, Any], language: str) -> None:
    message = for_customer(row, language).customer_message
    assert len(message.split()) <= WORDS_IN_A_MESSAGE
    assert max(len(sentence.split()) for sentence in re.split(r"[.?!] ", message)) <= WORDS_IN_A_SENTENCE


@each_language
@each_state
def test_no_abbreviation_of_the_glossary_comes_without_what_it_stands_for(
    row: Row | dict[str, Any], language: str
) -> None:
    said = for_their_eyes(for_customer(row, language))
    for word in texts(language).glossary.values():
        if word.expansion and re.search(rf"(?<!\w){re.escape(word.term)}(?!\w)", said):
            assert word.expansion in said


@each_language
@each_state
def test_no_internal_name_reaches_a_customer(row: Row | dict[str, Any], language: str) -> None:
    explanation = for_customer(row, language)
    assert not INTERNAL.search(for_their_eyes(explanation))
    assert "Nomos" not in explanation.customer_message


@each_language
@pytest.mark.parametrize("audience", ["agent", "customer"])
def test_the_longest_explanation_keeps_to_its_budget_of_tokens(audience: Audience, language: str) -> None:
    encoding = bpe_openai.get_encoding("o200k_base")
    explanations = (explain(row.state, now=NOW, audience=audience, language=language) for row in STATES)
    sizes = [len(encoding.encode(explanation.model_dump_json(exclude_none=True))) for explanation in explanations]
    assert max(sizes) <= TOKENS[audience, language]
