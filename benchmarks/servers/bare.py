"""The least that answers the question: ten lines over the SDK, one tool, no explanation, no errors, no limits.

Its HTTP library is loaded by the first call, as ours is, so that no ratio flatters us.
"""

import os
import sys
from functools import cache
from typing import Any

from mcp.server import MCPServer

mcp = MCPServer("bare", log_level="WARNING")


@cache
def api() -> Any:
    """Make the connections to upstream, once."""
    import httpx  # noqa: PLC0415  see above

    headers = {"Authorization": f"Bearer {os.environ['NOMOS_ACCESS_TOKEN']}", "X-API-Version": "2026-05-27.curie"}
    return httpx.AsyncClient(base_url=os.environ["NOMOS_BASE_URL"], headers=headers)


@mcp.tool()
async def get_meter_order(order_id: str) -> dict[str, Any]:
    """Read one smart meter order."""
    answer: dict[str, Any] = (await api().get(f"/meter-orders/{order_id}")).raise_for_status().json()
    return answer


if sys.argv[1:]:
    mcp.run("streamable-http", port=int(sys.argv[1]), stateless_http=True)
else:
    mcp.run("stdio")
