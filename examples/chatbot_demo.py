"""Tries `chatbot.py` without an account, a key or a network.

`python -m examples.chatbot_demo` serves it, and in another terminal:

    curl -b session=invented --json '{"text": "Please order my smart meter"}' http://127.0.0.1:8700/chat
    curl -b session=invented --json '{"offer": "THE ID OF THE OFFER", "yes": true}' http://127.0.0.1:8700/order

All data is invented, and a script stands in for the model.
"""

import json

import uvicorn
from pydantic_ai import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from examples.chatbot import ORDER, Chatbot, create_app
from nomos_mcp import NomosClient, Settings
from nomos_mcp.simulator import DEMO, Simulator


def script(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    """Answer as a model might: find the subscription, look at what would be ordered, and say what came of it."""
    last = messages[-1].parts[-1]
    if not isinstance(last, ToolReturnPart):
        return ModelResponse(parts=[ToolCallPart("list_subscriptions", {})])
    try:
        found = json.loads(str(last.content))
    except ValueError:
        return ModelResponse(parts=[TextPart("Sorry, I cannot look that up.")])
    if last.tool_name == ORDER:
        return ModelResponse(parts=[TextPart(f"{found['message']} {found['next']}")])
    return ModelResponse(parts=[ToolCallPart(ORDER, {"subscription_id": found["subscriptions"][0]["id"]})])


if __name__ == "__main__":
    nomos = NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=Simulator())
    sessions = {"invented": DEMO.customers["can_order"]}
    uvicorn.run(create_app(Chatbot(Settings(), nomos, sessions, FunctionModel(script))), port=8700)
