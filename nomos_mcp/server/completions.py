"""What a client may suggest while a person types an argument of a prompt or a part of a resource's address."""

from collections.abc import Iterable, Mapping
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

from nomos_mcp.lifecycle import STATUSES, VERSIONS
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.error_codes import CODES
from nomos_mcp.server.prompts import Argument
from nomos_mcp.server.resources import ERROR, LIFECYCLE, STATUS

_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    LIFECYCLE: VERSIONS,
    STATUS: tuple(dict.fromkeys(status for version in VERSIONS for status in STATUSES[version])),
    ERROR: CODES,
}
"""Templates of static texts, each with the values of its one part. Those of live data take IDs, which nobody lists."""


def add_completions(server: MCPServer[Desk], prompts: Iterable[Prompt]) -> None:
    """Let a server suggest values.

    Args:
        server: The server.
        prompts: Its prompts.
    """
    suggestions: dict[tuple[str, str], tuple[str, ...]] = {
        (prompt.name, argument.name): argument.values
        for prompt in prompts
        for argument in prompt.arguments or ()
        if isinstance(argument, Argument)
    }

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK left it without annotations
    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
    ) -> Completion:
        if isinstance(ref, ResourceTemplateReference):
            known = {template.uri_template for template in await server.list_resource_templates()}
            named, values = ref.uri, _TEMPLATES.get(ref.uri, ())
        else:
            known = {prompt for prompt, _ in suggestions}
            named, values = ref.name, suggestions.get((ref.name, argument.name), ())
        if named not in known:
            raise MCPError(INVALID_PARAMS, f"Nothing is called {named[:80]!r}. Known: {', '.join(sorted(known))}.")
        return _starting_with(argument.value, values)


def _starting_with(typed: str, values: tuple[str, ...]) -> Completion:
    fitting = [value for value in values if value.lower().startswith(typed.lower())]
    return Completion(values=fitting, total=len(fitting), has_more=False)
