"""Wrong answers that were made up: each is caught, and by exactly the checks that are meant to catch it."""

from typing import Final

import pytest

from evals import cases
from evals.cases import KINDS
from evals.run import caught
from evals.scripted import PLANTED, load_planted

CASES: Final = {case.name: case for case in cases.load()}
ANSWERS: Final = load_planted()


@pytest.mark.slow  # `make evals` holds them to it too
@pytest.mark.parametrize("name", ANSWERS)
async def test_a_wrong_answer_is_caught_by_exactly_the_checks_that_are_named(name: str) -> None:
    planted = ANSWERS[name]
    found = await caught(CASES[planted.case], planted)
    assert found.keys() == planted.caught_by, found


def test_every_planted_answer_is_of_the_kind_that_its_file_names() -> None:
    for path in PLANTED.glob("*.yaml"):
        assert path.stem in KINDS
    for name, planted in ANSWERS.items():
        case = CASES[planted.case]
        assert case.metadata is not None
        assert name.startswith(case.metadata.kind), f"{name} answers a case of the kind {case.metadata.kind}"
