"""A model as judge of tone and completeness: its verdict stands apart, and changes nothing, whatever it does."""

from collections.abc import Callable

import pytest
from pydantic_ai import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.exceptions import ModelHTTPError, ModelRateLimitError
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from evals import cases, scripted
from evals.judge import judges
from evals.records import CaseRecord
from evals.run import Progress, judged

CASE = "why_blocked_en_check_missing"
Respond = Callable[[list[ModelMessage], AgentInfo], ModelResponse]


async def _judged_by(model: FunctionModel | TestModel, *, answer: str | None = None) -> CaseRecord:
    progress = Progress()
    steps = [scripted.Step(say=answer)] if answer else scripted.load(scripted.BY_HAND)[CASE]
    await judged(
        [case for case in cases.load() if case.name == CASE],
        lambda _: scripted.scripted(steps),
        name="scripted",
        judges=judges(model),
        progress=progress,
    )
    return progress.finished[0]


def _grading(*, passed: bool) -> FunctionModel:
    def respond(_: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        grade = {"reason": "It is blunt.", "pass": passed, "score": 0.5}
        return ModelResponse([ToolCallPart(info.output_tools[0].name, grade)])

    return FunctionModel(respond)


async def test_a_judge_that_fails_an_answer_leaves_it_right() -> None:
    record = await _judged_by(_grading(passed=False))
    assert record.verdict == "right"
    assert {name: (each.passed, each.reason) for name, each in record.judge.items()} == {
        "tone": (False, "It is blunt."),
        "completeness": (False, "It is blunt."),
    }
    assert not record.checks.keys() & record.judge.keys()


async def test_a_judge_that_passes_an_answer_leaves_it_wrong() -> None:
    record = await _judged_by(_grading(passed=True), answer="It is blocked since 3 March 2020.")
    assert record.verdict == "wrong"
    assert {each.passed for each in record.judge.values()} == {True}


def _nonsense(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
    return ModelResponse([TextPart("Lovely weather.")])


def _refuses(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
    raise ModelHTTPError.for_category(ModelRateLimitError, status_code=429, model_name="judge")


def _breaks(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
    raise KeyError("oops")


@pytest.mark.parametrize(
    ("respond", "told"),
    [(_nonsense, "UnexpectedModelBehavior"), (_refuses, "ModelRateLimitError"), (_breaks, "KeyError")],
)
async def test_a_judge_that_gives_no_verdict_changes_nothing_and_says_why(respond: Respond, told: str) -> None:
    record = await _judged_by(FunctionModel(respond))
    assert record.verdict == "right"
    assert record.error is None
    assert {name: each.passed for name, each in record.judge.items()} == {"tone": None, "completeness": None}
    assert all(told in (each.reason or "") for each in record.judge.values())


async def test_the_judge_reads_the_rubric_the_questions_and_the_answers_and_no_results() -> None:
    seen: list[str] = []

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append(str(messages[0]))
        return ModelResponse([ToolCallPart(info.output_tools[0].name, {"reason": "", "pass": True, "score": 1})])

    record = await _judged_by(FunctionModel(respond))
    assert len(seen) == 2
    assert all(text in prompt for prompt in seen for text in ("Why is order", "It is the customer"))
    assert sum("Judge the tone only" in prompt for prompt in seen) == 1
    assert sum("Judge completeness only" in prompt for prompt in seen) == 1
    assert not any("possible_since" in prompt or record.run.calls[0].result[:40] in prompt for prompt in seen)


async def test_any_model_can_be_the_judge() -> None:
    record = await _judged_by(TestModel())
    assert {each.passed for each in record.judge.values()} == {False}
