"""What docs/history.md shows is so: its commands work, and print what is shown."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client

from nomos_mcp import variables
from nomos_mcp.cli import parser
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.docs.blocks import Block, blocks
from tests.serving import served

PAGE = "docs/history.md"
REPORT, LOG_LINE = blocks(PAGE, "json")
(CHANGES,) = blocks(PAGE, "text")
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks(PAGE, "console")
    for line in block.text.splitlines()
    if "nomos-mcp " in line and "pip install" not in line
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the commands of the page need: Nomos, and a database."""
    with served(Simulator()) as url:
        yield {
            "NOMOS_BASE_URL": url,
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_MCP_DATABASE": str(tmp_path / "history.db"),
            "HOME": str(tmp_path),
        }


def words(command: str) -> list[str]:
    """Return a command's own words, without variables before it and without what the shell does behind it."""
    own = re.split(r"[|&>]", command)[0]
    all_words = shlex.split(own, comments=True)
    return all_words[all_words.index("nomos-mcp") + 1 :]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_the_page_is_understood(command: str) -> None:
    parser().parse_args(words(command))


def test_the_lines_of_cron_and_systemd_name_commands_that_exist() -> None:
    (cron,) = blocks(PAGE, "cron")
    assert parser().parse_args(words(cron.text)).once


def test_the_variables_on_the_page_exist() -> None:
    known = {each.name for each in (*variables.VARIABLES, *variables.HTTP_VARIABLES)}
    text = "".join(block.text for block in blocks(PAGE) if block.language in {"shell", "console", "cron"})
    assert set(re.findall(r"\bNOMOS_\w+", text)) <= known


@pytest.mark.slow
def test_watching_exporting_pruning_and_the_doctor_work_one_after_the_other(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for command in (
        "watch --once",
        "history export --format csv --output orders.csv",
        "history prune --older-than 400d",
    ):
        assert any(command in shown for shown in COMMANDS)
        run = subprocess.run(
            [sys.executable, "-m", "nomos_mcp", *command.split()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        if command == "watch --once":
            assert list(json.loads(run.stdout)) == list(json.loads(REPORT.text))
    assert (tmp_path / "orders.csv").read_text(encoding="utf-8").count("prdo_") >= len(DEMO.orders) - 2


def test_the_log_line_of_a_webhook_has_the_fields_that_one_has() -> None:
    assert list(json.loads(LOG_LINE.text)) == [
        "time",
        "event",
        "event_id",
        "topic",
        "outcome",
        "status",
        "ms",
        "request_id",
    ]


async def test_the_lines_of_the_feed_are_written_as_a_demo_writes_them() -> None:
    written = re.compile(r"prdo_\w+ cus_\w+: .+; (between .+ and |by )?\d+ .*; turn: \w+( \(documented\))?")
    async with Client(create_server(Settings(demo=True))) as client:
        answer = await client.call_tool("list_order_changes", {"limit": 50})
    assert answer.structured_content is not None
    lines = answer.structured_content["changes"]
    assert lines
    assert [line for line in (*lines, *CHANGES.text.splitlines()) if not written.fullmatch(line)] == []


def test_every_block_of_the_page_is_of_a_kind_that_is_tested_here() -> None:
    tested = {"console", "cron", "shell", "json", "text"}
    left: list[Block] = [block for block in blocks(PAGE) if block.language not in tested]
    assert left == []
