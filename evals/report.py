"""Reports: the figures of a run, its wrong answers, and two runs compared; in Markdown and as a page of HTML."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evals.cases import KINDS
from evals.checks import Verdict
from evals.records import SCRIPTED, CaseRecord, RunRecord

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "RESULTS.md"
_WORTH: Final[Mapping[Verdict, int]] = {"wrong": 0, "partly": 1, "right": 2}
_NOTHING_KNOWN: Final = "n/a"
_ONLY_SCRIPTED: Final = (
    "Transcripts were played, and no model was asked: this shows that the harness, the fences and the checks work, "
    "and says nothing about any model."
)
_HEADS: Final = (
    "kind",
    "language",
    "cases",
    "right",
    "partly",
    "wrong",
    "calls",
    "result tokens",
    "model tokens",
    "cost",
    "seconds",
)
_NONE_RUN: Final = """\
# Evals: results

No model was run yet, so there are no figures here. To run one with a key of your own:

    python -m evals run --model anthropic:NAME
    python -m evals publish evals/runs/RECORD.json

[docs/evals.md](../docs/evals.md) says what is needed, and what the figures mean and do not mean.
"""

Key = tuple[str, str, str]  # kind, language and name of a case


@dataclass(frozen=True, slots=True)
class Figures:
    """What some cases of a run come to.

    Attributes:
        kind: Of all of them, or "all".
        language: Of all of them, or "".
        calls: Per conversation, as `result_tokens` and `seconds`.
        model_tokens: Read and written by the model, in all; 0 where its provider does not say.
        cost: In US dollars, in all; None where no price is known.
    """

    kind: str
    language: str
    cases: int
    right: int
    partly: int
    wrong: int
    calls: float
    result_tokens: float
    model_tokens: int
    cost: float | None
    seconds: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures as they are shown, in the order of the table's heads."""
        return (
            self.kind.replace("_", " "),
            self.language,
            *(str(number) for number in (self.cases, self.right, self.partly, self.wrong)),
            f"{self.calls:.1f}",
            f"{self.result_tokens:,.0f}",
            f"{self.model_tokens:,}" if self.model_tokens else _NOTHING_KNOWN,
            _NOTHING_KNOWN if self.cost is None else f"${self.cost:.4f}",
            f"{self.seconds:.1f}",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A case whose verdict two runs do not share."""

    case: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same cases.

    Attributes:
        rows: Name, figures before and after, of what both runs hold: kind by kind, then all of it.
        better: What got better.
        worse: What got worse.
        same: How many have the verdict that they had.
        left_out: Cases that only one of the two holds. They are in no figure.
    """

    before: RunRecord
    after: RunRecord
    rows: list[tuple[Figures, Figures]]
    better: list[Change]
    worse: list[Change]
    same: int
    left_out: list[str]


def figures(cases: Sequence[CaseRecord]) -> list[Figures]:
    """Return the figures of each kind and language, and of everything."""
    rows = [
        _sum(kind, language, group)
        for kind in KINDS
        for language in ("en", "de")
        if (group := [case for case in cases if (case.kind, case.language) == (kind, language)])
    ]
    return [*rows, _sum("all", "", cases)] if cases else []


def compare(before: RunRecord, after: RunRecord) -> Comparison:
    """Compare two runs case by case. Of cases that were asked several times, the average counts."""
    old, new = _by_case(before), _by_case(after)
    shared = old.keys() & new.keys()
    worth = {key: (_worth(old[key]), _worth(new[key])) for key in sorted(shared)}
    both = [[case for case in run.cases if _key(case) in shared] for run in (before, after)]
    return Comparison(
        before=before,
        after=after,
        rows=list(zip(figures(both[0]), figures(both[1]), strict=True)),
        better=[_change(key, old, new) for key, (was, now) in worth.items() if now > was],
        worse=[_change(key, old, new) for key, (was, now) in worth.items() if now < was],
        same=sum(was == now for was, now in worth.values()),
        left_out=sorted(name for _, _, name in old.keys() ^ new.keys()),
    )


def failed(case: CaseRecord) -> list[str]:
    """Return what is wrong with an answer, one line a check."""
    broken = [f"the conversation broke off: {case.error}"] if case.error else []
    return broken + [f"{name}: {each.reason}" for name, each in case.checks.items() if not each.passed]


def notes(run: RunRecord) -> list[str]:
    """Return what must be known before a run's figures are believed."""
    found = [_ONLY_SCRIPTED] if run.model == SCRIPTED else []
    if run.stopped:
        found.append(f"Incomplete: {len(run.cases)} of {run.planned} conversations were held. {run.stopped}")
    if run.dirty:
        found.append("Files differed from the commit that is named.")
    return found


def facts(run: RunRecord) -> list[tuple[str, str]]:
    """Return what a run was: model, date, commit, versions."""
    definitions = fmean(case.definition_tokens for case in run.cases) if run.cases else 0
    return [
        ("model", run.model),
        ("server", f"{run.peer} (not judged: tools, tokens)" if run.peer else "nomos-mcp"),
        ("date", f"{run.at:%Y-%m-%d %H:%M} UTC"),
        ("commit", run.commit or "unknown"),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("API versions", ", ".join(run.api_versions)),
        ("tokens of definitions", f"{definitions:,.0f} on average"),
        ("judge", run.judge or "none"),
    ]


def judged_rows(run: RunRecord) -> list[tuple[str, int, int, int]]:
    """Return for each thing that a model judged: its name, passed, failed, no verdict."""
    names = dict.fromkeys(name for case in run.cases for name in case.judge)
    found = {name: [case.judge[name].passed for case in run.cases if name in case.judge] for name in names}
    return [(name, each.count(True), each.count(False), each.count(None)) for name, each in found.items()]


def figures_lines(run: RunRecord) -> Iterator[str]:
    """Show a run's figures as tables in Markdown, read as well in a terminal."""
    yield from (f"> {note}\n" for note in map(_inline, notes(run)))
    yield from _table(_HEADS, [row.cells for row in figures(run.cases)])
    if run.judge:
        yield f"\nTone and completeness, as {_inline(run.judge)} judges them; this changes no figure above:\n"
        heads = ("", "passed", "failed", "no verdict")
        yield from _table(heads, [tuple(map(str, row)) for row in judged_rows(run)])


def compared_lines(compared: Comparison) -> Iterator[str]:
    """Show two runs side by side as Markdown."""
    before, after = compared.before, compared.after
    yield f"Before: {_inline(before.title)}, {before.at:%Y-%m-%d %H:%M}, commit {before.commit}"
    yield f"After:  {_inline(after.title)}, {after.at:%Y-%m-%d %H:%M}, commit {after.commit}\n"
    yield from _table(_HEADS, [_side_by_side(*row) for row in compared.rows])
    for name, changes in (("Better", compared.better), ("Worse", compared.worse)):
        yield f"\n{name}: {len(changes)}"
        yield from (f"- {each.case}: {each.before} → {each.after}" for each in changes)
    yield f"\nSame: {compared.same}"
    if compared.left_out:
        yield f"\nOnly in one run, and in no figure: {', '.join(compared.left_out)}"


def results(runs: Sequence[RunRecord]) -> str:
    """Return the text of RESULTS.md: it holds the figures of these records, and no others."""
    if not runs:
        return _NONE_RUN
    lines = ["# Evals: results", "", "[docs/evals.md](../docs/evals.md) says what the figures mean and do not mean."]
    for run in runs:
        lines += ["", f"## {_inline(run.title)}", ""]
        lines += [f"- {name}: {_inline(value)}" for name, value in facts(run)]
        lines += ["", *figures_lines(run)]
        for case in (case for case in run.cases if case.verdict != "right"):
            lines += ["", *_transcript_lines(case)]
    return "\n".join(lines) + "\n"


def page(runs: Sequence[RunRecord], comparison: Comparison | None = None) -> str:
    """Return a page of HTML: the comparison if there is one, then each run."""
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tools: dict[str, Callable[..., object]] = {
        "facts": facts,
        "failed": failed,
        "figures": figures,
        "judged_rows": judged_rows,
        "notes": notes,
        "side_by_side": _side_by_side,
    }
    return environment.get_template("page.html.jinja").render(
        runs=runs, comparison=comparison, heads=_HEADS, SCRIPTED=SCRIPTED, **tools
    )


def _sum(kind: str, language: str, cases: Sequence[CaseRecord]) -> Figures:
    verdicts = [case.verdict for case in cases]
    costs = [case.run.cost for case in cases if case.run.cost is not None]
    return Figures(
        kind=kind,
        language=language,
        cases=len(cases),
        right=verdicts.count("right"),
        partly=verdicts.count("partly"),
        wrong=verdicts.count("wrong"),
        calls=fmean(len(case.run.calls) for case in cases),
        result_tokens=fmean(case.result_tokens for case in cases),
        model_tokens=sum(case.run.input_tokens + case.run.output_tokens for case in cases),
        cost=sum(costs) if costs else None,
        seconds=fmean(case.run.seconds for case in cases),
    )


def _key(case: CaseRecord) -> Key:
    return case.kind, case.language, case.case


def _by_case(run: RunRecord) -> dict[Key, list[Verdict]]:
    found: dict[Key, list[Verdict]] = {}
    for case in run.cases:
        found.setdefault(_key(case), []).append(case.verdict)
    return found


def _worth(verdicts: Iterable[Verdict]) -> float:
    return fmean(_WORTH[each] for each in verdicts)


def _change(key: Key, old: Mapping[Key, Sequence[str]], new: Mapping[Key, Sequence[str]]) -> Change:
    return Change(key[2], ", ".join(old[key]), ", ".join(new[key]))


def _side_by_side(before: Figures, after: Figures) -> tuple[str, ...]:
    cells = zip(before.cells, after.cells, strict=True)
    return tuple(was if was == now else f"{was} → {now}" for was, now in cells)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, ["-" * width for width in widths], *rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def _transcript_lines(case: CaseRecord) -> Iterator[str]:
    """Show a conversation; what people, models and tools wrote stands in blocks that nothing in it can end."""
    yield f"<details><summary>{case.name}: {case.verdict}</summary>\n"
    for turn, question in enumerate(case.questions):
        yield from ("Question:\n", *_block(question))
        for call in (call for call in case.run.calls if call.turn == turn):
            yield from (f"Calls `{_inline(call.tool)}`:\n", *_block(f"{call.arguments}\n\n{call.result}"))
        if turn < len(case.run.answers):
            yield from ("Answer:\n", *_block(case.run.answers[turn]))
    yield from ("What failed:\n", *_block("\n".join(failed(case))))
    yield "</details>"


def _block(text: str) -> Iterator[str]:
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", text, fence, "")


def _inline(text: str) -> str:
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", " ".join(text.split()))
