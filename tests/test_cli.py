"""The commands, as processes: what an assistant starts, and what a person types."""

import os
import signal
import subprocess
import sys

import anyio
import pytest
from mcp import Client, StdioServerParameters

from nomos_mcp import __version__
from nomos_mcp.cli import main
from nomos_mcp.client import CURIE
from nomos_mcp.commands.demo import Step
from nomos_mcp.simulator import DEMO
from tests.server.conftest import answer_of


def started(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "nomos_mcp", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_real_client_asks_over_stdio(mode: str) -> None:
    server = StdioServerParameters(command=sys.executable, args=["-m", "nomos_mcp", "--demo"], env=dict(os.environ))
    with anyio.fail_after(30):
        async with Client(server, mode="legacy" if mode == "legacy" else "auto") as client:
            answer = answer_of(
                await client.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_check_missing"]})
            )
    assert answer["explanation"]["waiting_on"] == "customer"


def test_the_tour_answers_every_question_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    for words in ("Why is my smart meter blocked?", "outcome           ordered", "already_ordered", "blocked_wim"):
        assert words in shown
    assert all(order in shown for order in DEMO.orders.values())


@pytest.mark.slow
def test_the_tour_is_the_same_whatever_is_set_for_real_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("READ_ONLY", "1"), ("CONFIRM", "elicit"), ("AUDIT_FILE", "/no/such/folder/audit")):
        monkeypatch.setenv(f"NOMOS_MCP_{name}", value)
    monkeypatch.setenv("NOMOS_CUSTOMER_ID", "cus_1")
    assert main(["demo"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step("?", "explain_status", {"status": "placed"}, {"explanation.waiting_on": "nobody"}), "is 'customer'"),
        (Step("?", "explain_status", {"status": "placed"}, fails=True), "an answer where an error belongs"),
        (Step("?", "explain_status", {"status": "nonsense"}), "an error"),
    ],
)
def test_a_tour_that_goes_wrong_says_where_and_fails(
    step: Step, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.commands.demo._tours", lambda: ((CURIE, (step,)),))
    assert main(["demo"]) == 1
    assert said in capsys.readouterr().out


def test_a_tour_whose_reader_stops_reading_ends_without_a_word() -> None:
    with started("demo") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 1)


def test_stdout_carries_protocol_only_and_the_end_of_input_ends_the_server() -> None:
    process = started("--demo")
    out, err = process.communicate(b"", timeout=30)
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_the_server_at_once() -> None:
    process = started("--demo")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        b'"clientInfo":{"name":"t","version":"1"}}}\n'
    )
    process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"jsonrpc"')
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == -signal.SIGINT
    process.communicate()


def test_wrong_settings_end_the_start_with_every_mistake() -> None:
    process = started(NOMOS_CLIENT_ID="me", NOMOS_CLIENT_SECRET="", NOMOS_API_VERSION="curie")
    out, err = process.communicate(b"", timeout=30)
    assert (process.returncode, out) == (2, b"")
    assert b"NOMOS_CLIENT_SECRET: not set" in err
    assert b"NOMOS_API_VERSION: 'curie'" in err
    assert b"Traceback" not in err


def test_version_and_help_answer(capsys: pytest.CaptureFixture[str]) -> None:
    for argument, words in (("--version", __version__), ("--help", "NOMOS_CLIENT_ID")):
        with pytest.raises(SystemExit) as caught:
            main([argument])
        assert caught.value.code == 0
        assert words in capsys.readouterr().out
