"""Running cases: each in a world of its own, several at a time, judged by the hard checks."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_ai.models import Model
from pydantic_evals import Case, Dataset
from pydantic_evals.reporting import EvaluationReport

from evals.assistant import Run, hold
from evals.cases import Conversation, Expectation
from evals.checks import HardChecks
from evals.world import Peer

Report = EvaluationReport[Conversation, Run, Expectation]


async def judged(
    cases: Sequence[Case[Conversation, Any, Expectation]],
    model_for: Callable[[str], Model | str],
    *,
    name: str,
    peer: Peer | None = None,
    at_once: int = 4,
) -> Report:
    """Hold the conversations of these cases and judge them.

    Args:
        cases: What is asked.
        model_for: Returns who answers a case, by the case's name.
        name: Of the model, in reports.
        peer: Whose tools it has; ours by default.
        at_once: How many conversations are held at the same time.
    """
    dataset = Dataset[Conversation, Run, Expectation](
        name=name, cases=[], evaluators=[HardChecks(peer=peer is not None)]
    )
    # The task is given the question only, and a scripted model has to know the case too.
    names = {id(case.inputs): case.name or "" for case in cases}
    dataset.cases.extend(cases)

    async def task(conversation: Conversation) -> Run:
        return await hold(conversation, model_for(names[id(conversation)]), peer)

    return await dataset.evaluate(task, max_concurrency=at_once, progress=False)
