"""The tools as a client sees them: a change of a schema is seen here first, and some facts never change.

After a change that is meant: `make snapshots`, and read the diff.
"""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool

from nomos_mcp.client import EDISON
from nomos_mcp.lifecycle import STATUSES
from nomos_mcp.server.tools import definitions
from tests.server.conftest import Connect
from tests.server.tool_examples import tool_examples

SNAPSHOTS = Path(__file__).parent / "snapshots"
TOOLS = tuple(tool_examples())


async def tool(client: Client, name: str) -> Tool:
    (found,) = [tool for tool in (await client.list_tools()).tools if tool.name == name]
    return found


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_is_what_its_snapshot_says(assistant: Client, name: str) -> None:
    seen = (await tool(assistant, name)).model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"icons"})
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    hint = f"{path.name} is not how clients see the tool. If that is meant: make snapshots, and read the diff."
    assert seen == known, hint


def test_every_tool_has_a_snapshot_and_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(TOOLS)


@pytest.mark.parametrize("name", TOOLS)
async def test_arguments_and_hints_never_change(assistant: Client, name: str) -> None:
    example = tool_examples()[name]
    found = await tool(assistant, name)
    assert list(found.input_schema["properties"]) == list(example.arguments), f"Say so in tests/server/test_{name}.py."
    assert found.input_schema.get("required", []) == list(example.required)
    said = found.annotations
    assert said
    assert (said.read_only_hint, said.destructive_hint, said.idempotent_hint, said.open_world_hint) == example.hints


@pytest.mark.parametrize("name", TOOLS)
async def test_a_default_is_announced_unless_it_is_empty_and_every_argument_described(
    assistant: Client, name: str
) -> None:
    schema: dict[str, Any] = (await tool(assistant, name)).input_schema
    signature = inspect.signature(next(each.function for each in definitions() if each.name == name))
    for argument, described in schema["properties"].items():
        assert described["description"]
        default = signature.parameters[argument].default
        assert described.get("default", "") == ("" if default is inspect.Parameter.empty else default)
        assert (default is inspect.Parameter.empty) is (argument in schema.get("required", []))


@pytest.mark.parametrize("name", TOOLS)
async def test_no_list_of_values_holds_an_empty_one(assistant: Client, name: str) -> None:
    """Gemini refuses every tool of a server that announces an empty string as a value."""
    schema: dict[str, Any] = (await tool(assistant, name)).input_schema
    assert not [argument for argument, said in schema["properties"].items() if "" in said.get("enum", [])]


@pytest.mark.parametrize("name", TOOLS)
async def test_the_schema_of_a_result_holds_no_null_and_no_title(assistant: Client, name: str) -> None:
    """No result holds null, and a title repeats a name: a third of what a client loads at the start."""
    schema = json.dumps((await tool(assistant, name)).output_schema)
    assert '"null"' not in schema
    assert '"title": "' not in schema


async def test_the_statuses_that_are_announced_are_those_of_the_pinned_version(connect: Connect) -> None:
    async with connect(EDISON) as client:
        schema = (await tool(client, "list_meter_orders_by_status")).input_schema
    assert set(schema["properties"]["status"]["enum"]) == {"blocked", "open", "all", *STATUSES[EDISON]}
