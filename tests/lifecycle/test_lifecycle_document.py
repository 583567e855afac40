"""The lifecycle as Markdown: complete, open about what is inferred; one name; the glossary; and the diagrams."""

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
    ApiVersion,
    UnknownLanguageError,
    UnknownStatusError,
    UnknownVersionError,
    glossary_markdown,
    lifecycle_diagram,
    lifecycle_markdown,
    status_markdown,
)
from nomos_mcp.lifecycle.statuses import PATHS


@pytest.fixture(params=LANGUAGES)
def document(request: pytest.FixtureRequest) -> str:
    return lifecycle_markdown(language=request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_status_has_a_row_under_its_version(version: ApiVersion, document: str) -> None:
    section = document.split(f"## {version}\n", 1)[1].split("\n## ", 1)[0]
    assert all(f"| `{status}` |" in section for status in STATUSES[version])


@pytest.mark.parametrize("reason", [*BLOCKED_REASONS, *CANCELLED_REASONS])
def test_every_reason_has_a_row(reason: str, document: str) -> None:
    assert f"| `{reason}` |" in document


def test_who_acts_is_marked_as_documented_or_inferred() -> None:
    rows = {line.split(" | ")[0]: line for line in lifecycle_markdown().splitlines() if line.startswith("| `")}
    assert "| waiting on the customer | *inferred* |" in rows["| `check_missing`"]
    assert "| waiting on Nomos | **documented** |" in rows["| `blocked`"]


def test_every_table_row_has_as_many_cells_as_its_heading(document: str) -> None:
    tables = [block for block in document.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_manual_review_is_set_apart_from_the_missing_check() -> None:
    assert "`blocked` (2026-01-29.edison) | none" in lifecycle_markdown()


@pytest.mark.parametrize("name", ["2026-01-29.edison", "edison"])
def test_one_vocabulary_can_be_had_alone(name: str) -> None:
    document = lifecycle_markdown(name)
    assert "## 2026-01-29.edison" in document
    assert "## 2026-05-27.curie" not in document
    assert "| `placed` |" not in document


def test_a_version_without_meter_orders_has_no_lifecycle() -> None:
    with pytest.raises(UnknownVersionError):
        lifecycle_markdown("2025-12-16.batman")


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


each_version = pytest.mark.parametrize("version", VERSIONS)


@each_language
@each_version
def test_every_status_has_one_box(version: ApiVersion, language: str) -> None:
    boxes = re.findall(r"^ +(\w+)\[\"", lifecycle_diagram(version, language), re.MULTILINE)
    reasons = BLOCKED_REASONS if version == CURIE else ()
    assert sorted(boxes) == sorted([*STATUSES[version], *reasons])


@each_version
def test_the_only_arrows_are_the_documented_progress(version: ApiVersion) -> None:
    arrows = re.findall(r"(\w+) --> (\w+)", lifecycle_diagram(version))
    assert arrows == list(zip(PATHS[version], PATHS[version][1:], strict=False))


def test_what_is_inferred_is_dashed_and_what_is_documented_is_not() -> None:
    curie, edison = lifecycle_diagram(CURIE), lifecycle_diagram(EDISON)
    assert re.search(r"placed\[.*\]:::customer_inferred\n", curie)
    assert re.search(r"classDef customer_inferred .*stroke-dasharray", curie)
    assert re.search(r"blocked\[.*\]:::nomos\n", edison)
    assert re.search(r"classDef nomos [^\n]*#111827\n", edison)


@each_version
def test_every_kind_of_box_is_defined_and_used(version: ApiVersion) -> None:
    diagram = lifecycle_diagram(version)
    assert set(re.findall(r"classDef (\w+)", diagram)) == set(re.findall(r":::(\w+)", diagram))
