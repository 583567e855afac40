"""Ask the installed `nomos-mcp` a question, as an assistant would: by the command beside this interpreter, over stdio.

Run it with the interpreter of the environment that holds the package, away from the checkout:
`python -I ask_installed.py`. It prints what it found, and fails if the package is not the installed one.
"""

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import anyio
from mcp import Client, StdioServerParameters

import nomos_mcp
from nomos_mcp.simulator import DEMO

PACKAGE = Path(nomos_mcp.__file__).parent


async def asked(mode: Literal["auto", "legacy"]) -> str:
    """Ask why a meter is blocked, and return whose turn it is."""
    server = StdioServerParameters(command=str(Path(sys.executable).with_name("nomos-mcp")), args=["--demo"])
    with anyio.fail_after(60):
        async with Client(server, mode=mode) as client:
            prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
            missing = {file.stem for file in (PACKAGE / "prompts").glob("*.md")} ^ prompts
            if missing or not prompts:
                sys.exit(f"prompts listed and prompts installed differ by {sorted(missing)}")
            order = {"order_id": DEMO.orders["blocked_check_missing"]}
            answer = (await client.call_tool("get_meter_order", order)).structured_content or {}
    return str(answer["explanation"]["waiting_on"])


def main() -> None:
    """Check what is installed, then ask it in both protocol eras."""
    if Path(sys.prefix) not in PACKAGE.parents:
        sys.exit(f"{PACKAGE} is not installed into {sys.prefix}")
    if not (PACKAGE / "py.typed").is_file():
        sys.exit("py.typed is missing, so type checkers would ignore the types")
    if version("nomos-mcp") != nomos_mcp.__version__:
        sys.exit(f"the package says {nomos_mcp.__version__}, its metadata {version('nomos-mcp')}")
    for mode in ("auto", "legacy"):
        waiting_on = anyio.run(partial(asked, mode))
        if waiting_on != "customer":
            sys.exit(f"{mode}: whose turn is it? expected customer, got {waiting_on}")
        print(f"{sys.version.split()[0]}, {mode}: why is my smart meter blocked? It is the {waiting_on}'s turn.")


if __name__ == "__main__":
    main()
