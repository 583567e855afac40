"""Tools that refuse what they do not know: an argument with a typo must not be ignored in silence."""

import inspect
from collections.abc import Awaitable, Callable, Mapping

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations


def strict_tool(
    function: Callable[..., Awaitable[CallToolResult]],
    *,
    title: str,
    annotations: ToolAnnotations,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    kind: type[Tool] = Tool,
) -> Tool:
    """Make a tool of a function; its cleaned docstring is the description, its signature the strict input schema.

    Args:
        function: The tool; `Annotated[CallToolResult, Model]` as its return type publishes an output schema.
        title: What a person sees.
        annotations: The four hints.
        choices: Values to announce for string arguments whose choice depends on the server. They are announced only:
            the tool checks them itself, to be able to name the nearest.
        kind: Class of the tool.
    """
    tool = kind.from_function(
        function, title=title, description=inspect.cleandoc(function.__doc__ or ""), annotations=annotations
    )
    model = tool.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_rebuild(force=True)
    schema = model.model_json_schema(by_alias=True)
    schema.pop("title", None)
    for name, property_schema in schema["properties"].items():
        property_schema.pop("title", None)
        if choices and name in choices:
            property_schema["enum"] = list(choices[name])
    tool.parameters = schema
    return tool


READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
"""Hints of a tool that reads from Nomos."""

ORDER = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
"""Hints of the tool that orders: it cannot be undone, and a second call for a subscription changes nothing more."""
