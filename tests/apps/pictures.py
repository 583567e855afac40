"""Makes the pictures of the documentation: `make pictures`. The clock stands still, so they stay as they are."""

import asyncio
import json
import shutil
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mcp import Client
from playwright.sync_api import Browser, sync_playwright

from nomos_mcp import NomosClient, Settings, create_server
from nomos_mcp.history.demo_past import demo_history
from nomos_mcp.lifecycle import CURIE
from nomos_mcp.simulator import DEMO, Simulator
from tests.apps.conftest import FLAGS
from tests.apps.demo_host import READY, ROOT, BareHost

FOLDER: Final = ROOT / "docs" / "images"
NOW: Final = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
WIDTH: Final = 1010  # four columns of the board
SCALE: Final = 1  # twice as many pixels make files of 700 KB
MAX_BYTES: Final = 200_000
PICTURES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "timeline": (
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_check_missing"], "language": "en", "detail": "full"},
    ),
    "board": ("list_meter_orders_by_status", {"status": "open", "limit": 14}),
}
_PATIENCE: Final = 60.0  # seconds


def main() -> None:
    results = asyncio.run(_results())
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for app, (_, arguments) in PICTURES.items():
            for theme in ("light", "dark"):
                path = FOLDER / f"{app}-{theme}.png"
                _picture(browser, app, theme, arguments, results[app], path)
                size = path.stat().st_size
                assert size < MAX_BYTES, f"{path} has {size} bytes"


async def _results() -> dict[str, dict[str, Any]]:
    """Ask the tools what the pictures show, of the demo's data on one day."""
    simulator = Simulator(now=lambda: NOW)
    async with (
        NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            base_url="http://127.0.0.1",
            requests_per_second=1000,
            app=simulator,
        ) as nomos,
        aclosing(demo_history(simulator, CURIE, lambda: NOW)) as history,
    ):
        await history.durations(_PATIENCE)  # the invented past is made at the first use
        server = create_server(Settings(), client=nomos, clock=lambda: NOW, history=history)
        async with Client(server) as client:
            return {
                app: (await client.call_tool(tool, arguments)).structured_content or {}
                for app, (tool, arguments) in PICTURES.items()
            }


def _picture(
    browser: Browser, app: str, theme: str, arguments: dict[str, Any], result: dict[str, Any], path: Path
) -> None:
    page = browser.new_page(
        locale="en-GB",
        viewport={"width": WIDTH, "height": 1_500},
        device_scale_factor=SCALE,
        color_scheme="dark" if theme == "dark" else "light",
    )
    page.clock.set_fixed_time(NOW)
    host = BareHost(page, "http://127.0.0.1/")
    page.add_init_script(f"window.context = {json.dumps({'theme': theme})}")
    host.open(app, READY)
    page.locator("iframe").evaluate("frame => (frame.style = 'width: 100%; height: 1500px; border: 0')")
    page.add_style_tag(content="body { margin: 0 }")
    host.send("ui/notifications/tool-input", json.dumps({"arguments": arguments}))
    host.send("ui/notifications/tool-result", json.dumps({"content": [], "structuredContent": result}))
    host.app.locator("header h1").wait_for()
    height = host.frame.evaluate("document.querySelector('main').getBoundingClientRect().bottom") + 12
    page.screenshot(path=path, clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, animations="disabled")
    page.close()


if __name__ == "__main__":
    main()
