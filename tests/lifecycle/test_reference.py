"""One name, and the words of the field, as Markdown to look things up in."""

import re

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    UnknownLanguageError,
    UnknownStatusError,
    glossary_markdown,
    status_markdown,
)

NAMES = sorted({"blocked", *BLOCKED_REASONS, *CANCELLED_REASONS, *(s for names in STATUSES.values() for s in names)})
each_language = pytest.mark.parametrize("language", LANGUAGES)


@each_language
@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_section_for_each_vocabulary_that_has_it(name: str, language: str) -> None:
    page = status_markdown(name, language)
    assert page.startswith(f"# `{name}`\n")
    for version in VERSIONS:
        if name in STATUSES[version]:
            assert f"[{version}]" in page


@pytest.mark.parametrize(
    ("name", "headings"),
    [
        (
            "blocked",
            [
                f"blocked: On hold [{CURIE}]",
                *(f"blocked ({reason}): On hold [{CURIE}]" for reason in BLOCKED_REASONS),
                f"blocked: Held for manual review [{EDISON}]",
            ],
        ),
        (
            "cancelled",
            [
                f"cancelled: Cancelled [{CURIE}]",
                f"cancelled (pre_existing): Cancelled [{CURIE}]",
                f"cancelled (customer_request): Cancelled [{CURIE}]",
                f"cancelled: Cancelled [{EDISON}]",
            ],
        ),
    ],
)
def test_a_name_with_several_meanings_is_told_by_each(name: str, headings: list[str]) -> None:
    assert re.findall(r"^## (.*)$", status_markdown(name), re.MULTILINE) == headings


def test_a_section_says_what_must_not_be_said_and_where_it_is_written() -> None:
    section = status_markdown("check_missing")
    assert "- **Whose turn:** waiting on the customer (inferred)" in section
    assert "- **Do not say:** That the order is under review, or when it will continue." in section
    assert "- **Sources:** API reference (curie): MeterOrder.blocked_reason; inferred: waiting_on" in section


def test_who_acts_on_a_block_without_a_reason_is_not_called_documented() -> None:
    assert "- **Whose turn:** who must act is unknown\n" in status_markdown("blocked")


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownStatusError, match="Did you mean scheduled"):
        status_markdown("shceduled")


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(UnknownLanguageError, match="'fr'"):
        status_markdown("placed", "fr")
    with pytest.raises(UnknownLanguageError, match="'fr'"):
        glossary_markdown("fr")


@each_language
def test_the_glossary_expands_every_abbreviation(language: str) -> None:
    glossary = glossary_markdown(language)
    assert "| WiM | Wechselprozesse im Messwesen |" in glossary
    expanded = {row.split(" | ")[0].removeprefix("| "): row.split(" | ")[1] for row in glossary.splitlines()[4:]}
    abbreviations = {term for term in expanded if re.search(r"[A-Z].*[A-Z]|§", term.replace("-", ""))} - {
        "Smart-Meter-Check"
    }
    assert len(abbreviations) == 10
    assert not [term for term in abbreviations if len(expanded[term]) <= len(term)]
