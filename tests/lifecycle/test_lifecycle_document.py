"""The lifecycle as a document: complete, and open about what is documented and what is inferred."""

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    ApiVersion,
    UnknownVersionError,
    lifecycle_markdown,
)


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
