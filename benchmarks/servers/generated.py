"""A server generated from the OpenAPI document of the simulator: a tool for each operation."""

# mypy: ignore-errors
# fastmcp is not installed where the types are checked.

import json
import os
import sys
from pathlib import Path

import httpx2
from fastmcp import FastMCP

document = json.loads((Path(__file__).parent.parent / "simulator.openapi.json").read_text(encoding="utf-8"))
if statuses := os.environ.get("NOMOS_API_STATUSES"):  # of another API version than the document's
    document["components"]["schemas"]["MeterOrder"]["properties"]["status"]["enum"] = statuses.split(",")

mcp = FastMCP.from_openapi(
    document,
    client=httpx2.AsyncClient(
        base_url=os.environ["NOMOS_BASE_URL"],
        headers={
            "Authorization": f"Bearer {os.environ['NOMOS_ACCESS_TOKEN']}",
            "X-API-Version": os.environ.get("NOMOS_API_VERSION", "2026-05-27.curie"),
        },
    ),
    name="generated",
)

if sys.argv[1:]:
    mcp.run("http", port=int(sys.argv[1]), stateless_http=True, show_banner=False, log_level="ERROR")
else:
    mcp.run("stdio", show_banner=False, log_level="ERROR")
