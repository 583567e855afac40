"""semantic-kernel, with its chat completion agent."""

import asyncio

from openai import AsyncOpenAI
from script_settings import say, told
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.connectors.mcp import MCPStdioPlugin, MCPStreamableHttpPlugin


async def main() -> None:
    model = OpenAIChatCompletion(ai_model_id="scripted", async_client=AsyncOpenAI(base_url=told.openai, api_key="none"))
    server = (
        MCPStreamableHttpPlugin("nomos", told.url)
        if told.url
        else MCPStdioPlugin("nomos", told.command, args=told.args)
    )
    async with server as plugin:
        agent = ChatCompletionAgent(service=model, plugins=[plugin], name="agent")
        await agent.get_response(messages=told.task)
        prompts, resources = await plugin.session.list_prompts(), await plugin.session.list_resources()
        say(prompts=len(prompts.prompts), resources=len(resources.resources))


asyncio.run(main())
