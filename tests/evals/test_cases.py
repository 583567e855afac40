"""The files of cases: all that are there are sound, and what is wrong in one is told with the file and the case."""

from pathlib import Path
from typing import Final

import pytest
from pydantic import ValidationError

from evals import cases
from evals.cases import Conversation, Turn

SOUND: Final = """\
name: when
cases:
- name: when_en_first
  inputs: {language: en, turns: [{ask: "When?"}]}
  metadata: {kind: when}
- name: when_en_second
  inputs: {language: en, turns: [{ask: "When?"}]}
  metadata: {kind: when}
"""


def load(folder: Path, text: str, name: str = "when.yaml") -> list[str | None]:
    """Write a file of cases, read it, and return their names."""
    (folder / name).write_text(text, encoding="utf-8")
    return [case.name for case in cases.load(folder)]


def test_every_case_is_named_after_its_kind_and_language() -> None:
    for case in cases.load():
        assert case.name is not None
        assert case.metadata is not None
        assert case.name.startswith(f"{case.metadata.kind}_{case.inputs.language}_")


def test_cases_are_read(tmp_path: Path) -> None:
    assert load(tmp_path, SOUND) == ["when_en_first", "when_en_second"]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("when_en_second", "when_en_first", "'when_en_first'"),
        ("metadata: {kind: when}", "metadata: {kind: changes}", "when_en_first is not of the kind 'when'"),
        (
            "- name: when_en_second\n  inputs: {language: en",
            "- name: when_en_second\n  inputs: {language: fr",
            "_second.",
        ),
        (
            'when_en_first\n  inputs: {language: en, turns: [{ask: "When?"}]',
            "when_en_first\n  inputs: {language: en",
            "_first.",
        ),
        ("inputs: {language", "inputs: {langage", "when_en_first.inputs.langage"),
        ('{ask: "When?"}', '{ask: "When?", says: [[12.06]]}', "when_en_first.inputs.turns.0.says.0.0"),
        ('{ask: "When?"}', "{ask: 'When?", "while"),
    ],
)
def test_what_is_wrong_is_told_with_the_file_and_the_case(tmp_path: Path, good: str, bad: str, told: str) -> None:
    assert good in SOUND
    with pytest.raises(ValueError, match=r"^when\.yaml: ") as caught:
        load(tmp_path, SOUND.replace(good, bad, 1))
    assert told in str(caught.value)


@pytest.mark.parametrize("pattern", ["", " ", "/a|/", "/a| |b/", "/(not )?/", "/[/", "/(a/"])
def test_a_pattern_that_every_answer_matches_and_a_broken_one_are_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"every answer matches|is no regular expression"):
        Turn(ask="?", says=((pattern,),))
    with pytest.raises(ValidationError):
        Turn(ask="?", never=(pattern,))


def test_a_text_without_slashes_is_no_pattern() -> None:
    assert not cases.as_pattern("12.06").search("12x06")
    assert cases.as_pattern("Grid Operator").search("the grid operator")
    assert cases.as_pattern("/12.06/").search("12x06")


@pytest.mark.parametrize("caller", ["", "customer", "cus_", "sub_1", "cus_A B"])
def test_a_caller_is_the_operator_or_a_customer(caller: str) -> None:
    with pytest.raises(ValidationError):
        Conversation(language="en", caller=caller, turns=(Turn(ask="?"),))
