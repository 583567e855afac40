"""The Python examples of the documentation run, against the simulator."""

import ast
import re
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import nomos_mcp
from nomos_mcp import NomosClient
from nomos_mcp.simulator import DEMO, Simulator

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/client.md")
EXAMPLES = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL), 1
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
async def test_the_example_runs(example: str, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    class Demo(NomosClient):
        """The client of the examples, with credentials and an upstream."""

        def __init__(self, **_: Any) -> None:
            super().__init__(
                client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url="http://127.0.0.1", app=simulator
            )

    monkeypatch.setattr(nomos_mcp, "NomosClient", Demo, raising=False)
    code = compile(
        example.replace("prdo_…", DEMO.orders["placed"]).replace("sub_…", DEMO.subscriptions["placed"]),
        "example",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    assert isinstance(code, CodeType)
    running = eval(code, {})  # noqa: S307  our own documentation
    if running is not None:
        await running
    assert simulator.requests
