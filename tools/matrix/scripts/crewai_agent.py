"""crewai with crewai-tools, which uses mcpadapt."""

from crewai import LLM, Agent, Crew, Task
from crewai_tools import MCPServerAdapter
from mcp import StdioServerParameters
from script_settings import say, told

server = (
    {"url": told.url, "transport": "streamable-http"}
    if told.url
    else StdioServerParameters(command=told.command, args=told.args)
)
with MCPServerAdapter(server, connect_timeout=60) as tools:
    model = LLM(model="openai/scripted", base_url=told.openai, api_key="none")
    agent = Agent(role="Agent", goal="Answer", backstory="Answers.", tools=tools, llm=model, max_iter=10)
    task = Task(description=told.task, expected_output="An answer.", agent=agent)
    Crew(agents=[agent], tasks=[task]).kickoff()
say()
