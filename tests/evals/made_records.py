"""Records of runs that nobody made, for tests of what is shown of them."""

from datetime import UTC, datetime

from evals.assistant import Call, Run
from evals.cases import Kind, Language
from evals.checks import Verdict
from evals.records import CaseRecord, Finding, RunRecord


def made_case(
    name: str = "when_en_made_up",
    verdict: Verdict = "right",
    *,
    answer: str = "On 10 June.",
    result: str = '{"status": "blocked"}',
    kind: Kind = "when",
    language: Language = "en",
    cost: float | None = 0.25,
    judge: dict[str, Finding] | None = None,
) -> CaseRecord:
    call = Call(turn=0, tool="get_meter_order", arguments={"order_id": "prdo_1"}, result=result, failed=False)
    run = Run(answers=[answer], calls=[call], input_tokens=1000, output_tokens=50, cost=cost, seconds=2.0)
    reason = None if verdict == "right" else "it does not say '10 June'"
    return CaseRecord(
        name=name,
        case=name.partition(" ")[0],
        kind=kind,
        language=language,
        caller="operator",
        api_version="curie",
        questions=["Since when?"],
        verdict=verdict,
        checks={"says" if verdict != "wrong" else "facts": Finding(passed=verdict == "right", reason=reason)},
        run=run,
        definition_tokens=3000,
        result_tokens=400,
        judge=judge or {},
    )


def made_run(*cases: CaseRecord, model: str = "made:up", stopped: str | None = None, dirty: bool = False) -> RunRecord:
    return RunRecord(
        model=model,
        at=datetime(2026, 6, 15, 10, 0, tzinfo=UTC),
        commit="0123456789ab",
        dirty=dirty,
        versions={"nomos-mcp": "1.0"},
        api_versions=["curie"],
        planned=len(cases) + (stopped is not None),
        stopped=stopped,
        judge="made:judge" if any(case.judge for case in cases) else None,
        cases=list(cases),
    )
