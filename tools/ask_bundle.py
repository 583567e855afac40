"""Start an unpacked desktop bundle with what a person may have entered in its settings, and look at what it does.

`python -m tools.ask_bundle COMMAND… FOLDER`: the command, given the folder and the settings as JSON, prints how the
bundle's makers say that it is started. uv has to be on PATH.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from nomos_mcp.server.server_factory import DEMO_TITLE, TITLE
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import BASE_URL
from tests.serving import served
from tools.ask_server import asked

ENTERED = {"client_id": DEMO.client_id, "client_secret": DEMO.client_secret}
ENTER = 'Enter "Client ID" and "Client secret" of a Nomos Auth Client in the extension\'s settings.'


def started(entered: Mapping[str, object], **environ: str) -> StdioServerParameters:
    """Return what starts the bundle with these settings, and these variables besides."""
    told = subprocess.run([*sys.argv[1:], json.dumps(entered)], stdout=subprocess.PIPE, check=True)  # noqa: S603  ours
    server: dict[str, Any] = json.loads(told.stdout)
    return StdioServerParameters(
        command=server["command"], args=server["args"], env={**os.environ, **server["env"], **environ}
    )


async def title_and_answer(server: StdioServerParameters) -> tuple[str, str]:
    """Return the title of a server, and the text of one answer."""
    with anyio.fail_after(60):
        async with Client(server) as client:
            order = {"order_id": DEMO.orders["blocked_check_missing"]}
            [block, *_] = (await client.call_tool("get_meter_order", order)).content
            assert client.server_info
            return client.server_info.title or "", getattr(block, "text", "")


def check_starts(url: str) -> None:
    """Start it as the demo, with credentials, and with wrong or half ones."""
    print(anyio.run(partial(asked, started({"client_id": "", "client_secret": "", "demo": True}), "auto")))
    title, _ = anyio.run(title_and_answer, started({**ENTERED, "demo": True}))
    assert title == DEMO_TITLE, title
    title, answer = anyio.run(title_and_answer, started(ENTERED, **{BASE_URL: url}))
    assert (title, "customer" in answer) == (TITLE, True), (title, answer)
    for secret in "", "wrong":
        title, answer = anyio.run(title_and_answer, started({**ENTERED, "client_secret": secret}, **{BASE_URL: url}))
        assert (title, ENTER in answer, "NOMOS_" in answer) == (TITLE, True, False), (title, answer)
        print(f"{secret or 'no'} secret entered: {answer}")


def check_packages(folder: Path) -> None:
    """Compare what uv has installed for it with the versions that it pins: no package less, and none more."""
    told = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = {pin.lower().replace("_", "-") for pin in told["tool"]["uv"]["constraint-dependencies"]}
    command = ["uv", "pip", "freeze", "--python", str(folder / ".venv")]
    freeze = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  as above
    installed = {line.lower().replace("_", "-") for line in freeze.stdout.split("\n") if "==" in line}
    assert installed == pinned, installed ^ pinned
    print(f"{len(pinned)} packages, all of them pinned, and no other pin")


if __name__ == "__main__":
    with served(Simulator()) as simulated:
        check_starts(simulated)
    check_packages(Path(sys.argv[-1]))
