"""`python -m evals`: what it prints and writes, what it says when something is missing, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pydantic_ai import ModelMessage, ModelResponse, TextPart
from pydantic_ai.exceptions import ModelAuthenticationError, ModelHTTPError, ModelNotFoundError, ModelRateLimitError
from pydantic_ai.models.function import AgentInfo, FunctionModel

from evals import __main__ as command, records, report, scripted
from evals.records import RunRecord
from evals.run import judged
from evals.scripted import Step
from tests.docs.blocks import ROOT
from tests.evals.made_records import made_case, made_run

CASE = "why_blocked_en_check_missing"
OTHER = "why_blocked_de_customer_grid_operator"
Answer = Callable[[], ModelResponse]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "judged", partial(judged, pauses=(0,)))
    return tmp_path / "runs"


def _run(out: Path, *options: str, model: str = "scripted") -> tuple[int, RunRecord | None]:
    known = set(out.glob("*.json"))
    code = command.main(["run", "--model", model, "--out", str(out), *options])
    written = set(out.glob("*.json")) - known
    return code, records.load(written.pop()) if written else None


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
    """Let a model answer so: each request takes the next of these, and all later ones the last."""
    left = list(answers)

    def respond(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        return (left.pop(0) if len(left) > 1 else left[0])()

    monkeypatch.setattr(command, "infer_model", lambda _: FunctionModel(respond))


def _says(text: str) -> Answer:
    return lambda: ModelResponse([TextPart(text)])


def _raises(error: Exception) -> Answer:
    def answer() -> ModelResponse:
        raise error

    return answer


LIMITED = ModelHTTPError.for_category(ModelRateLimitError, status_code=429, model_name="x")
UNKNOWN_KEY = ModelHTTPError.for_category(ModelAuthenticationError, status_code=401, model_name="x")
UNKNOWN_MODEL = ModelHTTPError.for_category(ModelNotFoundError, status_code=404, model_name="x")


def test_a_run_prints_its_figures_and_writes_a_record_and_a_page(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, record = _run(out, "--case", CASE, "--case", "why_blocked_de_customer_grid_*")
    assert code == command.RIGHT
    assert record is not None
    assert [case.name for case in record.cases] == [CASE, OTHER]
    assert {each.passed for case in record.cases for each in case.checks.values()} == {True}
    assert record.cases[0].run.calls[0].tool == "get_meter_order"
    assert record.cases[0].definition_tokens > 1000
    assert record.planned == 2
    assert "| why blocked | de " in capsys.readouterr().out
    assert CASE in next(out.glob("*.html")).read_text(encoding="utf-8")


def test_a_wrong_answer_is_told_with_its_reason(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _says("It is blocked since 3 March 2020."))
    code, record = _run(out, "--case", CASE, model="made:up")
    assert code == command.NOT_RIGHT
    assert record is not None
    assert record.cases[0].verdict == "wrong"
    assert "facts: the date 2020 3 3 was not read" in capsys.readouterr().err


def test_a_case_that_crashes_is_wrong_with_its_error_and_the_run_goes_on(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answering(monkeypatch, _raises(KeyError("oops")), _says("It is blocked."))
    code, record = _run(out, "--case", CASE, "--case", OTHER, "--at-once", "1", model="made:up")
    assert code == command.NOT_RIGHT
    assert record is not None
    assert [case.error for case in record.cases] == ["KeyError: 'oops'", None]
    assert [case.verdict for case in record.cases] == ["wrong", "wrong"]


def test_what_was_called_before_a_crash_is_in_the_record(out: Path, tmp_path: Path) -> None:
    steps = [Step.model_validate({"call": "get_meter_order", "with": {"order_id": "prdo_blockedcheckmissing00000"}})]
    scripted.save(tmp_path / "t" / "why_blocked.yaml", {CASE: steps})
    code, record = _run(out, "--transcripts", str(tmp_path / "t"))
    assert code == command.NOT_RIGHT
    assert record is not None
    (case,) = record.cases
    assert case.error is not None
    assert "transcript ends" in case.error
    assert [call.tool for call in case.run.calls] == ["get_meter_order"]


def test_a_checks_own_failure_makes_no_answer_right(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.checks.problems", lambda *_: 1 / 0)
    code, record = _run(out, "--case", CASE)
    assert code == command.NOT_RIGHT
    assert record is not None
    assert record.cases[0].verdict == "wrong"
    assert "ZeroDivisionError" in (record.cases[0].error or "")


def test_a_rate_limit_that_passes_changes_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _raises(LIMITED), _says("It is blocked."))
    _, record = _run(out, "--case", CASE, model="made:up")
    assert "is asked again in 0 seconds. ModelRateLimitError" in capsys.readouterr().err
    assert record is not None
    assert record.stopped is None
    assert record.cases[0].error is None


def test_a_rate_limit_that_stays_ends_the_run_and_keeps_what_was_finished(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _says("It is blocked."), _raises(LIMITED))
    code, record = _run(out, "--case", CASE, "--case", OTHER, "--at-once", "1", model="made:up")
    assert code == command.NOT_RIGHT
    assert record is not None
    assert [case.name for case in record.cases] == [CASE]
    assert record.stopped is not None
    assert record.stopped.startswith("ModelRateLimitError: status_code: 429")
    assert "--at-once 1" in capsys.readouterr().out


def test_a_rate_limit_from_the_beginning_writes_nothing_and_is_no_wrong_usage(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _raises(LIMITED))
    assert _run(out, "--case", CASE, model="made:up") == (command.NOT_RIGHT, None)
    assert "No conversation was held. ModelRateLimitError" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "told"), [(UNKNOWN_KEY, "Check the key."), (UNKNOWN_MODEL, "name of the model")])
def test_a_key_or_a_model_that_the_provider_does_not_know_is_wrong_usage(
    error: Exception, told: str, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _raises(error))
    assert _run(out, "--case", CASE, model="made:up") == (command.WRONG_USAGE, None)
    assert told in capsys.readouterr().err


def test_no_key_reaches_a_file_or_the_screen(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "sk-secret-4711"
    monkeypatch.setenv("MADE_UP_API_KEY", key)
    _answering(monkeypatch, _raises(ValueError(f"refused: {key}")))
    transcripts = out.parent / "transcripts"
    _run(out, "--case", CASE, "--record", str(transcripts), model="made:up")
    _answering(monkeypatch, _says(f"Your key is {key}."))
    _run(out, "--case", CASE, "--record", str(transcripts), model="made:up")
    files = [path for path in out.parent.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".html", ".yaml"}
    assert not [path for path in files if key in path.read_text(encoding="utf-8")]
    shown = capsys.readouterr()
    assert key not in shown.out + shown.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--model", "nosuch:x"], "Unknown model: nosuch:x"),
        (["--model", "system-one:x"], "environment variable SYSTEM_ONE_BASE_URL"),
        (["--model", "scripted", "--case", "why_bloked"], "Close to it: why_blocked"),
        (["--model", "scripted", "--case", CASE, "--language", "de"], "leave one of the options out"),
        (["--model", "scripted", "--transcripts", "/nowhere"], "no transcript"),
        (["--model", "test", "--transcripts", "/nowhere"], "Only `--model scripted` plays transcripts"),
    ],
)
def test_wrong_usage_says_what_to_do(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["run", *options]) == command.WRONG_USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--kind", "nosuch"], ["--at-once", "0"], ["--peer", "nosuch"], []])
def test_wrong_options_end_with_the_same_code(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["run", *(["--model", "scripted"] if options else []), *options])
    assert ended.value.code == command.WRONG_USAGE


def test_a_library_that_is_missing_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    monkeypatch.delitem(sys.modules, "pydantic_ai.providers.anthropic", raising=False)
    assert command.main(["run", "--model", "anthropic:x"]) == command.WRONG_USAGE
    assert "pip install 'pydantic-ai-slim[anthropic]'" in capsys.readouterr().err


def test_a_transcript_of_a_case_that_does_not_exist_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.save(tmp_path / "when.yaml", {"when_en_gone": [Step(say="Never.")]})
    assert command.main(["run", "--model", "scripted", "--transcripts", str(tmp_path)]) == command.WRONG_USAGE
    assert "when_en_gone" in capsys.readouterr().err


def test_a_recorded_run_is_played_again_with_the_same_verdicts(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "transcripts"
    _, first = _run(out, "--case", CASE, "--case", OTHER, "--record", str(folder))
    _, again = _run(tmp_path / "again", "--transcripts", str(folder))
    assert first is not None
    assert again is not None
    assert [path.name for path in folder.iterdir()] == ["why_blocked.yaml"]
    assert [(case.verdict, case.run.answers) for case in again.cases] == [
        (case.verdict, case.run.answers) for case in first.cases
    ]
    assert [call.arguments for case in again.cases for call in case.run.calls] == [
        call.arguments for case in first.cases for call in case.run.calls
    ]


def test_recording_some_cases_keeps_the_transcripts_of_the_others(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "transcripts"
    for case in (CASE, OTHER):
        _run(out / case, "--case", case, "--record", str(folder))
    assert scripted.load(folder).keys() == {CASE, OTHER}


def test_a_case_is_asked_as_often_as_is_wished(out: Path) -> None:
    code, record = _run(out, "--case", CASE, "--repeat", "3")
    assert code == command.RIGHT
    assert record is not None
    assert len({case.name for case in record.cases}) == 3
    assert {case.case for case in record.cases} == {CASE}


def test_an_interrupted_run_keeps_what_was_finished(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "evals", "run", "--model", "scripted", "--case", CASE]
    options = ["--repeat", "1000", "--at-once", "1", "--out", str(tmp_path)]
    with subprocess.Popen([*run, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert "right" in line
    assert process.returncode == command.NOT_RIGHT
    (path,) = tmp_path.glob("*.json")
    record = records.load(path)
    assert record.stopped == "It was interrupted."
    assert 1 <= len(record.cases) < record.planned == 1000


def test_cases_are_listed_with_kind_language_and_caller(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["cases", "--kind", "why_blocked"]) == command.RIGHT
    lines = capsys.readouterr().out.splitlines()
    assert [OTHER, "why_blocked", "de", "cus_blockedgridoperator00000"] in [line.split() for line in lines]
    assert lines[-1] == f"{len(lines) - 1} cases"


def test_a_planted_answer_that_is_not_caught_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = scripted.load(scripted.BY_HAND)[CASE]
    planted = {
        "why_blocked_missed": scripted.PlantedAnswer(case=CASE, caught_by=frozenset({"facts"}), steps=right),
        "why_blocked_caught": scripted.PlantedAnswer(
            case=CASE, caught_by=frozenset({"says"}), steps=[Step(say="I do not know.")]
        ),
    }
    monkeypatch.setattr(scripted, "load_planted", lambda: planted)
    assert command.main(["planted"]) == command.NOT_RIGHT
    shown = capsys.readouterr().out
    assert "1 caught, 1 missed" in shown
    assert "MISSED why_blocked_missed: nothing caught it, and ['facts'] should" in shown
    assert "No planted answer was caught of: whose_turn" in shown


def test_compare_ends_with_one_if_something_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = str(records.save(made_run(made_case()), tmp_path / "good"))
    bad = str(records.save(made_run(made_case(verdict="wrong")), tmp_path / "bad"))
    page = tmp_path / "page.html"
    assert command.main(["compare", bad, good, "--out", str(page)]) == command.RIGHT
    assert "Better: 1" in page.read_text(encoding="utf-8")
    assert command.main(["compare", good, bad]) == command.NOT_RIGHT
    assert "Worse: 1" in capsys.readouterr().out
    assert command.main(["compare", good, "nosuch"]) == command.WRONG_USAGE
    assert "cannot be read" in capsys.readouterr().err


def test_publishing_writes_the_results_of_whole_runs_of_models_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published, results = tmp_path / "published", tmp_path / "RESULTS.md"
    monkeypatch.setattr(records, "PUBLISHED", published)
    monkeypatch.setattr(report, "RESULTS", results)
    monkeypatch.setattr(records, "published", partial(records.published, published))
    for refused, told in (
        (made_run(made_case(), model="scripted"), "played transcripts"),
        (made_run(made_case(), stopped="It was interrupted."), "is incomplete"),
        (made_run(made_case(), dirty=True), "differ from the commit"),
    ):
        assert command.main(["publish", str(records.save(refused, tmp_path / "refused"))]) == command.WRONG_USAGE
        assert told in capsys.readouterr().err
    assert not results.exists()
    path = records.save(made_run(made_case()), tmp_path)
    assert command.main(["publish", str(path)]) == command.RIGHT
    assert "## made:up" in results.read_text(encoding="utf-8")
    assert json.loads(path.read_text("utf-8")) == json.loads((published / path.name).read_text("utf-8"))


def test_a_call_that_the_server_refuses_is_told_to_the_model_and_breaks_nothing_off(out: Path, tmp_path: Path) -> None:
    steps = [Step.model_validate({"call": "get_meter_order", "with": {"order_id": 5}}), Step(say="It is blocked.")]
    scripted.save(tmp_path / "t" / "why_blocked.yaml", {CASE: steps})
    _, record = _run(out, "--transcripts", str(tmp_path / "t"))
    assert record is not None
    (case,) = record.cases
    assert case.error is None
    assert case.run.calls[0].failed


@pytest.mark.parametrize("option", ["--out", "--record"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    folders = {"--out": str(tmp_path / "runs"), "--record": str(tmp_path / "kept"), option: str(tmp_path / "file")}
    arguments = [part for pair in folders.items() for part in pair]
    assert command.main(["run", "--model", "scripted", "--case", "why_blocked_en_*", *arguments]) == command.WRONG_USAGE
    told = capsys.readouterr().err
    assert "Nothing can be written to" in told
    assert "right" not in told


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(records.save(made_run(made_case()), tmp_path))
    assert command.main(["compare", path, path, "--out", str(tmp_path / "no" / "page.html")]) == command.WRONG_USAGE
    assert "cannot be written" in capsys.readouterr().err
