"""smolagents, which uses mcpadapt."""

from mcp import StdioServerParameters
from script_settings import say, told
from smolagents import MCPClient, OpenAIModel, ToolCallingAgent

server = (
    {"url": told.url, "transport": "streamable-http"}
    if told.url
    else StdioServerParameters(command=told.command, args=told.args)
)
with MCPClient(server, structured_output=False) as tools:
    model = OpenAIModel(model_id="scripted", api_base=told.openai, api_key="none")
    ToolCallingAgent(tools=tools, model=model, max_steps=6).run(told.task)
say()
