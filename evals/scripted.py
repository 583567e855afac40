"""A model that plays a transcript: it proves the harness, the fences and the checks, and says nothing about any model.

A transcript holds what a model does in one case, step by step. What the tools answer is not in it: they answer anew.
`<confirmation_code>` or another name in such brackets stands for the field of that name in the last result that has it.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_ai import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from evals.assistant import Run
from evals.invented import json_of

FOLDER: Final = Path(__file__).parent / "transcripts"
BY_HAND: Final = FOLDER / "by_hand"
PLANTED: Final = FOLDER / "planted"
_CHANGING: Final = ("confirmation_code", "next_cursor")  # fields whose values no transcript can know


class Step(BaseModel):
    """One step: a call, or an answer.

    Attributes:
        call: The tool that is called.
        arguments: Its arguments, `with` in the files.
        say: The answer to the question.
    """

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    call: str | None = None
    arguments: dict[str, Any] = Field(default={}, alias="with")
    say: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Step":
        if (self.call is None) == (self.say is None):
            raise ValueError("a step has either `call` or `say`")
        return self


Transcript = list[Step]
T = TypeVar("T")


class PlantedAnswer(BaseModel):
    """A wrong answer that somebody made up: it shows that the checks can fail.

    Attributes:
        case: The name of the case that it answers.
        caught_by: The checks that find something wrong; all others find nothing.
        steps: What the model does.
    """

    model_config = ConfigDict(extra="forbid")

    case: str
    caught_by: Annotated[frozenset[str], Field(min_length=1)]
    steps: Transcript


_FILE: Final = TypeAdapter(dict[str, Transcript])
_PLANTED_FILE: Final = TypeAdapter(dict[str, PlantedAnswer])


def load(folder: Path) -> dict[str, Transcript]:
    """Read the transcripts of a folder, by the name of the case.

    Raises:
        ValueError: What is wrong, with the file and the case.
    """
    return _read(folder, _FILE)


def load_planted(folder: Path = PLANTED) -> dict[str, PlantedAnswer]:
    """Read the planted wrong answers of a folder, by name.

    Raises:
        ValueError: What is wrong, with the file and the name.
    """
    return _read(folder, _PLANTED_FILE)


def save(path: Path, transcripts: Mapping[str, Transcript]) -> None:
    """Write transcripts, as `load` reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = _FILE.dump_python(dict(transcripts), exclude_defaults=True, by_alias=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=100), encoding="utf-8")


def scripted(steps: Transcript) -> FunctionModel:
    """Return the model that takes these steps, whatever it is asked."""
    left = iter(steps)

    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        step = next(left, None)
        if step is None:
            raise ValueError("The transcript ends before the conversation does.")
        if step.say is not None:
            return ModelResponse([TextPart(step.say)])
        fields = _last_fields(_results(messages))
        return ModelResponse([ToolCallPart(step.call or "", _filled(step.arguments, fields))])

    return FunctionModel(respond, model_name="scripted")


def recorded(run: Run) -> Transcript:
    """Make the transcript of a run. What changes from run to run is replaced by its field's name."""
    steps: Transcript = []
    for turn, answer in enumerate(run.answers):
        for number, call in enumerate(run.calls):
            if call.turn == turn:
                names = {
                    value: f"<{name}>" for name, value in _last_fields(c.result for c in run.calls[:number]).items()
                }
                arguments = {
                    key: names.get(value, value) if isinstance(value, str) else value
                    for key, value in call.arguments.items()
                }
                steps.append(Step.model_validate({"call": call.tool, "with": arguments}))
        steps.append(Step(say=answer))
    return steps


def _read(folder: Path, of_file: TypeAdapter[dict[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506 - it is a SafeLoader
            content = of_file.validate_python(data)
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        for name, each in content.items():
            if name in found:
                raise ValueError(f"{path.name}: there is a transcript of {name} already.")
            found[name] = each
    return found


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets the last of two equal keys win, and a transcript would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - as in its base
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"{twice} is there twice.")
        return super().construct_mapping(node, deep)


def _results(messages: Iterable[ModelMessage]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, ModelRequest):
            yield from (str(part.content) for part in message.parts if isinstance(part, ToolReturnPart))


def _last_fields(results: Iterable[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for result in results:
        if isinstance(answer := json_of(result), dict):
            fields |= {name: answer[name] for name in _CHANGING if isinstance(answer.get(name), str)}
    return fields


def _filled(arguments: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: fields.get(value[1:-1], value) if isinstance(value, str) and value[:1] == "<" else value
        for name, value in arguments.items()
    }
