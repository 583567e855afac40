"""What a client may suggest while a person types an argument of a prompt or a part of a resource's address."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

from mcp import MCPError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.server import MCPServer
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from nomos_mcp.lifecycle import BLOCKED_REASONS, CANCELLED_REASONS, STATUSES, VERSIONS
from nomos_mcp.server.error_messages import CODES, unknown
from nomos_mcp.server.limits import MAX_ARGUMENT
from nomos_mcp.server.prompts import Argument
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.resources import ERROR, LIFECYCLE, STATUS

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


def add_completions(server: MCPServer[NomosContext], prompts: Sequence[Prompt]) -> None:
    names = {prompt.name for prompt in prompts}
    suggestions = dict(_TEXTS)
    for prompt in prompts:
        arguments = [argument for argument in prompt.arguments or () if isinstance(argument, Argument)]
        suggestions |= {(prompt.name, argument.name): argument.values for argument in arguments}

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK left it without annotations
    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
    ) -> Completion:
        if isinstance(ref, PromptReference):
            named, known = ref.name, names
        else:
            named, known = ref.uri, {template.uri_template for template in await server.list_resource_templates()}
        if named not in known:
            raise MCPError(INVALID_PARAMS, unknown("prompt or resource", named, sorted(known)))
        if len(argument.value) > MAX_ARGUMENT:
            raise MCPError(INVALID_PARAMS, f"A value to complete may have at most {MAX_ARGUMENT} characters.")
        return _starting_with(argument.value, suggestions.get((named, argument.name), ()))


def _starting_with(typed: str, values: tuple[str, ...]) -> Completion:
    fitting = [value for value in values if value.lower().startswith(typed.lower())]
    return Completion(values=fitting, total=len(fitting), has_more=False)
