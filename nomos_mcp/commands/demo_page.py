"""`nomos-mcp demo --browser`: a page that shows the MCP Apps with the invented data, as an assistant would.

The page is a host: `apps/src/host`. It asks the MCP server that is served beside it, over streamable HTTP.
"""

import threading
import webbrowser
from collections.abc import Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from nomos_mcp.commands.command import EXIT_FAILED, EXIT_OK, complain, port_problem
from nomos_mcp.lifecycle import CURIE, ApiVersion
from nomos_mcp.server.apps import FOLDER
from nomos_mcp.service import create_http_app
from nomos_mcp.service.graceful_shutdown import GracefulServer
from nomos_mcp.service.request_validation import AllowedHosts
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from nomos_mcp.simulator.simulator_server import HOST, bound, url_of

# Frames inherit it; each app narrows it for itself.
_CSP: Final = (
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DRAIN: Final = 0.2  # seconds; nobody else uses this server

QUESTIONS: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "order": ("get_meter_order", {"order_id": DEMO.orders["scheduled"]}),
    "blocked": ("get_meter_order", {"order_id": DEMO.orders["blocked_check_missing"]}),
    "status": ("explain_status", {"status": "check_reviewed"}),
    "list": ("list_meter_orders_by_status", {"status": "open"}),
    "changes": ("list_order_changes", {}),
    "preview": ("order_smart_meter", {"subscription_id": DEMO.subscriptions["can_order"]}),
}
"""What the page offers to ask, by the name of its text in `[app.host]`: the tool, and its arguments."""


def page_app(version: ApiVersion) -> Starlette:
    """Make the web service of a demo, with the page at its root."""
    settings = Settings(demo=True, api_version=version)
    app = create_http_app(settings)
    checked = [Middleware(AllowedHosts, settings.http)]  # as /mcp is
    app.router.routes += [Route("/", _page, middleware=checked), Route("/questions", _questions, middleware=checked)]
    return app


def serve_page(version: ApiVersion | None, port: int, *, opens: bool) -> int:
    """Serve the page until Ctrl-C; return the exit code."""
    try:
        listener = bound(port)
    except OSError as error:
        complain(f"port {port} on {HOST} {port_problem(error)}.")
        return EXIT_FAILED
    url = f"{url_of(listener)}/"

    def started() -> None:
        print(f"The MCP Apps at {url}: ALL DATA IS INVENTED.\nCtrl-C ends it.", flush=True)
        if opens:  # in a thread: some browsers return when they are closed
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    app = page_app(version or CURIE)
    GracefulServer(app, on_start=started, on_stop=app.state.begin_shutdown, drain=_DRAIN).run(sockets=[listener])
    return EXIT_OK


async def _page(_: Request) -> FileResponse:
    return FileResponse(
        FOLDER / "host.html",
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": _CSP, "cache-control": "no-store", "x-content-type-options": "nosniff"},
    )


async def _questions(_: Request) -> JSONResponse:
    asked = [{"name": name, "tool": tool, "arguments": given} for name, (tool, given) in QUESTIONS.items()]
    return JSONResponse(asked + _orders())


def _orders() -> list[dict[str, Any]]:
    """Return one more question for each order that the demo describes."""
    return [
        {"shows": item.shows, "tool": "get_meter_order", "arguments": {"order_id": item.id}}
        for item in DEMO.describe()
        if item.kind == "meter_order"
    ]
