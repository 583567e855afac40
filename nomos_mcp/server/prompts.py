"""The prompts: Markdown files with a TOML head, kept in `prompts/` for people who write and not program."""

import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Self

from mcp import MCPError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import Message, PromptArgument, UserMessage
from mcp.types import INVALID_PARAMS
from pydantic import BaseModel, ConfigDict, model_validator

from nomos_mcp.server.limits import MAX_ARGUMENT, cut

_HEAD = re.compile(r"\A\+\+\+\n(?P<head>.*?)^\+\+\+\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)


class Argument(PromptArgument):
    """An argument of a prompt.

    Attributes:
        default: What stands in the text if the argument is left out or blank; only for one that is not required.
        values: What it may be; anything if empty.
        max_length: Characters that it may have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str = ""
    values: tuple[str, ...] = ()
    max_length: int = MAX_ARGUMENT

    @model_validator(mode="after")
    def _reads_well_when_absent(self) -> Self:
        if self.required == bool(self.default):
            raise ValueError(f"argument {self.name} is either required or has a default")
        return self

    def text(self, given: str) -> str:
        """Return what stands for the argument.

        Raises:
            MCPError: Invalid params: it is none of its values.
        """
        if self.values and given.strip() and given not in self.values:
            raise MCPError(
                INVALID_PARAMS,
                f"{cut(given)!r} is not a value of the argument {self.name!r}. Use {', '.join(self.values)}.",
            )
        return given.strip() or self.default


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...] = ()


def folder() -> Traversable:
    """Return the folder of the prompts: inside the installed package, or beside it in a checkout."""
    package = files("nomos_mcp")
    shipped = package / "prompts"
    return shipped if shipped.is_dir() else package / ".." / "prompts"


def all_prompts() -> Iterable[Prompt]:
    for file in sorted(folder().iterdir(), key=lambda file: file.name):
        if file.name.endswith(".md"):
            yield prompt_of(file.read_text(encoding="utf-8"))


def prompt_of(text: str) -> Prompt:
    """Make a prompt of a file's text.

    Args:
        text: `+++`, a TOML table with `name`, `title`, `description` and `arguments` (see `Argument`), `+++`, and the
            message, in which `$argument` stands for an argument's value.

    Raises:
        ValueError: The text is not of that form, or uses an argument that the head does not declare.
    """
    parts = _HEAD.match(text)
    if parts is None:
        raise ValueError("A prompt starts with a head between two lines of +++.")
    head = _Head.model_validate(tomllib.loads(parts["head"]))
    body = Template(parts["body"].strip())
    declared = {argument.name for argument in head.arguments}
    if undeclared := set(body.get_identifiers()) - declared:
        raise ValueError(f"Prompt {head.name} uses undeclared arguments: {', '.join(sorted(undeclared))}.")

    async def render(**arguments: str) -> list[Message]:
        return [
            UserMessage(
                body.substitute({each.name: each.text(arguments.get(each.name, "")) for each in head.arguments})
            )
        ]

    return Prompt(
        name=head.name,
        title=head.title,
        description=head.description,
        arguments=list(head.arguments),
        fn=render,
    )
