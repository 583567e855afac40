"""Our server with any rate limit: over stdio, or over HTTP as `nomos-mcp http` serves it, its log included.

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
    import socket

    from nomos_mcp.service import create_http_app
    from nomos_mcp.service.graceful_shutdown import GracefulServer

    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        GracefulServer(create_http_app(settings, client=client)).run(sockets=[listener])
else:
    create_server(settings, client=client).run("stdio")
