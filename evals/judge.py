"""A model as the judge of tone and completeness. Its verdict stands apart from the hard checks and changes none."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.models import Model
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext
from pydantic_evals.evaluators.llm_as_a_judge import judge_input_output

from evals.assistant import Run
from evals.cases import OPERATOR, Conversation, Expectation

_RUBRIC: Final = Path(__file__).parent / "rubric.md"


@dataclass(repr=False)
class Judge(Evaluator[Conversation, Run, Expectation]):
    """A model that judges one thing: an assertion of its name, or a label if it gives no verdict.

    pydantic-evals' own `LLMJudge` would show the judge all of a run; this one shows it questions and answers only.
    """

    about: str
    rubric: str
    model: Model | str

    async def evaluate(self, ctx: EvaluatorContext[Conversation, Run, Expectation]) -> dict[str, EvaluationReason]:
        """Judge one run."""
        asker = "an employee" if ctx.inputs.caller == OPERATOR else "a customer"
        questions = [f"{asker}: {turn.ask}" for turn in ctx.inputs.turns]
        try:
            grade = await judge_input_output(questions, ctx.output.answers, self.rubric, self.model)
        except AgentRunError as error:  # it could not be reached, or answered nonsense
            return {self.about: EvaluationReason("no verdict", f"{type(error).__name__}: {error}")}
        return {self.about: EvaluationReason(grade.pass_, grade.reason)}

    def get_default_evaluation_name(self) -> str:
        """Return what is judged: the name under which a failure of this evaluator is told."""
        return self.about

    def build_serialization_arguments(self) -> dict[str, Any]:
        """Return what describes it in reports of pydantic-evals."""
        return {"about": self.about}


def judges(model: Model | str) -> list[Judge]:
    """Return a judge for each section of the rubric."""
    sections = re.split(r"^## +(\w+)$", _RUBRIC.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [Judge(name, text.strip(), model) for name, text in zip(sections[::2], sections[1::2], strict=True)]
