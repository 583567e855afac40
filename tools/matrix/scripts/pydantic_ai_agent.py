"""pydantic-ai."""

import asyncio

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from script_settings import say, told


async def main() -> None:
    model = OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=told.openai, api_key="none"))
    server = told.url or StdioTransport(command=told.command, args=told.args)
    toolset = MCPToolset(server)
    async with toolset:
        await Agent(model, toolsets=[toolset]).run(told.task)
        say(prompts=len(await toolset.list_prompts()), resources=len(await toolset.list_resources()))


asyncio.run(main())
