"""A newcomer who copies the examples of CONTRIBUTING.md gets a tool and a resource that work."""

from typing import Any

from mcp import Client
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.server import MCPServer

from nomos_mcp.lifecycle import CURIE, glossary_markdown
from nomos_mcp.server import create_server
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.settings import Settings
from tests.docs.blocks import blocks

TOOL, _, RESOURCE = blocks("CONTRIBUTING.md", "python")


def executed(text: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(compile(text, "CONTRIBUTING.md", "exec"), names)  # noqa: S102  our own document
    return names


async def test_the_tool_of_the_example_answers_and_refuses_a_typo() -> None:
    tool = executed(TOOL.text, {"__name__": "example"})["TOOL"].make(CURIE)
    server = MCPServer("example", tools=[tool])
    async with Client(server) as client:
        (listed,) = (await client.list_tools()).tools
        answer = await client.call_tool("explain_word", {"word": "MSB"})
        refused = await client.call_tool("explain_word", {"word": "MSB", "wrod": "MSB"})
    assert "additionalProperties" not in listed.input_schema
    assert refused.is_error
    assert answer.structured_content is not None
    assert "MSB" in answer.structured_content["meaning"]


async def test_the_resource_of_the_example_can_be_read() -> None:
    names = {
        "MCPServer": MCPServer,
        "NomosContext": NomosContext,
        "Context": Context,
        "glossary_markdown": glossary_markdown,
    }
    server = create_server(Settings(demo=True))
    executed(RESOURCE.text, names)["add"](server)
    async with Client(server) as client:
        listed = [resource.uri for resource in (await client.list_resources()).resources]
        assert (await client.read_resource("nomos://words")).contents
    assert "nomos://words" in listed
