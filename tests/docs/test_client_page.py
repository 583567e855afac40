"""The Python examples of docs/client.md run, against the simulator."""

import ast
from types import CodeType
from typing import Any

import pytest

import nomos_mcp
from nomos_mcp import NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from tests.docs.blocks import Block, blocks

EXAMPLES = blocks("docs/client.md", "python")


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
async def test_the_example_runs(example: Block, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    class Demo(NomosClient):
        """The client of the examples, with credentials and an upstream."""

        def __init__(self, **_: Any) -> None:
            super().__init__(
                client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url="http://127.0.0.1", app=simulator
            )

    monkeypatch.setattr(nomos_mcp, "NomosClient", Demo, raising=False)
    code = compile(
        example.text.replace("prdo_…", DEMO.orders["placed"]).replace("sub_…", DEMO.subscriptions["placed"]),
        "example",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    assert isinstance(code, CodeType)
    running = eval(code, {})  # noqa: S307  our own documentation
    if running is not None:
        await running
    assert simulator.requests
