"""mcp-haystack, with an agent of haystack-ai."""

from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from haystack_integrations.tools.mcp import MCPToolset, StdioServerInfo, StreamableHttpServerInfo
from script_settings import say, told

server = StreamableHttpServerInfo(url=told.url) if told.url else StdioServerInfo(command=told.command, args=told.args)
tools = MCPToolset(server, connection_timeout=60)
model = OpenAIChatGenerator(model="scripted", api_base_url=told.openai, api_key=Secret.from_token("none"))
Agent(chat_generator=model, tools=tools).run(messages=[ChatMessage.from_user(told.task)])
tools.close()
say()
