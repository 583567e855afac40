"""Running cases: each in a world of its own, several at a time, judged by the hard checks and perhaps by a model."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
)
from pydantic_ai.models import Model
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Evaluator
from pydantic_evals.lifecycle import CaseLifecycle
from pydantic_evals.reporting import EvaluationReport, ReportCase, ReportCaseFailure

from evals.assistant import Run, hold
from evals.cases import Conversation, Expectation
from evals.checks import CHECKS, HardChecks, problems, tokens_of, tokens_read, verdict
from evals.records import CaseRecord, Finding, without_keys
from evals.scripted import PlantedAnswer, scripted
from evals.world import Peer

Report = EvaluationReport[Conversation, Run, Expectation]
EvalCase = Case[Conversation, Any, Expectation]
_PAUSES: Final = (10.0, 30.0, 60.0)  # seconds; the providers' own libraries have tried again before that
_FOR_GOOD: Final = (ModelAuthenticationError, ModelNotFoundError, ModelQuotaExceededError)
_NEXT: Final[Mapping[type[Exception], str]] = {
    ModelAuthenticationError: "Check the key.",
    ModelNotFoundError: "Check the name of the model.",
    ModelQuotaExceededError: "Check the balance of the account.",
    ModelRateLimitError: "Ask the others later, with --at-once 1.",
}


class StoppedError(Exception):
    """The provider of the model does not answer, so nothing more is asked."""


@dataclass(slots=True)
class Progress:
    """What became of the cases so far.

    Attributes:
        finished: The conversations that were held.
        stopped: Why no more are held, if something came between.
        refused: Whether that is the model's name, its key or its account: then asking again is of no use.
        tell: Called with each record when it is made.
        waits: Called with a text when a conversation is held again later.
    """

    finished: list[CaseRecord] = field(default_factory=list)
    stopped: str | None = None
    refused: bool = False
    tell: Callable[[CaseRecord], None] = lambda _: None
    waits: Callable[[str], None] = lambda _: None


async def judged(
    cases: Sequence[EvalCase],
    model_for: Callable[[str], Model | str],
    *,
    name: str,
    peer: Peer | None = None,
    judges: Sequence[Evaluator[Conversation, Run, Expectation]] = (),
    at_once: int = 4,
    repeat: int = 1,
    progress: Progress | None = None,
    pauses: Sequence[float] = _PAUSES,
) -> Report:
    """Hold the conversations of these cases and judge them.

    Args:
        cases: What is asked.
        model_for: Returns who answers a case, by the case's name.
        name: Of the model, in reports.
        peer: Whose tools it has; ours by default.
        judges: Who else judges the answers.
        at_once: How many conversations are held at the same time.
        repeat: How often each is held.
        progress: Where the conversations are written down as they end: what is left after an interruption.
        pauses: Seconds to wait before a conversation is held again whose provider failed.
    """
    progress = progress or Progress()

    async def task(conversation: Conversation) -> Run:
        held = _HELD.get()
        for pause in (*pauses, None):
            if progress.stopped:
                break
            held.run = Run()
            try:
                return await hold(conversation, model_for(held.case.name or ""), peer, held.run)
            except ModelAPIError as error:
                if isinstance(error, ModelRequestRejectedError) and not isinstance(error, _FOR_GOOD):
                    raise  # this request is at fault, and others may not be
                reason = f"{type(error).__name__}: {without_keys(str(error))}"
                if pause is None or isinstance(error, _FOR_GOOD):
                    progress.stopped = f"{reason} {_next(error)}"
                    progress.refused = isinstance(error, _FOR_GOOD)
                    break
                progress.waits(f"{held.case.name} is asked again in {pause:.0f} seconds. {reason}")
                await asyncio.sleep(pause)
        raise StoppedError

    dataset = Dataset[Conversation, Run, Expectation](
        name=name, cases=[], evaluators=[HardChecks(peer=peer is not None), *judges]
    )
    dataset.cases.extend(cases)
    return await dataset.evaluate(
        task,
        max_concurrency=at_once,
        progress=False,
        repeat=repeat,
        lifecycle=lambda case: _Held(case, progress),
    )


async def caught(case: EvalCase, planted: PlantedAnswer) -> dict[str, list[str]]:
    """Return the checks that find something wrong with a planted answer to a case, and what."""
    assert case.metadata is not None, case.name  # noqa: S101  cases.load() lets no other through
    run = await hold(case.inputs, scripted(planted.steps))
    return {check: wrong for check, wrong in problems(case.inputs, case.metadata, run).items() if wrong}


class _Held(CaseLifecycle[Conversation, Run, Expectation]):
    """One conversation: the task finds its case here, and its record is made when it has been judged."""

    def __init__(self, case: EvalCase, progress: Progress) -> None:
        super().__init__(case)
        self._progress = progress
        self.run = Run()

    async def setup(self) -> None:
        _HELD.set(self)

    async def teardown(
        self,
        result: ReportCase[Conversation, Run, Expectation] | ReportCaseFailure[Conversation, Run, Expectation] | None,
    ) -> None:
        if result is None or (isinstance(result, ReportCaseFailure) and result.error_message.startswith(_STOPPED)):
            return
        record = _record(result, self.run)
        self._progress.finished.append(record)
        self._progress.tell(record)


_HELD: Final[ContextVar[_Held]] = ContextVar("held")
_STOPPED: Final = StoppedError.__name__


def _next(error: ModelAPIError) -> str:
    return next((text for category, text in _NEXT.items() if isinstance(error, category)), "Ask the others later.")


def _record(
    result: ReportCase[Conversation, Run, Expectation] | ReportCaseFailure[Conversation, Run, Expectation], run: Run
) -> CaseRecord:
    checks: dict[str, Finding] = {}
    judge: dict[str, Finding] = {}
    if isinstance(result, ReportCaseFailure):
        error: str | None = result.error_message
    else:
        for name, each in result.assertions.items():
            (checks if name in CHECKS else judge)[name] = Finding(passed=each.value, reason=each.reason)
        judge |= {name: Finding(passed=None, reason=each.reason) for name, each in result.labels.items()}
        failures = {each.name: each.error_message for each in result.evaluator_failures}
        error = failures.pop(HardChecks.__name__, None)
        judge |= {name: Finding(passed=None, reason=reason) for name, reason in failures.items()}
    expected = result.metadata
    assert expected is not None, result.name  # noqa: S101  cases.load() lets no other through
    return CaseRecord(
        name=result.name,
        case=result.source_case_name or result.name,
        kind=expected.kind,
        language=result.inputs.language,
        caller=result.inputs.caller,
        api_version=result.inputs.api_version,
        questions=[turn.ask for turn in result.inputs.turns],
        verdict="wrong" if error else verdict({name: bool(each.passed) for name, each in checks.items()}),
        checks=checks,
        error=error,
        run=run.model_copy(update={"definitions": ""}),  # the same in all, and long
        definition_tokens=tokens_of(run.definitions),
        result_tokens=tokens_read(run),
        judge=judge,
    )
