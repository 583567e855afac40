"""Ask a server why a smart meter is blocked, as an assistant would: by the command of its configuration, over stdio.

`python ask_server.py CONFIGURATION`: a JSON object with `command`, `args` and `env` that starts it in demo mode. It
stands alone, so that it can be run away from the checkout, and fails unless every answer is right.
"""

import json
import sys
from functools import partial
from typing import Literal

import anyio
from mcp import Client, StdioServerParameters

from nomos_mcp.simulator import DEMO

DEADLINE = 120.0  # seconds; the first start of a bundle installs it


async def asked(server: StdioServerParameters, mode: Literal["auto", "legacy"]) -> str:
    """Ask, and return the answer as a line for people."""
    with anyio.fail_after(DEADLINE):
        async with Client(server, mode=mode) as client:
            tools, prompts = (await client.list_tools()).tools, (await client.list_prompts()).prompts
            order = {"order_id": DEMO.orders["blocked_check_missing"]}
            answer = (await client.call_tool("get_meter_order", order)).structured_content or {}
    waiting_on = answer["explanation"]["waiting_on"]
    if waiting_on != "customer" or not prompts:
        sys.exit(f"{mode}: expected prompts and the customer's turn; got {len(prompts)} prompts and {waiting_on!r}")
    return (
        f"{mode}: {len(tools)} tools, {len(prompts)} prompts; why is my smart meter blocked? The {waiting_on}'s turn."
    )


if __name__ == "__main__":
    for era in ("auto", "legacy"):
        print(anyio.run(partial(asked, StdioServerParameters(**json.loads(sys.argv[1])), era)))
