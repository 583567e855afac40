"""Wrong answers that were made up: each is caught, and by exactly the checks that are meant to catch it."""

from typing import Final

import pytest

from evals import cases
from evals.assistant import hold
from evals.cases import KINDS, Expectation
from evals.checks import problems
from evals.scripted import PLANTED, load_planted, scripted

CASES: Final = {case.name: case for case in cases.load()}
ANSWERS: Final = load_planted()


@pytest.mark.slow  # `make evals` holds them to it too
@pytest.mark.parametrize("name", ANSWERS)
async def test_a_wrong_answer_is_caught_by_exactly_the_checks_that_are_named(name: str) -> None:
    planted = ANSWERS[name]
    case = CASES[planted.case]
    run = await hold(case.inputs, scripted(planted.steps))
    found = problems(case.inputs, case.metadata or Expectation(kind="when"), run)
    assert {check for check, wrong in found.items() if wrong} == planted.caught_by, found


def test_every_planted_answer_is_of_the_kind_that_its_file_names() -> None:
    for path in PLANTED.glob("*.yaml"):
        assert path.stem in KINDS
    for name, planted in ANSWERS.items():
        case = CASES[planted.case]
        assert case.metadata is not None
        assert name.startswith(case.metadata.kind), f"{name} answers a case of the kind {case.metadata.kind}"
