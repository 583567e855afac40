"""Decode the links that add the server to an assistant as the assistant does, and ask the server that each one starts.

`python -m tools.ask_links` takes the README's links, which need uvx and a package that it finds, and those that this
installation's `nomos-mcp config … --link` prints. Those for real data get a simulated Nomos API.
"""

import base64
import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import anyio
from mcp import StdioServerParameters

from nomos_mcp.commands.assistants import ASSISTANTS, own_command
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import BASE_URL, CLIENT_ID, CLIENT_SECRET
from tests.serving import served
from tools.ask_server import asked

ROOT = Path(__file__).resolve().parent.parent
LINKED = [name for name, assistant in ASSISTANTS.items() if assistant.link]
_REFERENCE = re.compile(r"\$\{(?:env|input):(\w+)\}")


def decoded(link: str) -> dict[str, Any]:
    """Return what a link holds: `name`, `command`, `args`, `env`, and `inputs` where VS Code is to ask for values."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    if parts.netloc == "insiders.vscode.dev":
        return decoded(query["url"][0])
    if parts.scheme == "vscode":
        whole: dict[str, Any] = json.loads(unquote(unquote(parts.query)))  # once as a URL, and once more by VS Code
        return whole
    read = json.loads(base64.b64decode(query["config"][0]).decode("latin-1"))  # as a browser's atob does
    return {"name": query["name"][0], **read}


def started(link: str, values: dict[str, str]) -> StdioServerParameters:
    """Return what starts the server of a link, with each reference in it replaced by the value of that name."""
    holds = decoded(link)
    asked_for = {each["id"] for each in holds.get("inputs", [])}
    references = set(_REFERENCE.findall(json.dumps(holds["env"])))
    assert asked_for in (set(), references), f"asks for {asked_for}, and refers to {references}"
    env = {name: _REFERENCE.sub(lambda found: values[found[1]], value) for name, value in holds["env"].items()}
    return StdioServerParameters(command=holds["command"], args=holds["args"], env=env)


def links_of_readme() -> list[str]:
    """Return the links that the README shows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"\[add to [^]]+\]\(([^)]+)\)", text)


def _links_of_command() -> list[str]:
    commands = [[*own_command(), "config", name, "--link", *demo] for name in LINKED for demo in (["--demo"], [])]
    return [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  our own
        for command in commands
    ]


def main() -> None:
    """Ask all of them."""
    links = [*links_of_readme(), *_links_of_command()]
    assert len(links) == 4 * len(LINKED), links
    with served(Simulator()) as url:
        real = {CLIENT_ID: DEMO.client_id, CLIENT_SECRET: DEMO.client_secret}
        for link in links:
            server = started(link, real)
            server.env = {**os.environ, **(server.env or {}), BASE_URL: url}
            print(f"{link.partition('?')[0]} -> {Path(server.command).name} {' '.join(server.args)}")
            print(f"  {anyio.run(partial(asked, server, 'auto'))}")


if __name__ == "__main__":
    main()
