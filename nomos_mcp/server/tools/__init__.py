"""The tools. Each file here is one, and says everything about it: see `ToolDefinition`.

A tool is loaded and made when it is first called, all of them when they are first listed: making all takes as long as
a tenth of the start of a process.
"""

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
def names() -> tuple[str, ...]:
    """Return the names of all tools, in the order of the alphabet."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


@cache
def definitions() -> tuple[ToolDefinition, ...]:
    """Return what the files in this folder define, in the order in which tools are listed."""
    found = [_definition(name) for name in names()]
    return tuple(sorted(found, key=lambda definition: (definition.position, definition.name)))


@cache
def made_tool(name: str, version: ApiVersion) -> Tool:
    """Return the tool of this name, one of `names()`, made once for all servers."""
    return _definition(name).make(version)


def _definition(name: str) -> ToolDefinition:
    definition = getattr(import_module(f"{__name__}.{name}"), "TOOL", None)
    if not isinstance(definition, ToolDefinition) or definition.name != name:
        raise TypeError(
            f"nomos_mcp/server/tools/{name}.py defines no tool of its name. End it with `TOOL = "
            f"ToolDefinition(function={name}, title=..., position=...)`, or move the file elsewhere."
        )
    return definition
