"""What holds for the server as a whole: what it lists, how it refuses, and what never gets out."""

import inspect
import json
from importlib import import_module

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS

from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.server.tools import ORDER_TOOL, definitions, get_event
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.server.conftest import Connect, Era, error_of


async def test_every_tool_that_a_file_defines_is_listed_in_the_order_of_their_positions(assistant: Client) -> None:
    listed = [tool.name for tool in (await assistant.list_tools()).tools]
    assert listed == [each.name for each in sorted(definitions(), key=lambda each: each.position)]
    assert listed[0] == "get_meter_order"
    assert listed[-1] == ORDER_TOOL


def test_every_file_of_a_tool_defines_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(get_event, "TOOL")
    definitions.cache_clear()
    with pytest.raises(TypeError, match=r"tools/get_event\.py defines no tool of its name"):
        definitions()


async def test_every_tool_states_title_hints_and_schemas(assistant: Client) -> None:
    for tool in (await assistant.list_tools()).tools:
        hints = tool.annotations
        assert tool.title
        assert hints is not None
        assert None not in {
            hints.read_only_hint,
            hints.destructive_hint,
            hints.idempotent_hint,
            hints.open_world_hint,
        }
        assert hints.read_only_hint is (tool.name != "order_smart_meter")
        assert hints.destructive_hint is (tool.name == "order_smart_meter")
        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"


async def test_no_schema_refuses_unknown_fields(assistant: Client) -> None:
    """google-genai loads no tool of a server that announces it. The call refuses an unknown argument by name."""
    for tool in (await assistant.list_tools()).tools:
        assert '"additionalProperties": false' not in json.dumps([tool.input_schema, tool.output_schema])
        answer = await assistant.call_tool(tool.name, {"no_such_argument": "1"})
        assert "no_such_argument" in error_of(answer)


async def test_null_is_the_same_as_an_optional_argument_left_out_and_nothing_else(assistant: Client) -> None:
    """crewai-tools sends null for every optional argument that has no default in the schema."""
    order = {"order_id": DEMO.orders["placed"]}
    answer = await assistant.call_tool("get_meter_order", order)
    assert (await assistant.call_tool("get_meter_order", {**order, "language": None})).content == answer.content
    preview = await assistant.call_tool(
        "order_smart_meter", {"subscription_id": DEMO.subscriptions["can_order"], "confirmation_code": None}
    )
    assert "confirmation_required" in error_of(preview)
    assert (await assistant.call_tool("get_meter_order", {"order_id": None})).is_error
    assert (await assistant.call_tool("get_meter_order", {**order, "langauge": None})).is_error


async def test_input_schemas_are_flat_and_without_null(assistant: Client) -> None:
    schemas = json.dumps([tool.input_schema for tool in (await assistant.list_tools()).tools])
    assert not any(word in schemas for word in ("$ref", "$defs", "anyOf", "null"))


async def test_the_description_is_the_cleaned_docstring(assistant: Client) -> None:
    for tool in (await assistant.list_tools()).tools:
        function = getattr(import_module(f"nomos_mcp.server.tools.{tool.name}"), tool.name)
        assert tool.description == inspect.getdoc(function) is not None


async def test_an_unknown_tool_is_invalid_params_and_names_the_nearest(assistant: Client) -> None:
    with pytest.raises(MCPError) as caught:
        await assistant.call_tool("get_meter_orders", {})
    assert caught.value.error.code == INVALID_PARAMS
    assert "Did you mean 'get_meter_order'?" in caught.value.error.message


async def test_instructions_say_when_the_data_is_invented(era: Era) -> None:
    async with (
        Client(create_server(Settings(demo=True)), mode=era) as demo,
        Client(create_server(Settings()), mode=era) as real,
    ):
        assert "invented" in (demo.instructions or "")
        assert demo.server_info is not None
        assert "invented" in (demo.server_info.title or "")
        assert "invented" not in (real.instructions or "")


async def test_the_demo_server_answers_without_credentials(era: Era) -> None:
    async with Client(create_server(Settings(demo=True)), mode=era) as client:
        result = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["activated"]})
    assert not result.is_error


async def test_an_unreachable_host_says_so_and_leaks_no_secret(era: Era) -> None:
    nomos = NomosClient(client_id="me", client_secret="s3cr3t", base_url="http://127.0.0.1:9", max_retries=0)
    async with nomos, Client(create_server(Settings(), client=nomos), mode=era) as client:
        result = await client.call_tool("get_meter_order", {"order_id": "prdo_1"})
    assert result.is_error
    assert "could not be reached" in error_of(result)
    assert "s3cr3t" not in error_of(result)


async def test_the_other_versions_say_that_they_have_no_meter_orders(connect: Connect) -> None:
    async with connect("2025-12-16.batman") as client:
        result = await client.call_tool("get_meter_order", {"order_id": "prdo_1"})
    assert result.is_error
    assert "has no meter orders" in error_of(result)


@pytest.mark.parametrize("listed", ["list_tools", "list_prompts", "list_resources", "list_resource_templates"])
async def test_a_cursor_that_was_never_handed_out_is_invalid_params(assistant: Client, listed: str) -> None:
    with pytest.raises(MCPError) as caught:
        await getattr(assistant, listed)(cursor="garbage")
    assert caught.value.error.code == INVALID_PARAMS
    await getattr(assistant, listed)()
