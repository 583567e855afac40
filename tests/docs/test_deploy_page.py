"""What docs/deploy.md shows besides commands: the unit starts the server, a call writes such a line as is shown."""

import configparser
import json
import shlex

import pytest

from nomos_mcp.cli import parser
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.docs.blocks import blocks
from tests.service.running import running
from tests.service.wire import call

(UNIT,) = blocks("docs/deploy.md", "ini")
(LINE,) = blocks("docs/deploy.md", "json")


def test_the_unit_starts_the_server_and_gives_it_time_to_end() -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals; documented use
    unit.read_string(UNIT.text)
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/nomos-mcp")
    assert parser().parse_args(arguments).workers == 2
    assert int(unit["Service"]["TimeoutStopSec"]) > 30


def test_a_call_writes_the_line_that_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(LINE.text)
    settings = Settings(demo=True, customer_id="cus_blockedcheckmissing00000")
    with running(settings) as server:
        call(server.url, shown["tool"], {"order_id": DEMO.orders["blocked_check_missing"]})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (written,) = [line for line in lines if line["event"] == "call"]
    assert list(written) == list(shown)
    assert {name: type(value) for name, value in written.items()} == {
        name: type(value) for name, value in shown.items()
    }
    assert (written["method"], written["tool"], written["outcome"]) == ("tools/call", shown["tool"], "ok")
