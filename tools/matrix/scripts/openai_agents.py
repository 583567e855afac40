"""openai-agents: an agent whose schemas are all made strict."""

import asyncio

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from openai import AsyncOpenAI
from script_settings import say, told


async def main() -> None:
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel("scripted", AsyncOpenAI(base_url=told.openai, api_key="none"))
    server = (
        MCPServerStreamableHttp({"url": told.url})
        if told.url
        else MCPServerStdio({"command": told.command, "args": told.args}, client_session_timeout_seconds=60)
    )
    async with server:
        strict = {"convert_schemas_to_strict": True}
        agent = Agent(name="agent", model=model, mcp_servers=[server], mcp_config=strict)
        await Runner.run(agent, told.task)
        prompts, resources = await server.list_prompts(), await server.list_resources()
        say(prompts=len(prompts.prompts), resources=len(resources.resources))


asyncio.run(main())
