"""The MCP Python SDK 2.x as a client, in the current protocol revision or by the older handshake (`legacy`)."""

import asyncio
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from plain_agent import converse, text_of
from script_settings import say, told


async def main() -> None:
    server = told.url or stdio_client(StdioServerParameters(command=told.command, args=told.args))
    async with Client(server, mode=sys.argv[2]) as client:
        tools = (await client.list_tools()).tools

        async def call(name: str, arguments: dict[str, object]) -> str:
            return text_of((await client.call_tool(name, arguments)).content)

        await converse([(tool.name, tool.description or "", tool.input_schema) for tool in tools], call)
        prompts, resources = await client.list_prompts(), await client.list_resources()
        say(prompts=len(prompts.prompts), resources=len(resources.resources))


asyncio.run(main())
