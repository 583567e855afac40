"""An agent of few lines, for clients without one: asks the scripted model, and calls the tools that it names."""

import json
import urllib.request
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from script_settings import told


def _ask(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    body = json.dumps({"model": "scripted", "messages": messages, "tools": tools}).encode()
    request = urllib.request.Request(f"{told.openai}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["choices"][0]["message"]


async def converse(
    tools: list[tuple[str, str, dict[str, Any]]], call: Callable[[str, dict[str, Any]], Awaitable[str]]
) -> None:
    """Play the conversation to its end.

    Args:
        tools: Name, description and input schema of each.
        call: Calls a tool by name with arguments, and returns what a model would be shown.
    """
    announced = [
        {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
        for name, description, schema in tools
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": told.task}]
    while calls := (answer := _ask(messages, announced)).get("tool_calls"):
        messages.append(answer)
        for each in calls:
            said = await call(each["function"]["name"], json.loads(each["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": each["id"], "content": said})


def text_of(content: Iterable[Any]) -> str:
    """Return what a model would be shown of a result's blocks, in the SDK's classes."""
    return "\n".join(
        block.text if block.type == "text" else json.dumps(block.model_dump(mode="json")) for block in content
    )
