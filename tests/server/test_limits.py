"""How long what a caller sends may be: what is longer is refused at once, in few words, by every tool of ours."""

import json
from typing import Annotated, Any

import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import Context
from mcp.types import INVALID_PARAMS, CallToolResult, PromptReference, ResourceTemplateReference, TextContent
from pydantic import Field

from nomos_mcp.lifecycle import CURIE
from nomos_mcp.server import create_server
from nomos_mcp.server.error_messages import cut, did_you_mean
from nomos_mcp.server.nomos_server import MAX_ERROR, MAX_URI
from nomos_mcp.server.tool_factory import MAX_ARGUMENT, MAX_CURSOR, ToolDefinition
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import Simulator
from tests.server.conftest import Era, asked_of, error_of
from tests.server.tool_examples import tool_examples

HUGE = "x" * 900_000


async def test_every_string_argument_has_a_bound_that_clients_can_see(assistant: Client) -> None:
    for tool in (await assistant.list_tools()).tools:
        for name, schema in tool.input_schema["properties"].items():
            if schema["type"] == "string":
                assert schema.get("maxLength", 0) <= MAX_CURSOR, (tool.name, name)
                assert "maxLength" in schema or "enum" in schema, (tool.name, name)


async def test_every_string_argument_is_refused_at_once_and_in_few_words_if_it_is_huge(
    assistant: Client, simulator: Simulator
) -> None:
    for tool in (await assistant.list_tools()).tools:
        for name, schema in tool.input_schema["properties"].items():
            if schema["type"] == "string" and name != "confirmation_code":  # an invalid code, whatever its length
                arguments = {**tool_examples()[tool.name].call, name: HUGE}
                answer = await assistant.call_tool(tool.name, arguments)
                assert answer.is_error
                assert f"Argument '{name}'" in error_of(answer)
                assert len(error_of(answer)) < 300
    assert asked_of(simulator) == []


async def test_a_new_tool_has_the_bound_without_a_word_about_it() -> None:
    async def echo(
        ctx: Context[Any],  # noqa: ARG001
        word: str,
        own: Annotated[str, Field(max_length=3)] = "",
        cursor: str = "",
    ) -> CallToolResult:
        """Say it again."""
        return CallToolResult(content=[TextContent(type="text", text=word + own + cursor)])

    properties = ToolDefinition(function=echo, title="Echo", position=1).make(CURIE).parameters["properties"]
    assert {name: schema["maxLength"] for name, schema in properties.items()} == {
        "word": MAX_ARGUMENT,
        "own": 3,
        "cursor": MAX_CURSOR,
    }


async def test_of_very_many_unknown_arguments_five_are_named(assistant: Client) -> None:
    unknown = {f"argument_{number}": 1 for number in range(60_000)}
    said = error_of(await assistant.call_tool("explain_status", {"status": "blocked", **unknown}))
    assert [name for name in unknown if f"'{name}'" in said] == list(unknown)[:5]
    assert "59,995 more arguments are unknown" in said
    assert len(said) < MAX_ERROR


async def test_an_unknown_argument_is_quoted_in_short(assistant: Client) -> None:
    said = error_of(await assistant.call_tool("get_meter_order", {HUGE: 1}))
    assert cut(HUGE) in said
    assert len(said) < 400


def test_no_nearest_name_is_looked_for_if_a_word_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert did_you_mean("get_meter_orders", ["get_meter_order"]) == " Did you mean 'get_meter_order'?"
    monkeypatch.setattr("difflib.SequenceMatcher", lambda *_, **__: pytest.fail("looked for"))
    assert did_you_mean(HUGE, ["get_meter_order"]) == ""


@pytest.mark.parametrize("value", [True, False])
async def test_a_bool_is_no_number(assistant: Client, value: bool) -> None:  # noqa: FBT001  a parameter
    for tool in ("list_meter_orders_by_status", "list_subscriptions"):
        said = error_of(await assistant.call_tool(tool, {**tool_examples()[tool].call, "limit": value}))
        assert "Argument 'limit': input should be a number, not true or false" in said


@pytest.mark.parametrize("value", [5, "5", 5.0])
async def test_a_number_may_come_as_a_text_as_some_clients_send_it(assistant: Client, value: Any) -> None:
    answer = await assistant.call_tool("list_meter_orders_by_status", {"status": "all", "limit": value})
    assert not answer.is_error, error_of(answer)
    assert json.loads(error_of(answer))["returned"] == 5


async def test_the_name_of_a_tool_a_prompt_or_a_resource_is_quoted_in_short(assistant: Client) -> None:
    for asked in (
        lambda: assistant.call_tool(HUGE, {}),
        lambda: assistant.get_prompt(HUGE, {}),
        lambda: assistant.get_prompt("why-is-my-meter-blocked", {"order_id": "x", HUGE: "x"}),
        lambda: assistant.read_resource(f"nomos://statuses/{HUGE}"),
        lambda: assistant.read_resource(HUGE),
        lambda: assistant.complete(PromptReference(type="ref/prompt", name=HUGE), {"name": "x", "value": "x"}),
        lambda: assistant.complete(
            ResourceTemplateReference(type="ref/resource", uri=HUGE), {"name": "x", "value": "x"}
        ),
    ):
        with pytest.raises(MCPError) as caught:
            await asked()
        assert len(caught.value.error.model_dump_json()) < 800


async def test_arguments_of_prompts_and_values_to_complete_are_bounded(assistant: Client) -> None:
    prompt = PromptReference(type="ref/prompt", name="order-status-reply")
    for asked in (
        lambda: assistant.get_prompt("order-status-reply", {"order_id": "x" * (MAX_ARGUMENT + 1)}),
        lambda: assistant.get_prompt("daily-cohort-report", {"since": HUGE}),
        lambda: assistant.complete(prompt, {"name": "language", "value": HUGE}),
    ):
        with pytest.raises(MCPError, match="may have at most") as caught:
            await asked()
        assert caught.value.error.code == INVALID_PARAMS
        assert len(caught.value.error.message) < 200


async def test_the_longest_address_of_a_resource_fits(assistant: Client) -> None:
    address = f"nomos://subscriptions/sub_{'x' * 64}/meter-order"
    assert len(address) <= MAX_URI
    with pytest.raises(MCPError, match="knows no such object"):
        await assistant.read_resource(address)


async def test_no_error_is_long_whoever_worded_it(era: Era) -> None:
    async def wordy(kind: str) -> CallToolResult:
        """Fail at length."""
        if kind == "protocol":
            raise MCPError(INVALID_PARAMS, HUGE, {"uri": HUGE, "many": [HUGE] * 1000})
        return CallToolResult(content=[TextContent(type="text", text=HUGE)], is_error=True)

    server = create_server(Settings())
    server._tool_manager._tools["wordy"] = ToolDefinition(function=wordy, title="Wordy", position=1).make(CURIE)
    async with Client(server, mode=era) as client:
        assert error_of(await client.call_tool("wordy", {"kind": "result"})) == cut(HUGE, MAX_ERROR)
        with pytest.raises(MCPError) as caught:
            await client.call_tool("wordy", {"kind": "protocol"})
    assert caught.value.error.message == cut(HUGE, MAX_ERROR)
    assert len(json.dumps(caught.value.error.data)) < 3000
