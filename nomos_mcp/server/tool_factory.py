"""How a tool is made of a function, with a strict input schema: an argument with a typo must not be ignored."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import ConfigDict, Field, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticCustomError

from nomos_mcp.lifecycle import ApiVersion
from nomos_mcp.server.limits import MAX_ARGUMENT, MAX_CURSOR

_LONGER: Final = {"cursor": MAX_CURSOR}
"""Arguments that may be longer than the others, wherever they occur."""

_create_model: Callable[..., type[ArgModelBase]] = create_model  # mypy does not follow two bases


READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
"""Hints of a tool that reads from Nomos."""

ORDER = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
"""Hints of the tool that orders: it cannot be undone, and a second call for a subscription changes nothing more."""


class _Arguments(ArgModelBase):
    """The arguments of every tool: none but those that it declares, no string without a bound, no bool as a number."""

    model_config = ConfigDict(extra="forbid", str_max_length=MAX_ARGUMENT)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_bool(cls, value: Any, info: ValidationInfo) -> Any:
        declared = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and declared in {int, float}:
            raise PydanticCustomError("number", "Input should be a number, not true or false")
        return value


def make_tool(
    function: Callable[..., Awaitable[CallToolResult]],
    *,
    title: str,
    annotations: ToolAnnotations,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    kind: type[Tool] = Tool,
) -> Tool:
    """Make a tool of a function; its cleaned docstring is the description, its signature the strict input schema.

    A string argument may have `MAX_ARGUMENT` characters unless its `Field` has a `max_length`.

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
    declared = tool.fn_metadata.arg_model
    longer: dict[str, Any] = {
        name: (Annotated[str, field, Field(max_length=_LONGER[name])], field.default)
        for name, field in declared.model_fields.items()
        if name in _LONGER and "maxLength" not in tool.parameters["properties"][name]
    }
    model = _create_model(declared.__name__, __base__=(_Arguments, declared), **longer)
    tool.fn_metadata.arg_model = model
    schema = model.model_json_schema(by_alias=True)
    schema.pop("title", None)
    for name, property_schema in schema["properties"].items():
        property_schema.pop("title", None)
        if choices and name in choices:
            property_schema["enum"] = list(choices[name])
            property_schema.pop("maxLength", None)
    tool.parameters = schema
    return tool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """What a file in `tools/` says about its tool, as `TOOL`.

    Attributes:
        function: The tool; it is named like the file.
        title: What a person sees.
        position: Where it is listed: a model should think first of the tool with the lowest.
        annotations: The four hints.
        choices: See `make_tool`, given the API version whose statuses the tools speak of.
        kind: Class of the tool.
    """

    function: Callable[..., Awaitable[CallToolResult]]
    title: str
    position: int
    annotations: ToolAnnotations = field(default_factory=lambda: READ)
    choices: Callable[[ApiVersion], Mapping[str, tuple[str, ...]]] = lambda _: {}
    kind: type[Tool] = Tool

    @property
    def name(self) -> str:
        return self.function.__name__

    def make(self, version: ApiVersion) -> Tool:
        return make_tool(
            self.function,
            title=self.title,
            annotations=self.annotations,
            choices=self.choices(version),
            kind=self.kind,
        )
