"""Our server with any rate budget: over stdio, or over HTTP as `nomos-mcp http` serves it, its log included.

Start, memory and shutdown over stdio are measured on the installed command instead.
"""

import os
import sys

from nomos_mcp import NomosClient, create_server
from nomos_mcp.settings import Settings

settings = Settings.from_env()
client = NomosClient(
    access_token=settings.access_token,
    base_url=settings.base_url,
    requests_per_second=int(os.environ["BENCH_REQUESTS_PER_SECOND"]),
)

if sys.argv[1:]:
    import uvicorn

    from nomos_mcp.service import create_http_app

    uvicorn.run(create_http_app(settings, client=client), port=int(sys.argv[1]), log_level="error")
else:
    create_server(settings, client=client).run("stdio")
