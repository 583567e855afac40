"""llama-index-tools-mcp, with a function agent."""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec
from script_settings import say, told


async def main() -> None:
    client = BasicMCPClient(told.url) if told.url else BasicMCPClient(told.command, args=told.args)
    tools = await McpToolSpec(client=client).to_tool_list_async()
    model = OpenAILike(
        model="scripted", api_base=told.openai, api_key="none", is_chat_model=True, is_function_calling_model=True
    )
    await FunctionAgent(tools=tools, llm=model).run(told.task)
    prompts, resources = await client.list_prompts(), await client.list_resources()
    say(
        prompts=len(getattr(prompts, "prompts", prompts)),
        resources=len(getattr(resources, "resources", resources)),
    )


asyncio.run(main())
