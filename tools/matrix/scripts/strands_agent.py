"""strands-agents."""

from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from script_settings import say, told
from strands import Agent
from strands.models.openai import OpenAIModel
from strands.tools.mcp import MCPClient


def connect() -> object:
    if told.url:
        return streamable_http_client(told.url)
    return stdio_client(StdioServerParameters(command=told.command, args=told.args))


model = OpenAIModel(client_args={"base_url": told.openai, "api_key": "none"}, model_id="scripted")
with MCPClient(connect) as client:
    Agent(model=model, tools=client.list_tools_sync(), callback_handler=None)(told.task)
    prompts, resources = client.list_prompts_sync(), client.list_resources_sync()
    say(prompts=len(prompts.prompts), resources=len(resources.resources))
