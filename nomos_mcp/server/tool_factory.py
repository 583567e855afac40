"""How a tool is made of a function, with a flat input schema, and what it returns.

An argument with a typo must not be ignored: an unknown one is refused at the call, not by the schema, because
google-genai loads no tool that announces `additionalProperties: false`. A result is the whole answer twice, structured
for some clients and as text for the others, with nothing null.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal

from mcp.server.apps import Visibility
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nomos_mcp.client.models import MeterOrder, NomosObject
from nomos_mcp.lifecycle import ApiVersion, OrderState
from nomos_mcp.lifecycle.order_state import in_berlin
from nomos_mcp.server.apps import App, ui_meta
from nomos_mcp.server.icons import ORDERING, READING

MAX_ARGUMENT: Final = 100
"""Characters of a string argument that has no bound of its own. IDs have at most 69, no other argument comes near."""
MAX_CURSOR: Final = 8192
"""Characters of a cursor of ours: it holds one of upstream's, whose length is not documented, for each status."""

_create_model: Callable[..., type[ArgModelBase]] = create_model  # mypy does not follow two bases

READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
# An order cannot be undone, and a second call for a subscription changes nothing more.
ORDER = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)


class _Arguments(ArgModelBase):
    """The arguments of every tool: none but those that it declares, no string without a bound, no bool as a number.

    Null for an optional argument is the same as leaving it out: crewai-tools sends it.
    """

    model_config = ConfigDict(extra="forbid", str_max_length=MAX_ARGUMENT)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_null(cls, given: Any) -> Any:
        optional = {name for name, declared in cls.model_fields.items() if not declared.is_required()}
        return {name: value for name, value in given.items() if value is not None or name not in optional}

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_bool(cls, value: Any, info: ValidationInfo) -> Any:
        declared = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and declared in {int, float}:
            raise PydanticCustomError("number", "Input should be a number, not true or false")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """What a file in `tools/` says about its tool, as `TOOL`.

    Attributes:
        function: The tool, named like the file; `Annotated[CallToolResult, Model]` as its return type publishes an
            output schema.
        position: Where it is listed: a model should think first of the tool with the lowest.
        app: The MCP App that shows its results, by name.
        visibility: Who may call it, if not both the model and apps.
        choices: Values to announce for string arguments, given the API version whose statuses the tools speak of. They
            are announced only: the tool checks them itself, to be able to name the nearest.
    """

    function: Callable[..., Awaitable[CallToolResult]]
    title: str
    position: int
    annotations: ToolAnnotations = field(default_factory=lambda: READ)
    app: App | None = None
    visibility: tuple[Visibility, ...] = ()
    choices: Callable[[ApiVersion], Mapping[str, tuple[str, ...]]] = lambda _: {}
    kind: type[Tool] = Tool

    @property
    def name(self) -> str:
        return self.function.__name__

    def make(self, version: ApiVersion) -> Tool:
        """Make the tool; the function's cleaned docstring is the description, its signature the input schema."""
        description = inspect.cleandoc(self.function.__doc__ or "")
        tool = self.kind.from_function(
            self.function,
            title=self.title,
            description=description,
            annotations=self.annotations,
            icons=list(READING if self.annotations.read_only_hint else ORDERING),
            meta={"ui": ui_meta(self.app, self.visibility)} if self.app else None,
        )
        declared = tool.fn_metadata.arg_model
        longer: dict[str, Any] = {}
        cursor = declared.model_fields.get("cursor")
        if cursor and "maxLength" not in tool.parameters["properties"]["cursor"]:
            longer["cursor"] = (Annotated[str, cursor, Field(max_length=MAX_CURSOR)], cursor.default)
        model = _create_model(declared.__name__, __base__=(_Arguments, declared), **longer)
        tool.fn_metadata.arg_model = model
        schema = model.model_json_schema(by_alias=True)
        for name in ("title", "additionalProperties"):
            schema.pop(name, None)
        choices = self.choices(version)
        for name, property_schema in schema["properties"].items():
            property_schema.pop("title", None)
            if property_schema.get("default") == "":  # says no more than that it is optional, and is no value of a list
                del property_schema["default"]
            if name in choices:
                property_schema["enum"] = list(choices[name])
                property_schema.pop("maxLength", None)
        tool.parameters = schema
        if tool.fn_metadata.output_schema:
            tool.fn_metadata.output_schema = _plain(tool.fn_metadata.output_schema)
        return tool


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a result without titles, which repeat names, and without null, which no result holds.

    Nor does it refuse fields that it does not know: a client that kept it may ask a newer server. Descriptions are
    docstrings; how those are laid out says nothing.
    """
    plain = {name: value for name, value in schema.items() if name != "title"}
    if plain.get("additionalProperties") is False:
        del plain["additionalProperties"]
    if isinstance(said := plain.get("description"), str):
        plain["description"] = re.sub(r"\s+", " ", said.replace("Attributes:", ""))
    if plain.get("default", "") is None and "anyOf" in plain:
        values = [each for each in plain.pop("anyOf") if each != {"type": "null"}]
        del plain["default"]
        plain |= values[0] if len(values) == 1 else {"anyOf": values}
    for name in ("$defs", "properties"):
        if name in plain:
            plain[name] = {key: _plain(value) for key, value in plain[name].items()}
    if "items" in plain:
        plain["items"] = _plain(plain["items"])
    return plain


MAX_BYTES = 20_000
"""Bytes of a result's text. A token is a byte at least, so no result passes 20,000 tokens, whatever upstream sends."""
_FRAME_BYTES = 3_000  # what a list says beside its lines; most of it is the cursor


class Result(BaseModel):
    """Base of all results; a subclass becomes the tool's output schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def answer(self) -> CallToolResult:
        """Wrap for MCP: the same JSON as structured content and, compact, as text."""
        text = self.model_dump_json(exclude_none=True)
        if len(text.encode()) > MAX_BYTES:
            return CallToolResult(content=[TextContent(type="text", text=_TOO_LARGE)], is_error=True)
        return CallToolResult(
            content=[TextContent(type="text", text=text)],
            structured_content=self.model_dump(mode="json", exclude_none=True),
        )


_TOO_LARGE = (
    f"The answer is larger than {MAX_BYTES:,} bytes, so it was not returned: Nomos sent far more than it can hold. Ask "
    "for less, with a smaller limit or a narrower filter. If that does not help, ask support@nomos.energy."
)


def fitting(lines: Sequence[Result | str]) -> int:
    """Return how many lines of a list fit into one answer, the first in any case."""
    room = MAX_BYTES - _FRAME_BYTES
    for count, line in enumerate(lines):
        text = line if isinstance(line, str) else line.model_dump_json(exclude_none=True)
        room -= len(text.encode()) + 3  # quotes and a comma
        if room < 0:
            return max(1, count)
    return len(lines)


class ListResult(Result):
    """What every list says about itself.

    Attributes:
        complete: Whether this page, with those before it, is everything that matches.
        not_covered: What may match and was left out.
        as_of: When reading began, UTC; what changed since then may be missing.
    """

    returned: int
    has_more: bool
    next_cursor: str | None = None
    complete: bool
    not_covered: list[str] | None = None
    as_of: str
    api_version: str


Detail = Literal["short", "full"]
"""`short` leaves out what proves the answer (sources, stage, label) and what the answer says elsewhere."""

OrderFields = dict[str, str]
"""A meter order under the API's own field names, nulls left out. Times are UTC."""


def order_fields(order: MeterOrder) -> OrderFields:
    """Return what the API said about an order: times that could not be read in its own words, days without a time."""
    said: OrderFields = order.model_dump(mode="json", exclude_none=True)
    return {**said, **order.unreadable, **{name: day.isoformat() for name, day in order.date_only.items()}}


def berlin_day(record: NomosObject, name: str) -> str | None:
    """Return the day of a time in Berlin (2026-05-27), or what Nomos sent where no calendar can show it."""
    time = record.date_only.get(name) or getattr(record, name)
    if time is None:
        return record.unreadable.get(name)
    local = in_berlin(time)
    return local.isoformat()[:10] if local else time.isoformat().replace("+00:00", "Z")


_FACTS = [fact.name for fact in fields(OrderState) if fact.name != "api_version"]


def order_state(order: MeterOrder, api_version: ApiVersion) -> OrderState:
    facts = {name: order.date_only.get(name, getattr(order, name)) for name in _FACTS if hasattr(order, name)}
    return OrderState(api_version=api_version, **facts)
