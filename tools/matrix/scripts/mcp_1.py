"""The MCP Python SDK 1.x as a client."""

import asyncio

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from plain_agent import converse, text_of
from script_settings import say, told


async def ask(read: object, write: object) -> None:
    async with ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools

        async def call(name: str, arguments: dict[str, object]) -> str:
            return text_of((await session.call_tool(name, arguments)).content)

        await converse([(tool.name, tool.description or "", tool.inputSchema) for tool in tools], call)
        prompts, resources = await session.list_prompts(), await session.list_resources()
        say(prompts=len(prompts.prompts), resources=len(resources.resources))


async def main() -> None:
    if told.url:
        async with streamablehttp_client(told.url) as (read, write, _):
            await ask(read, write)
    else:
        async with stdio_client(StdioServerParameters(command=told.command, args=told.args)) as (read, write):
            await ask(read, write)


asyncio.run(main())
