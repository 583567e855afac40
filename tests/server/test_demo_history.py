"""The history of a demo: there without any set-up, and made no sooner than it is asked for."""

import subprocess
import sys

import pytest
from mcp import Client

from nomos_mcp.client import BATMAN, CURIE, EDISON, ApiVersion
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.server.conftest import answer_of

READ = "get_meter_order"


async def test_a_demo_shows_a_block_that_came_back_and_how_long_such_blocks_lasted() -> None:
    server = create_server(Settings(demo=True))
    async with Client(server) as client:
        assert server.context.history
        await server.context.history.durations(60)
        answer = answer_of(await client.call_tool(READ, {"order_id": DEMO.orders["blocked_check_missing"]}))
    assert answer["explanation"]["blocked"]["since"].endswith("for the second time")
    assert "an observation, not a promise" in answer["explanation"]["timing"]
    assert [step["what"] for step in answer["history"]] == [
        "created", "placed", "blocked: check_missing", "unblocked", "blocked: check_missing"
    ]  # fmt: skip


@pytest.mark.parametrize(("version", "words"), [(CURIE, "check_reviewed"), (EDISON, "blocked_wim")])
async def test_it_is_in_the_words_of_the_version(version: ApiVersion, words: str) -> None:
    async with Client(create_server(Settings(demo=True, api_version=version))) as client:
        answer = answer_of(await client.call_tool(READ, {"order_id": DEMO.orders["blocked_grid_operator"]}))
    assert words in str(answer["history"])


async def test_a_version_without_orders_has_none() -> None:
    assert create_server(Settings(demo=True, api_version=BATMAN)).context.history is None


@pytest.mark.slow
def test_a_demo_starts_without_its_history() -> None:
    code = (
        "import sys; from nomos_mcp.server import create_server; from nomos_mcp.settings import Settings; "
        "create_server(Settings(demo=True)); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sqlalchemy" not in run.stdout.split()
