"""google-genai: automatic function calling with the session as a tool.

The configuration is a dictionary: 3.3.0 cannot copy a `GenerateContentConfig` that holds a session.
"""

import asyncio

from google import genai
from google.genai import types
from mcp import Client, StdioServerParameters
from script_settings import say, told


async def main() -> None:
    model = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=told.model))
    server = told.url or StdioServerParameters(command=told.command, args=told.args)
    async with Client(server) as client:
        config = {"tools": [client.session]}
        await model.aio.models.generate_content(model="scripted", contents=told.task, config=config)
    say()


asyncio.run(main())
