"""The lifecycle as a diagram: complete, and no arrow that is not documented."""

import re

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CURIE,
    EDISON,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    ApiVersion,
    lifecycle_diagram,
)
from nomos_mcp.lifecycle.statuses import PATHS

each_version = pytest.mark.parametrize("version", VERSIONS)
each_language = pytest.mark.parametrize("language", LANGUAGES)


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
