"""The client of fastmcp."""

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from plain_agent import converse, text_of
from script_settings import say, told


async def main() -> None:
    async with Client(told.url or StdioTransport(command=told.command, args=told.args)) as client:
        tools = await client.list_tools()

        async def call(name: str, arguments: dict[str, object]) -> str:
            return text_of((await client.call_tool(name, arguments, raise_on_error=False)).content)

        announced = [tool.model_dump(mode="json", by_alias=True) for tool in tools]
        await converse([(tool["name"], tool["description"], tool["inputSchema"]) for tool in announced], call)
        say(prompts=len(await client.list_prompts()), resources=len(await client.list_resources()))


asyncio.run(main())
