"""What the README shows of the program at work: real answers to real calls, on a day that stands still."""

import io
import json
from contextlib import redirect_stderr
from datetime import UTC, datetime
from typing import Final

import anyio
from mcp import Client

from nomos_mcp.client import NomosClient
from nomos_mcp.commands.assistants import ASSISTANTS, configuration, entry, own_command
from nomos_mcp.commands.demo import transcript
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator

NOW: Final = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

PUBLISHED: Final = ("uvx", "nomos-mcp")
"""What starts the published package on any machine that has uv."""

# Question, tool, arguments, and which fields of the answer are shown.
QUESTIONS: Final = (
    (
        "Why is my smart meter blocked?",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_check_missing"]},
        ("status", "blocked", "waiting_on", "customer_action", "timing", "confidence"),
    ),
    (
        "What do I write to the customer, in German?",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_check_missing"], "audience": "customer", "language": "de"},
        ("customer_message",),
    ),
    (
        "Then order a smart meter for this one.",
        "order_smart_meter",
        {"subscription_id": DEMO.subscriptions["can_order"]},
        ("outcome", "message", "next"),
    ),
)


def transcript_shown() -> str:
    """Return questions and answers as a block of text."""

    async def asked() -> list[str]:
        nomos = NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            base_url="http://127.0.0.1",
            app=Simulator(now=lambda: NOW),
        )
        async with nomos, Client(create_server(Settings(demo=True), client=nomos, clock=lambda: NOW)) as client:
            return [
                transcript(question, tool, arguments, await client.call_tool(tool, arguments), only)
                for question, tool, arguments, only in QUESTIONS
            ]

    with redirect_stderr(io.StringIO()):  # where each attempt to order is put on record
        shown = anyio.run(asked)
    return "```text\n" + "\n\n".join(shown) + "\n```\n"


def configuration_shown() -> str:
    """Return the configuration that Claude Desktop gets for the demo, with a path that is nobody's."""
    assistant = ASSISTANTS["claude-desktop"]
    text = json.dumps(configuration(assistant, entry(assistant, {}, demo=True)), indent=2)
    return "```json\n" + text.replace(own_command()[0], "/absolute/path/to/nomos-mcp") + "\n```\n"


def links_shown() -> str:
    """Return the links that add the published package to an assistant, as a Markdown table: demo, real data."""
    rows = []
    for assistant in ASSISTANTS.values():
        if make := assistant.link:
            servers = [entry(assistant, {}, demo=demo, command=PUBLISHED) for demo in (True, False)]
            rows.append(f"| {' | '.join(f'[add to {assistant.title}]({make(server).web})' for server in servers)} |")
    return "\n".join(["| Demo, with invented data | Your own data |", "| --- | --- |", *rows]) + "\n"
