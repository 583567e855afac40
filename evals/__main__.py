"""`python -m evals`: ask a model the questions, or look at what came of it.

Keys are read from the environment only, from the variables that the models' providers name.
"""

import argparse
import asyncio
import difflib
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, TextIO, get_args

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model

from evals import records, report, scripted
from evals.cases import KINDS, Language, load
from evals.judge import judges
from evals.records import SCRIPTED, CaseRecord, RunRecord
from evals.run import EvalCase, Progress, caught, judged
from evals.world import Peer

RIGHT: Final = 0
NOT_RIGHT: Final = 1
WRONG_USAGE: Final = 2
_INTERRUPTED: Final = "It was interrupted."


class UsageError(Exception):
    """What was asked for cannot be done; the text says why, and what to do."""


class _WithoutAuditLog(io.TextIOBase):
    """Stderr without the lines of the servers' audit logs, one for each attempt to order."""

    def __init__(self, shown: TextIO) -> None:
        self._shown = shown

    def write(self, text: str) -> int:
        return len(text) if text.startswith('{"time":') else self._shown.write(text)

    def flush(self) -> None:
        self._shown.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command, and return its exit code: 0 all right, 1 something is not, 2 wrong usage."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        with redirect_stderr(_WithoutAuditLog(sys.stderr)):
            return run(options)
    except (UsageError, ValueError) as error:
        print(f"python -m evals: {records.without_keys(str(error))}", file=sys.stderr)
        return WRONG_USAGE


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    whole = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    run = _command(commands, "run", "ask a model the questions and judge its answers", _run)
    run.add_argument("--model", required=True, help="provider:name as pydantic-ai knows it, or scripted")
    _add_selection(run)
    run.add_argument("--peer", choices=["generated"], help="give it the tools of another server")
    run.add_argument("--judge", metavar="MODEL", help="let a model judge tone and completeness too")
    run.add_argument("--transcripts", type=Path, metavar="FOLDER", help="what `scripted` plays; only cases found there")
    run.add_argument("--record", type=Path, metavar="FOLDER", help="write the conversations there as transcripts")
    run.add_argument("--at-once", type=_positive, default=4, metavar="N", help="conversations at a time (4)")
    run.add_argument("--repeat", type=_positive, default=1, metavar="N", help="ask each case so often (1)")
    run.add_argument(
        "--out", type=Path, default=records.RUNS, metavar="FOLDER", help="for record and page (evals/runs)"
    )
    planted = _command(commands, "planted", "show that the checks catch the planted wrong answers", _planted)
    planted.add_argument("--at-once", type=_positive, default=4, metavar="N", help="conversations at a time (4)")
    compare = _command(commands, "compare", "show what got better and worse from one run to another", _compare)
    compare.add_argument("before", type=Path, help="a record, or its name in evals/runs")
    compare.add_argument("after", type=Path)
    compare.add_argument("--out", type=Path, metavar="FILE", help="write it as a page of HTML too")
    publish = _command(commands, "publish", "put a run's figures into evals/RESULTS.md", _publish)
    publish.add_argument("record", type=Path, help="a record, or its name in evals/runs")
    _add_selection(_command(commands, "cases", "list the cases", _cases))
    return whole


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--kind", action="append", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    command.add_argument("--language", choices=get_args(Language))
    command.add_argument("--case", action="append", metavar="NAME", help="a case, or several: 'when_*'")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _selected(options: argparse.Namespace) -> list[EvalCase]:
    cases = load()
    names = [case.name or "" for case in cases]
    for wanted in options.case or ():
        if not any(fnmatchcase(name, wanted) for name in names):
            close = difflib.get_close_matches(wanted, names, n=3, cutoff=0)
            raise UsageError(f"There is no case {wanted!r}. Close to it: {', '.join(close)}. `cases` lists all.")
    selected = [
        case
        for case in cases
        if case.metadata is not None
        and case.metadata.kind in (options.kind or KINDS)
        and case.inputs.language in (options.language or get_args(Language))
        and any(fnmatchcase(case.name or "", wanted) for wanted in options.case or ("*",))
    ]
    if not selected:
        raise UsageError("No case is of this kind, language and name at once: leave one of the options out.")
    return selected


def _answering(options: argparse.Namespace, cases: list[EvalCase]) -> tuple[list[EvalCase], Callable[[str], Model]]:
    """Return which of the cases are asked, and who answers each."""
    if options.model != SCRIPTED:
        if options.transcripts:
            raise UsageError("Only `--model scripted` plays transcripts: leave --transcripts out, or change the model.")
        model = _model(options.model)
        return cases, lambda _: model
    folder: Path = options.transcripts or scripted.BY_HAND
    transcripts = scripted.load(folder)
    if unknown := sorted(transcripts.keys() - {case.name for case in load()}):
        raise UsageError(f"{folder} holds transcripts of cases that do not exist; remove them: {', '.join(unknown)}.")
    if options.transcripts:
        cases = [case for case in cases if case.name in transcripts]
    if not cases:
        raise UsageError(f"{folder} holds no transcript of the cases that were asked for.")

    def play(name: str) -> Model:
        if name not in transcripts:
            raise LookupError(f"There is no transcript of it in {folder}.")
        return scripted.scripted(transcripts[name])

    return cases, play


def _model(name: str) -> Model:
    try:
        return infer_model(name)
    except UserError as error:
        if variable := re.search(r"`([A-Z][A-Z0-9_]+)` environment variable", str(error)):
            text = f"{name} needs the environment variable {variable[1]}. Set it; keys are read from nowhere else."
            raise UsageError(text) from error
        text = f"{error} Write provider:name, such as anthropic:…, openai:… or google:…; `scripted` plays transcripts."
        raise UsageError(text) from error
    except ImportError as error:
        extra = re.search(r"pydantic-ai-slim\[[\w-]+\]", str(error))
        command = f".venv/bin/python -m pip install '{extra[0]}'" if extra else str(error)
        raise UsageError(f"The library of the provider of {name} is not installed. Install it: {command}") from error


def _run(options: argparse.Namespace) -> int:
    cases, model_for = _answering(options, _selected(options))
    judging = judges(_model(options.judge)) if options.judge else []
    for folder in filter(None, (options.out, options.record)):
        records.try_folder(folder)
    planned = len(cases) * options.repeat
    progress = Progress()

    def tell(record: CaseRecord) -> None:
        reasons = "".join(f"\n      {line}" for line in report.failed(record))
        count = f"{len(progress.finished):>{len(str(planned))}}/{planned}"
        print(f"{count} {record.verdict:6} {record.name}{records.without_keys(reasons)}", file=sys.stderr, flush=True)

    progress.tell = tell
    progress.waits = lambda text: print(text, file=sys.stderr, flush=True)
    commit, dirty = records.commit()
    at = datetime.now(UTC)
    try:
        asyncio.run(
            judged(
                cases,
                model_for,
                name=options.model,
                peer=_generated() if options.peer else None,
                judges=judging,
                at_once=options.at_once,
                repeat=options.repeat,
                progress=progress,
            )
        )
    except KeyboardInterrupt:
        progress.stopped = _INTERRUPTED
    if not progress.finished:
        print(f"No conversation was held. {progress.stopped} Nothing was written.", file=sys.stderr)
        return WRONG_USAGE if progress.refused else NOT_RIGHT
    order = [case.name for case in cases]
    record = RunRecord(
        model=options.model,
        peer=options.peer,
        judge=options.judge,
        at=at,
        commit=commit,
        dirty=dirty,
        versions=records.versions(),
        api_versions=sorted({case.api_version for case in progress.finished}),
        planned=planned,
        stopped=progress.stopped,
        cases=sorted(progress.finished, key=lambda case: (order.index(case.case), case.name)),
    )
    record = _report(record, options.out)
    if options.record:
        _write_transcripts(record, options.record)
    return RIGHT if not record.stopped and all(case.verdict == "right" for case in record.cases) else NOT_RIGHT


def _report(record: RunRecord, out: Path) -> RunRecord:
    path = records.save(record, out)
    saved = records.load(path)  # from here on without keys
    path.with_suffix(".html").write_text(report.page([saved]), encoding="utf-8")
    for line in report.figures_lines(saved):
        print(line)
    print(f"\nRecord: {path}\nPage:   {path.with_suffix('.html')}")
    if saved.stopped:
        print(f"Incomplete: {saved.stopped} What was finished is kept; --kind and --case choose the others.")
    return saved


def _write_transcripts(record: RunRecord, folder: Path) -> None:
    kinds = {case.name: case.metadata.kind for case in load() if case.metadata}
    whole = {case.case: scripted.recorded(case.run) for case in record.cases if not case.error}
    transcripts = scripted.load(folder) | whole
    for kind in {kinds[name] for name in whole}:
        of_kind = {name: steps for name, steps in transcripts.items() if kinds.get(name) == kind}
        scripted.save(folder / f"{kind}.yaml", of_kind)
    print(f"{len(whole)} transcripts: {folder}; `--model scripted --transcripts {folder}` plays them.")


def _generated() -> Peer:
    from benchmarks.contestants import contestants  # noqa: PLC0415  it installs the server when it is missing

    return next(Peer(each.name, each.command) for each in contestants() if each.name == "generated")


def _planted(options: argparse.Namespace) -> int:
    cases = {case.name: case for case in load()}
    answers = scripted.load_planted()
    if unknown := sorted({each.case for each in answers.values()} - cases.keys()):
        raise UsageError(f"Planted answers name cases that do not exist: {', '.join(unknown)}.")
    counts: Counter[str] = Counter()
    missed: list[str] = []

    async def judge(name: str, limit: asyncio.Semaphore) -> None:
        case, planted = cases[answers[name].case], answers[name]
        async with limit:
            found = (await caught(case, planted)).keys()
        assert case.metadata is not None, name  # noqa: S101  cases.load() lets no other through
        if found == planted.caught_by:
            counts[case.metadata.kind] += 1
        else:
            missed.append(f"{name}: {sorted(found) or 'nothing'} caught it, and {sorted(planted.caught_by)} should")

    async def judge_all() -> None:
        limit = asyncio.Semaphore(options.at_once)
        await asyncio.gather(*(judge(name, limit) for name in answers))

    asyncio.run(judge_all())
    without = [kind for kind in KINDS if not counts[kind]]
    print(f"Planted wrong answers: {counts.total()} caught, {len(missed)} missed; by kind:")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())))
    print(*(f"MISSED {line}" for line in sorted(missed)), sep="\n", end="\n" if missed else "")
    if without:
        print(f"No planted answer was caught of: {', '.join(without)}")
    return NOT_RIGHT if missed or without else RIGHT


def _compare(options: argparse.Namespace) -> int:
    runs = records.load(options.before), records.load(options.after)
    compared = report.compare(*runs)
    for line in report.compared_lines(compared):
        print(line)
    if options.out:
        try:
            options.out.write_text(report.page(runs, compared), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{options.out} cannot be written: {error.strerror}.") from error
        print(f"\nPage: {options.out}")
    return NOT_RIGHT if compared.worse else RIGHT


def _publish(options: argparse.Namespace) -> int:
    record = records.load(options.record)
    for wrong, text in (
        (record.model == SCRIPTED, "played transcripts: it says nothing about a model"),
        (record.stopped, f"is incomplete: {record.stopped}"),
        (record.dirty, "was made with files that differ from the commit: commit them, and run it again"),
    ):
        if wrong:
            raise UsageError(f"This run {text}. It is not published.")
    records.save(record, records.PUBLISHED, replace=True)
    report.RESULTS.write_text(report.results(records.published()), encoding="utf-8")
    print(f"{report.RESULTS} holds it now. Commit it together with {records.PUBLISHED}.")
    return RIGHT


def _cases(options: argparse.Namespace) -> int:
    cases = _selected(options)
    width = max(len(case.name or "") for case in cases)
    for case in cases:
        kind = case.metadata.kind if case.metadata else ""
        print(f"{case.name or '':{width}}  {kind:16}  {case.inputs.language}  {case.inputs.caller}")
    print(f"{len(cases)} cases")
    return RIGHT


if __name__ == "__main__":
    sys.exit(main())
