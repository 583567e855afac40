"""autogen-ext's workbench, with an assistant of autogen-agentchat."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams, StreamableHttpServerParams
from script_settings import say, told


async def main() -> None:
    server = (
        StreamableHttpServerParams(url=told.url)
        if told.url
        else StdioServerParams(command=told.command, args=told.args, read_timeout_seconds=60)
    )
    can = {"vision": False, "function_calling": True, "json_output": False, "family": "unknown"}
    model = OpenAIChatCompletionClient(
        model="scripted", base_url=told.openai, api_key="none", model_info={**can, "structured_output": False}
    )
    async with McpWorkbench(server) as workbench:
        agent = AssistantAgent("agent", model_client=model, workbench=workbench, max_tool_iterations=6)
        await agent.run(task=told.task)
        prompts, resources = await workbench.list_prompts(), await workbench.list_resources()
        say(prompts=len(prompts.prompts), resources=len(resources.resources))


asyncio.run(main())
