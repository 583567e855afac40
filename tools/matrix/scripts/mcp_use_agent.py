"""mcp-use, with its agent."""

import asyncio

from langchain_openai import ChatOpenAI
from mcp_use import MCPAgent, MCPClient
from script_settings import say, told


async def main() -> None:
    server = {"url": told.url} if told.url else {"command": told.command, "args": told.args}
    client = MCPClient({"mcpServers": {"nomos": server}})
    model = ChatOpenAI(model="scripted", base_url=told.openai, api_key="none")
    await MCPAgent(llm=model, client=client, max_steps=12).run(told.task)
    session = client.get_session("nomos")
    say(prompts=len(await session.list_prompts()), resources=len(await session.list_resources()))
    await client.close_all_sessions()


asyncio.run(main())
