"""What a start says: no credentials are no mistake, half of them are, and nothing starts half configured."""

import os
import subprocess
import sys

import pytest
from mcp import Client

from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.variables import VARIABLES
from tests.server.conftest import Era, error_of
from tests.server.tool_examples import ToolExample, tool_examples

MISTAKES = {
    "NOMOS_CLIENT_SECRET": "secret-without-id",
    "NOMOS_API_VERSION": "curie",
    "NOMOS_BASE_URL": "http://api.nomos.energy",
    "NOMOS_CUSTOMER_ID": "somebody",
    "NOMOS_MCP_READ_ONLY": "perhaps",
}


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> Era:
    return "auto" if request.param == "auto" else "legacy"


def examples(*, offline: bool) -> dict[str, ToolExample]:
    return {name: example for name, example in tool_examples().items() if example.offline is offline}


@pytest.mark.parametrize("tool", examples(offline=True))
async def test_without_credentials_a_tool_that_asks_nothing_of_nomos_answers(tool: str, era: Era) -> None:
    async with Client(create_server(Settings()), mode=era) as client:
        answer = await client.call_tool(tool, dict(tool_examples()[tool].call))
    assert not answer.is_error


@pytest.mark.parametrize("tool", examples(offline=False))
async def test_without_credentials_every_other_tool_says_what_to_set(tool: str, era: Era) -> None:
    async with Client(create_server(Settings()), mode=era) as client:
        answer = await client.call_tool(tool, dict(tool_examples()[tool].call))
    said = error_of(answer)
    assert all(word in said for word in ("NOMOS_CLIENT_ID", "NOMOS_CLIENT_SECRET", "--demo")), said


@pytest.mark.parametrize(
    "command",
    [[], ["--demo"], ["config", "cursor"], ["http", "--port", "0"], ["doctor"], ["doctor", "--json"]],
    ids=" ".join,
)
def test_every_mistake_is_told_at_once_and_nothing_starts(command: list[str]) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in {each.name for each in VARIABLES}}
    done = subprocess.run(
        [sys.executable, "-m", "nomos_mcp", *command],
        input="",
        env={**clean, **MISTAKES},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert all(name in said for name in ("NOMOS_CLIENT_ID", *MISTAKES))
    assert "Traceback" not in said
    assert "secret-without-id" not in said
