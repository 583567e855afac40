"""langchain-mcp-adapters, with an agent of LangGraph."""

import asyncio

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent
from script_settings import say, told


async def main() -> None:
    server = (
        {"transport": "streamable_http", "url": told.url}
        if told.url
        else {"transport": "stdio", "command": told.command, "args": told.args}
    )
    client = MultiServerMCPClient({"nomos": server})
    model = ChatOpenAI(model="scripted", base_url=told.openai, api_key="none")
    async with client.session("nomos") as session:
        agent = create_react_agent(model, await load_mcp_tools(session))
        await agent.ainvoke({"messages": [("user", told.task)]})
        prompts, resources = await session.list_prompts(), await session.list_resources()
    say(prompts=len(prompts.prompts), resources=len(resources.resources))


asyncio.run(main())
