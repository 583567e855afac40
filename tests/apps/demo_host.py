"""The page of `nomos-mcp demo --browser` in a real browser, as tests drive it: ask, look at the app, judge it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import ConsoleMessage, Error, Frame, FrameLocator, Page, Request

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = ROOT / "screenshots"
AXE: Final = ROOT / "apps" / "node_modules" / "axe-core" / "axe.min.js"
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_NOT_OUT: Final = ("data:", "about:", "blob:")


@dataclass
class Watched:
    """A page whose errors and requests are kept.

    Attributes:
        page: The page of the host.
        url: Where the server is.
        errors: What the console said as an error or a warning, exceptions, and requests that left the page.
    """

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", self._threw)
        self.page.on("requestfinished", self._requested)
        self.page.on("requestfailed", self._requested)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.type}: {message.text}")

    def _threw(self, error: Error) -> None:
        self.errors.append(f"exception: {error}")

    def _requested(self, request: Request) -> None:
        if request.failure == "csp":  # it was not sent, and the console says so
            return
        from_app = request.frame != self.page.main_frame
        if not request.url.startswith(_NOT_OUT if from_app else (self.url, *_NOT_OUT)):
            self.errors.append(f"request: {request.method} {request.url}")

    @property
    def app(self) -> FrameLocator:
        """The app, to find things in."""
        return self.page.frame_locator("iframe")

    @property
    def frame(self) -> Frame:
        """The app's frame, to run JavaScript in."""
        handle = self.page.wait_for_selector("iframe")
        found = handle and handle.content_frame()
        assert found
        return found

    def axe(self, frame: Frame | None = None) -> list[str]:
        """Return what axe finds in the app, or in another frame: rule, help and where."""
        assert AXE.is_file(), "axe-core is not installed: run `make apps`"
        frame = frame or self.frame
        frame.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = frame.evaluate(
            "tags => axe.run(document, {runOnly: tags, iframes: false})",
            _RULES,
        )
        return [
            f"{flaw['id']}: {flaw['help']}: {', '.join(str(node['target']) for node in flaw['nodes'])}"
            for flaw in found["violations"]
        ]

    def overflow(self) -> int:
        """Return by how many pixels the app is wider than its frame."""
        wider: int = self.frame.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider

    def screenshot(self, name: str) -> Path:
        """Make a picture of the app, for people to look at: `screenshots/<name>.png`."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        box = self.page.locator("iframe").bounding_box()
        assert box
        width = (self.page.viewport_size or {"width": 0})["width"]
        # Chromium paints of a frame what is in the window.
        self.page.set_viewport_size({"width": width, "height": int(box["y"] + box["height"]) + 20})
        self.page.locator("iframe").screenshot(path=path, animations="disabled")
        return path


class DemoHost(Watched):
    """The demo's page. Language and theme are those of the browser that opened it."""

    def open(self) -> None:
        self.page.add_init_script(_CONNECTED)
        self.page.goto(self.url)
        self.page.wait_for_selector("iframe", state="attached")

    def _wait_until_connected(self) -> None:
        """Wait until the app that is shown has greeted the host: before, its frame may be empty."""
        self.page.wait_for_selector("iframe[data-connected]", state="attached")

    def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Ask as the model does; the app shows the result, which is returned."""
        result: dict[str, Any] = self.page.evaluate("([tool, input]) => nomosHost.ask(tool, input)", [tool, arguments])
        self._wait_until_connected()
        return result

    def ask_only(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Ask as the model does, and show nothing: for tools without an app."""
        result: dict[str, Any] = self.page.evaluate("([tool, input]) => nomosHost.call(tool, input)", [tool, arguments])
        return result

    def show(
        self,
        tool: str,
        structured: Mapping[str, object] | None = None,
        *,
        arguments: Mapping[str, object] | None = None,
        error: str = "",
        content: Sequence[Mapping[str, object]] | None = None,
    ) -> None:
        """Show any result in the app of a tool: a structured one, an error, or content alone."""
        result: dict[str, object] = {"content": content or [{"type": "text", "text": error}]}
        if structured is not None:
            result["structuredContent"] = structured
        if error:
            result["isError"] = True
        self.page.evaluate(
            "([tool, input, result]) => nomosHost.show(tool, input, result)", [tool, arguments or {}, result]
        )
        self._wait_until_connected()


_CONNECTED: Final = """
addEventListener("message", ({ data, source }) => {
  if (data?.method !== "ui/notifications/initialized") return;
  for (const frame of document.querySelectorAll("iframe")) {
    if (frame.contentWindow === source) frame.dataset.connected = "yes";
  }
});
"""


class BareHost(Watched):
    """A host of few lines, without the official bridge, for what that would not do.

    It keeps what the app sends in `window.received`, and answers with `window.answer(message, reply)` if it is set.
    """

    def open(self, app: str, answer: str = "", head: str = "") -> None:
        """Show the built file of an app.

        Args:
            app: Its name.
            answer: A JavaScript function of a message and of what replies.
            head: Markup that runs before the app.
        """
        html = (ROOT / "nomos_mcp" / "apps" / f"{app}.html").read_text(encoding="utf-8")
        self.page.route(f"{self.url}bare", lambda route: route.fulfill(body=_BARE, content_type="text/html"))
        self.page.goto(f"{self.url}bare")
        self.page.evaluate(
            f"([html]) => {{ window.answer = {answer or 'undefined'}; show(html) }}",
            [html.replace("<head>", f"<head>{head}")],
        )

    def send(self, method: str, params: str) -> None:
        """Send a notification to the app once it is ready; the params are JavaScript."""
        self.page.wait_for_function("received.some(each => each.method === 'ui/notifications/initialized')")
        self.page.evaluate(
            f"() => frames[0].postMessage({{ jsonrpc: '2.0', method: '{method}', params: {params} }}, '*')"
        )

    def received(self, method: str) -> list[dict[str, Any]]:
        """Return the messages of a method that the app has sent."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "method => received.filter(each => each.method === method)", method
        )
        return found


_BARE: Final = """<!doctype html>
<html lang="en"><head><title>bare</title><link rel="icon" href="data:,"></head><body><script>
window.received = [];
addEventListener("message", ({ data, source }) => {
  received.push(data);
  window.answer?.(data, (message) => source.postMessage({ jsonrpc: "2.0", ...message }, "*"));
});
function show(html) {
  const frame = document.createElement("iframe");
  frame.sandbox.add("allow-scripts");
  frame.style = "width: 600px; height: 400px";
  frame.srcdoc = html;
  document.body.append(frame);
}
</script></body></html>"""

READY: Final = """
(message, reply) => {
  if (message.method === "ui/initialize") {
    const hostInfo = { name: "bare", version: "1" };
    const hostContext = { locale: "en-GB", theme: "light", ...window.context };
    const hostCapabilities = { serverTools: {} };
    reply({ id: message.id, result: { protocolVersion: "2026-01-26", hostInfo, hostCapabilities, hostContext } });
  }
  window.more?.(message, reply);
}
"""
"""An `answer` that greets an app and leaves the rest to `window.more`."""

READY_WITHOUT_TOOLS: Final = READY.replace("{ serverTools: {} }", "{}")
"""The same of a host that lets apps call no tools."""

REFUSES_CALLS: Final = (
    "window.more = ({ id, method }, reply) => method === 'tools/call' &&"
    " reply({ id, error: { code: -32000, message: 'no' } })"
)
"""A script of a host that refuses every call."""

HELD_PATIENCE: Final = """<script>
const wait = setTimeout;
window.setTimeout = (run, after, ...rest) => {
  if (after !== 8000) return wait(run, after, ...rest);
  window.runOutOfPatience = run;
  return 0;
};
</script>"""
"""A `head` with which an app's patience with its host ends when a test says so."""
