"""docs/evals.md: its commands exist, its worked example runs, and its tables name all there is."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from evals import __main__ as command, cases, scripted
from evals.assistant import hold
from evals.checks import CHECKS, problems
from evals.run import judged
from tests.docs.blocks import ROOT, Block, blocks

DOCUMENT: Final = "docs/evals.md"
TEXT: Final = (ROOT / DOCUMENT).read_text(encoding="utf-8")


@pytest.mark.parametrize("block", blocks(DOCUMENT, "console"), ids=str)
def test_a_command_that_is_shown_exists(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        elif words[:3] == ["python", "-m", "evals"] and words[3] != "--help":
            command.parser().parse_args(words[3:])
    assert not capsys.readouterr().err


async def test_the_worked_example_is_a_case_that_passes_and_a_wrong_answer_that_is_caught(tmp_path: Path) -> None:
    case_text, transcript_text, planted_text = (block.text for block in blocks(DOCUMENT, "yaml"))
    (tmp_path / "when.yaml").write_text(
        (cases.FOLDER / "when.yaml").read_text(encoding="utf-8") + case_text, encoding="utf-8"
    )
    for folder, text in (("by_hand", transcript_text), ("planted", planted_text)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "when.yaml").write_text(text, encoding="utf-8")

    case = cases.load(tmp_path)[-1]
    assert case.metadata is not None
    assert case.name is not None
    steps = scripted.load(tmp_path / "by_hand")[case.name]
    report = await judged([case], lambda _: scripted.scripted(steps), name="scripted")
    assert {name: each.reason for name, each in report.cases[0].assertions.items() if not each.value} == {}

    (planted,) = scripted.load_planted(tmp_path / "planted").values()
    assert planted.case == case.name
    run = await hold(case.inputs, scripted.scripted(planted.steps))
    found = problems(case.inputs, case.metadata, run)
    assert {check for check, wrong in found.items() if wrong} == planted.caught_by


def test_the_page_names_every_check_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert not [name for name in CHECKS if f"| `{name}` |" not in TEXT]
    with pytest.raises(SystemExit):
        command.main(["run", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert not [option for option in options if option not in TEXT]
