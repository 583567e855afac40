"""agno."""

import asyncio

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.tools.mcp import MCPTools
from mcp import StdioServerParameters
from script_settings import say, told


async def main() -> None:
    server = (
        {"url": told.url, "transport": "streamable-http"}
        if told.url
        else {"server_params": StdioServerParameters(command=told.command, args=told.args), "transport": "stdio"}
    )
    async with MCPTools(**server, timeout_seconds=60) as tools:
        model = OpenAIChat(id="scripted", base_url=told.openai, api_key="none")
        await Agent(model=model, tools=[tools], telemetry=False).arun(told.task)
    say()


asyncio.run(main())
