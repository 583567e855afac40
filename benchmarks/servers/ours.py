"""Our server as the measurements need it: any rate budget, and over HTTP on a given port.

Start, memory and shutdown over stdio are measured on the installed command instead.
"""

import os  # noqa: F401
import sys

import uvicorn

from nomos_mcp import NomosClient, create_server
from nomos_mcp.settings import Settings

settings = Settings.from_env()
server = create_server(
    settings,
    client=NomosClient(
        access_token=settings.access_token,
        base_url=settings.base_url,
    ),
)

if sys.argv[1:]:
    app = server.streamable_http_app(stateless_http=True)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", timeout_graceful_shutdown=5)
else:
    server.run("stdio")
