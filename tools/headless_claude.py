"""Show what Claude Code does without a window: `python -m tools.headless_claude CLAUDE` runs `claude -p` on a script.

It declares elicitation and closes each question at once, so by default nothing is ordered. NOMOS_MCP_CONFIRM=code gives
it a preview and a code. Each `claude -p` starts the server anew, so a yes in the next one takes NOMOS_MCP_STATE_KEY.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from nomos_mcp.simulator import DEMO
from tests.serving import served

TOOL: Final = "mcp__nomos__order_smart_meter"
_CODE: Final = re.compile(r'confirmation_code\\*": ?\\*"([^"\\]+)')


async def _messages(request: Request) -> StreamingResponse:
    """Answer as the model: order, with the code if an earlier result has one, and repeat what came back."""
    body = await request.json()
    last, conversation = body["messages"][-1]["content"], json.dumps(body["messages"])
    results = [each for each in last if each["type"] == "tool_result"] if isinstance(last, list) else []
    if results:
        return _stream({"type": "text", "text": ""}, {"type": "text_delta", "text": json.dumps(results)}, "end_turn")
    arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
    if code := _CODE.search(conversation):
        arguments["confirmation_code"] = code[1]
    call = {"type": "tool_use", "id": f"toolu_{len(body['messages'])}", "name": TOOL, "input": {}}
    return _stream(call, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}, "tool_use")


def _stream(block: dict[str, Any], delta: dict[str, Any], stop: str) -> StreamingResponse:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "script", "content": [], "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]

    async def sent() -> AsyncIterator[str]:
        for event in events:
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"

    return StreamingResponse(sent(), media_type="text/event-stream")


class Assistant:
    """Claude Code in a folder and a home of its own, with the demo server."""

    def __init__(self, claude: str, model: str, folder: Path, **settings: str) -> None:
        folder.mkdir()
        self._claude = claude
        self._folder = folder
        server = {"command": sys.executable, "args": ["-m", "nomos_mcp", "--demo"], "env": settings}
        (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"nomos": server}}), encoding="utf-8")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": "invented",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "ENABLE_TOOL_SEARCH": "false",
            "MCP_CONNECTION_NONBLOCKING": "false",  # the model is asked once the tools are there
        }

    def told(self, text: str, *more: str) -> str:
        """Return what the model read after it was told something."""
        command = [self._claude, "-p", text, "--mcp-config", "mcp.json", "--strict-mcp-config", "--allowedTools", TOOL]
        run = subprocess.run(  # noqa: S603  our own command
            [*command, *more],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return run.stdout + run.stderr


def main() -> None:
    """Order in each of three settings, and print what came back."""
    with tempfile.TemporaryDirectory() as folder, served(_app()) as model:
        settings = {
            "auto": {},
            "code": {"NOMOS_MCP_CONFIRM": "code"},
            "key": {"NOMOS_MCP_CONFIRM": "code", "NOMOS_MCP_STATE_KEY": "invented" * 4},
        }
        asked, answered = {}, {}
        for name, given in settings.items():
            assistant = Assistant(sys.argv[1], model, Path(folder, name), **given)
            asked[name] = assistant.told("Order a smart meter.")
            if name != "auto":
                answered[name] = assistant.told("Yes, order it.", "--continue")
    for name, text in (*asked.items(), *answered.items()):
        print(f"{name}: {text.strip()[:400]}")
    assert "closed without an answer; whether a person saw it is unknown" in asked["auto"]
    assert "confirmation_code" not in asked["auto"]
    assert "confirmation_required" in asked["code"]
    assert "invalid_code" in answered["code"]
    assert "The smart meter is ordered" in answered["key"]


def _app() -> Starlette:
    return Starlette(routes=[Route("/v1/messages", _messages, methods=["POST"])])


if __name__ == "__main__":
    main()
