"""The tools. Each file here is one, and says everything about it: see `ToolDefinition`."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from mcp.server.mcpserver.tools import Tool

from nomos_mcp.lifecycle import ApiVersion
from nomos_mcp.server.tool_factory import ToolDefinition

ORDER_TOOL: Final = "order_smart_meter"
"""Name of the one tool that writes."""


@cache
def definitions() -> tuple[ToolDefinition, ...]:
    """Return what the files in this folder define, in the order in which tools are listed."""
    found = [_definition_in(module.name) for module in iter_modules(__path__)]
    return tuple(sorted(found, key=lambda definition: (definition.position, definition.name)))


@cache
def all_tools(version: ApiVersion) -> tuple[Tool, ...]:
    """Return the tools, made once for all servers: their schemas take most of the time in which a server is made."""
    return tuple(definition.make(version) for definition in definitions())


def _definition_in(name: str) -> ToolDefinition:
    definition = getattr(import_module(f"{__name__}.{name}"), "TOOL", None)
    if not isinstance(definition, ToolDefinition) or definition.name != name:
        raise TypeError(
            f"nomos_mcp/server/tools/{name}.py defines no tool of its name. End it with `TOOL = "
            f"ToolDefinition(function={name}, title=..., position=...)`, or move the file elsewhere."
        )
    return definition
