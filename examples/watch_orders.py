"""Prints what becomes of orders, as it becomes known: `python examples/watch_orders.py http://127.0.0.1:8000/mcp`.

The server needs a history (NOMOS_MCP_DATABASE), and something that looks at the orders: NOMOS_MCP_WATCH_EVERY,
webhooks, or `nomos-mcp watch`. If it wants a token, set TOKEN.
"""

import asyncio
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost


async def print_new(client: Client, printed: set[str]) -> None:
    """Print the newest hundred changes of the last seven days, oldest first, but for those that were printed."""
    found = await client.call_tool("list_order_changes", {"limit": 100})
    if found.is_error or found.structured_content is None:
        raise RuntimeError("".join(block.text for block in found.content if block.type == "text"))
    for line in reversed(found.structured_content["changes"]):
        change = line.rpartition("; turn: ")[0]  # whose turn it is goes on changing
        if change not in printed:
            print(line, flush=True)
            printed.add(change)


async def main(url: str) -> None:
    """Listen for ever. What happened while a stream was lost is asked for when it is open again."""
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"} if "TOKEN" in os.environ else {}
    http = httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(60, read=None))
    printed: set[str] = set()
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        while True:
            try:
                async with client.listen(resource_subscriptions=["nomos://changes"]) as stream:
                    await print_new(client, printed)
                    async for _ in stream:
                        await print_new(client, printed)
            except SubscriptionLost:
                print("The stream was lost; listening again.", file=sys.stderr)
            await asyncio.sleep(5)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
