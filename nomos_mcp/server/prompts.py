"""The prompts, and what a client may suggest while a person types an argument of a prompt or a part of an address.

Prompts are Markdown files with a TOML head, kept in `prompts/` for people who write and not program.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import chain
from string import Template
from typing import Final, Self

from mcp import MCPError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import Message, PromptArgument, UserMessage
from mcp.server.mcpserver.server import MCPServer
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import BaseModel, ConfigDict, model_validator

from nomos_mcp.lifecycle import BLOCKED_REASONS, CANCELLED_REASONS, STATUSES, VERSIONS
from nomos_mcp.server.error_messages import CODES, cut, unknown
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.resource_uris import ERROR, LIFECYCLE, STATUS
from nomos_mcp.server.tool_factory import MAX_ARGUMENT

_HEAD = re.compile(r"\A\+\+\+\n(?P<head>.*?)^\+\+\+\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)


class Argument(PromptArgument):
    """An argument of a prompt.

    Attributes:
        default: What stands in the text if the argument is left out or blank; only for one that is not required.
        values: What it may be; anything if empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: str = ""
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _reads_well_when_absent(self) -> Self:
        if self.required == bool(self.default):
            raise ValueError(f"argument {self.name} is either required or has a default")
        return self

    def text(self, given: str) -> str:
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


@cache
def all_prompts() -> tuple[Prompt, ...]:
    """Return the prompts, read once for all servers."""
    package = files("nomos_mcp")
    shipped = package / "prompts"
    folder = shipped if shipped.is_dir() else package / ".." / "prompts"  # beside the package in a checkout
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    return tuple(prompt_of(file.read_text(encoding="utf-8")) for file in found)


def prompt_of(text: str) -> Prompt:
    """Make a prompt of a file's text.

    It is `+++`, a TOML table with `name`, `title`, `description` and `arguments` (see `Argument`), `+++`, and the
    message, in which `$argument` stands for an argument's value.
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
        texts = {each.name: each.text(arguments.get(each.name, "")) for each in head.arguments}
        return [UserMessage(body.substitute(texts))]

    return Prompt(
        name=head.name,
        title=head.title,
        description=head.description,
        arguments=list(head.arguments),
        fn=render,
    )


_Suggestions = Mapping[tuple[str, str], tuple[str, ...]]
"""A prompt's name or a resource's template, and the argument's name, to what the argument may be."""

_TEXTS: Final[_Suggestions] = {
    (LIFECYCLE, "api_version"): VERSIONS,
    (STATUS, "status"): tuple(
        dict.fromkeys([*chain.from_iterable(STATUSES.values()), *BLOCKED_REASONS, *CANCELLED_REASONS])
    ),
    (ERROR, "code"): CODES,
}
"""IDs of live data are not suggested."""


async def completion_of(
    server: MCPServer[NomosContext], ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument
) -> Completion:
    """Return what an argument of one of the server's prompts, or a part of one of its addresses, may be."""
    if isinstance(ref, PromptReference):
        named, known = ref.name, [prompt.name for prompt in await server.list_prompts()]
    else:
        named, known = ref.uri, [template.uri_template for template in await server.list_resource_templates()]
    if named not in known:
        raise MCPError(INVALID_PARAMS, unknown("prompt or resource", named, sorted(known)))
    if len(argument.value) > MAX_ARGUMENT:
        raise MCPError(INVALID_PARAMS, f"A value to complete may have at most {MAX_ARGUMENT} characters.")
    values = _suggestions().get((named, argument.name), ())
    fitting = [value for value in values if value.lower().startswith(argument.value.lower())]
    return Completion(values=fitting, total=len(fitting), has_more=False)


@cache
def _suggestions() -> _Suggestions:
    of_prompts = {
        (prompt.name, argument.name): argument.values
        for prompt in all_prompts()
        for argument in prompt.arguments or ()
        if isinstance(argument, Argument)
    }
    return {**_TEXTS, **of_prompts}
