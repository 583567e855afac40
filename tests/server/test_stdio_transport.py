"""The server over stdin and stdout: every message is answered, and the end of either ends the process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import pytest
from hypothesis import given, strategies as st
from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, PARSE_ERROR

from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server, stdio_transport
from nomos_mcp.server.nomos_server import NomosServer
from nomos_mcp.server.stdio_transport import MAX_LINE, Lines, Overlong, serve_stdio
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.ordering.conftest import SUBSCRIPTION, TOOL
from tests.server.conftest import Era
from tests.service.wire import LEGACY, MODERN

ENVELOPE = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "start",
    "method": "initialize",
    "params": {
        "protocolVersion": LEGACY,
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(number: int, method: str, era: Era, **params: Any) -> dict[str, Any]:
    meta = {"_meta": ENVELOPE} if era == "auto" else {}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, **meta}}


def call(number: int, era: Era, tool: str, **arguments: Any) -> dict[str, Any]:
    return request(number, "tools/call", era, name=tool, arguments=arguments)


def opening(era: Era) -> list[dict[str, Any]]:
    return [] if era == "auto" else [INITIALIZE, INITIALIZED]


def started(*arguments: str, **pipes: Any) -> "subprocess.Popen[bytes]":
    """Start the program, with `stdin` and the like other than pipes where they are given."""
    command = [sys.executable, *(arguments or ("-m", "nomos_mcp", "--demo"))]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, **{**streams, **pipes})


def told(*lines: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the program answers to these lines, to each before it ends."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    out, err = (process := started()).communicate(b"\n".join(raw) + b"\n", timeout=60)
    assert (process.returncode, err) == (0, b"")
    return [json.loads(line) for line in out.splitlines()]


UNREADABLE = [
    (b"nonsense", PARSE_ERROR, None),
    (b'{"jsonrpc":"2.0","id":7,"method":', PARSE_ERROR, 7),
    (b'{"id":"seven","method":"ping","params":' + b"[" * 100_000, PARSE_ERROR, "seven"),
    (b'{"method":"ping","params":' + b"[" * 100_000 + b',"id":7}', PARSE_ERROR, 7),
    (b'{"jsonrpc":"2.0","id":7,"result":', PARSE_ERROR, None),
    (b"[" * 100_000, PARSE_ERROR, None),
    (b"\xff\xfe", PARSE_ERROR, None),
    (b"7", INVALID_REQUEST, None),
    (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', INVALID_REQUEST, None),
    (b'{"id":7,"method":"ping"}', INVALID_REQUEST, 7),
    (b'{"jsonrpc":"1.0","id":"seven","method":"ping"}', INVALID_REQUEST, "seven"),
    (b'{"jsonrpc":"2.0","id":7}', INVALID_REQUEST, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":7}', INVALID_REQUEST, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', INVALID_REQUEST, 7),
    (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":' + b"7" * 4200 + b',"method":"ping"}', INVALID_REQUEST, None),
    (b'{"jsonrpc":"2.0","id":"' + b"x" * 9000 + b'","method":"ping"}', INVALID_REQUEST, None),
    # An answer that is none gets no ID: the client's own request may have the same.
    (b'{"jsonrpc":"2.0","id":7,"result":"done"}', INVALID_REQUEST, None),
    # Too long, with the ID where Python's SDK writes it, and where TypeScript's does.
    (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"' + b"x" * MAX_LINE + b'"}', INVALID_REQUEST, 7),
    (b'{"method":"tools/call","params":"' + b"x" * MAX_LINE + b'","jsonrpc":"2.0","id":"a"}', INVALID_REQUEST, "a"),
    (b'{"method":"tools/call","id":7,"params":[' + b"7," * MAX_LINE + b"7]}", INVALID_REQUEST, 7),
    (b"x" * (5 * MAX_LINE), INVALID_REQUEST, None),
]


@pytest.mark.slow
@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_what_is_no_message_is_answered_and_the_next_one_too(era: Era) -> None:
    listed = request(99, "tools/list", era)
    answers = told(*opening(era), *(line for line, _, _ in UNREADABLE), b"", b"  \r", listed)
    refused = [(answer["error"]["code"], answer["id"]) for answer in answers if "error" in answer]
    assert refused == [(code, number) for _, code, number in UNREADABLE]
    assert all(len(json.dumps(answer)) < 400 for answer in answers if "error" in answer)
    assert [answer["id"] for answer in answers if "result" in answer][-1] == 99


@pytest.mark.slow
@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_half_an_emoji_in_an_argument_does_not_cost_the_answer(era: Era) -> None:
    asked = json.dumps(call(7, era, "explain_status", status="blo\ud83d")).encode()
    assert rb"\ud83d" in asked
    (answer,) = (answer for answer in told(*opening(era), asked) if answer["id"] == 7)
    assert "blo?" in answer["result"]["content"][0]["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot tell that the other end is closed")
async def test_a_client_that_ends_its_input_and_reads_no_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FINISH_WITHIN", "_LOOK_AFTER", "_FLUSH_WITHIN"):
        monkeypatch.setattr(stdio_transport, name, 0.1)
    stdin, to_server = os.pipe()
    answers, stdout = os.pipe()
    os.write(to_server, b"x\n" * 30_000)  # what a pipe holds; the answers are more
    os.close(to_server)
    with anyio.fail_after(60):
        await serve_stdio(create_server(), FileIO(stdin, "rb", closefd=False), FileIO(stdout, "wb", closefd=False))
    for number in (answers, stdin, stdout):
        os.close(number)


def test_a_line_of_any_length_is_not_kept() -> None:
    lines = Lines()
    for _ in range(1000):
        assert list(lines.feed(b"x" * 64 * 1024)) == []
        assert len(lines._begun) + len(lines._tail or b"") <= MAX_LINE
    assert [type(line) for line in lines.feed(b"\n{}\n")] == [Overlong, bytes]


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 30))
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], size: int) -> None:
    whole, reader = b"\n".join(lines), Lines()
    found = [line for at in range(0, len(whole), size) for line in reader.feed(whole[at : at + size])]
    assert [*found, reader.rest()] == [line.strip() for line in whole.split(b"\n")]


@pytest.mark.slow
@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_every_call_that_was_taken_before_the_end_of_input_is_answered(era: Era) -> None:
    calls = [call(number, era, "list_meter_orders_by_status", status="all") for number in range(50)]
    answers = told(*opening(era), *calls)
    assert sorted(answer["id"] for answer in answers if answer["id"] != "start") == list(range(50))
    assert all("structuredContent" in answer["result"] for answer in answers if answer["id"] != "start")


def test_a_huge_word_is_not_sent_back() -> None:
    huge = "x" * 900_000
    unknown = {f"argument_{number}": 1 for number in range(40_000)}
    of_the_future = request(4, "tools/list", "auto")
    of_the_future["params"]["_meta"] = {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": huge}
    answers = told(
        call(1, "auto", "explain_status", status=huge),
        call(2, "auto", "explain_status", **unknown),
        call(3, "auto", huge),
        of_the_future,
        request(5, huge, "auto"),
        request(6, "resources/read", "auto", uri=huge),
    )
    assert sorted(answer["id"] for answer in answers) == [1, 2, 3, 4, 5, 6]
    assert all(len(json.dumps(answer)) < 2500 for answer in answers)
    assert all("error" in answer or answer["result"]["isError"] for answer in answers)


def test_a_last_line_without_an_end_counts() -> None:
    process = started()
    out, _ = process.communicate(json.dumps(call(1, "auto", "explain_status", status="blocked")).encode(), timeout=60)
    assert json.loads(out)["id"] == 1


def test_a_closed_stdout_ends_the_process_quietly_while_stdin_is_open() -> None:
    process = started()
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(json.dumps(request(1, "tools/list", "auto")).encode() + b"\n")
    process.stdin.flush()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_never_open_is_no_reason_to_fail(closed: str) -> None:
    process = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m nomos_mcp --demo {closed}', sys.executable],
        input=json.dumps(request(1, "tools/list", "auto")).encode() + b"\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, b"")
    assert bool(process.stdout) is (closed == "2>&-")


NOISY = """
import os
from nomos_mcp.server import create_server
from nomos_mcp.server.stdio_transport import run_stdio
from nomos_mcp.settings import Settings

server = create_server(Settings())

async def noisy():
    print("printed")
    os.write(1, b"written")
    os.system("echo said by a child")
    assert os.read(0, 1) == b""
    return []

server.list_prompts = noisy
run_stdio(server)
"""


@pytest.mark.slow
def test_what_is_printed_goes_to_stderr_and_what_else_reads_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    process = started(str(tmp_path / "noisy.py"))
    out, err = process.communicate(json.dumps(request(1, "prompts/list", "auto")).encode() + b"\n", timeout=60)
    assert json.loads(out)["result"]["prompts"] == []
    assert all(words in err for words in (b"printed", b"written", b"said by a child"))


class Peer:
    """The client's end of two pipes."""

    def __init__(self, to_server: int, from_server: BinaryIO) -> None:
        self._to_server, self._from_server = to_server, from_server

    def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            os.write(self._to_server, json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        os.close(self._to_server)

    async def hear(self) -> dict[str, Any] | None:
        """Return the next message; None after the last."""
        line = await anyio.to_thread.run_sync(self._from_server.readline)
        heard: dict[str, Any] | None = json.loads(line) if line else None
        return heard

    async def rest(self) -> list[dict[str, Any]]:
        heard = []
        while (message := await self.hear()) is not None:
            heard.append(message)
        return heard


@asynccontextmanager
async def connected(server: NomosServer) -> AsyncIterator[Peer]:
    """Serve over two pipes until the block ends, which closes the client's end if nothing else did."""
    stdin, to_server = os.pipe()
    answers, stdout = os.pipe()

    async def serve() -> None:
        await serve_stdio(server, FileIO(stdin, "rb", closefd=False), FileIO(stdout, "wb", closefd=False))
        os.close(stdout)

    with anyio.fail_after(60), open(answers, "rb") as from_server:  # noqa: ASYNC230, PTH123  a pipe
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            yield Peer(to_server, from_server)
    os.close(stdin)


class Gate:
    """An upstream that does not answer a read of data until it may.

    Attributes:
        reached: Set when a read waits.
        opened: Set to let reads through.
        left: Set when a read that waited was given up.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.reached, self.opened, self.left = anyio.Event(), anyio.Event(), anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            self.reached.set()
            try:
                await self.opened.wait()
            finally:
                self.left.set()
        await self._simulator(scope, receive, send)

    def client(self) -> NomosClient:
        return NomosClient(
            client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url="http://127.0.0.1", app=self
        )


async def test_a_call_that_hangs_does_not_keep_the_process(
    simulator: Simulator, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio_transport, "FINISH_WITHIN", 0.05)
    gate = Gate(simulator)
    async with gate.client() as nomos, connected(create_server(Settings(), client=nomos)) as peer:
        peer.say(*opening(era), call(1, era, "get_meter_order", order_id=DEMO.orders["activated"]))
        await gate.reached.wait()
        peer.close()
        answers = await peer.rest()
    assert answers[-1]["id"] == 1
    assert answers[-1]["error"]["code"] == CONNECTION_CLOSED


async def test_a_client_that_never_reads_does_not_keep_the_process(
    simulator: Simulator, era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio_transport, "FINISH_WITHIN", 0.05)
    monkeypatch.setattr(stdio_transport, "_FLUSH_WITHIN", 0.05)
    calls = [call(number, era, "explain_status", status="placed") for number in range(60)]  # more than a pipe holds
    async with client_for(simulator) as nomos, connected(create_server(Settings(), client=nomos)) as peer:
        peer.say(*opening(era), *calls)
        peer.close()


async def test_a_cancelled_call_is_given_up_and_gets_no_answer(simulator: Simulator, era: Era) -> None:
    gate = Gate(simulator)
    async with gate.client() as nomos, connected(create_server(Settings(), client=nomos)) as peer:
        peer.say(*opening(era), call(1, era, "get_meter_order", order_id=DEMO.orders["activated"]))
        await gate.reached.wait()
        peer.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        await gate.left.wait()
        peer.say(request(2, "prompts/list", era))
        peer.close()
        assert [answer["id"] for answer in await peer.rest() if answer["id"] != "start"] == [2]


async def test_an_order_that_is_not_sent_when_the_input_ends_is_never_sent(simulator: Simulator, era: Era) -> None:
    gate = Gate(simulator)
    async with gate.client() as nomos:
        server = create_server(Settings(confirm="none"), client=nomos)
        async with connected(server) as peer:
            peer.say(*opening(era), call(1, era, TOOL, subscription_id=SUBSCRIPTION))
            await gate.reached.wait()
            peer.close()
            await gate.left.wait()
            gate.opened.set()
            answers = await peer.rest()
    assert server.context.ordering.stopping
    assert answers[-1]["id"] == 1
    assert "cancelled" in answers[-1]["error"]["message"]
    assert simulator.ledger == []


async def test_a_question_that_nobody_can_answer_any_more_is_given_up(simulator: Simulator) -> None:
    async with client_for(simulator) as nomos, connected(create_server(Settings(), client=nomos)) as peer:
        peer.say(*opening("legacy"), call(1, "legacy", TOOL, subscription_id=SUBSCRIPTION))
        while (question := await peer.hear()) is None or "method" not in question:
            pass
        assert question["method"] == "elicitation/create"
        peer.close()
        answers = await peer.rest()
    assert [answer["id"] for answer in answers] == [1]
    assert answers[0]["result"]["structuredContent"]["outcome"] == "declined"
    assert simulator.ledger == []


async def test_the_key_of_the_question_before_an_order_shows_no_module(simulator: Simulator) -> None:
    order = call(1, "auto", TOOL, subscription_id=SUBSCRIPTION)
    order["params"]["_meta"] = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    async with client_for(simulator) as nomos, connected(create_server(Settings(), client=nomos)) as peer:
        peer.say(order)
        question = await peer.hear()
        peer.close()
    assert question is not None
    assert list(question["result"]["inputRequests"]) == ["order_smart_meter:confirmation"]
    assert "nomos_mcp" not in json.dumps(question)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_sigterm_ends_the_process_as_the_end_of_the_input_does() -> None:
    process = started()
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(request(1, "tools/list", "auto")).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.communicate() == (b"", b"")


def test_a_stderr_that_nobody_reads_changes_no_answer_and_no_order() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = started("-m", "nomos_mcp", "--demo", stderr=writing)
    os.close(writing)
    preview = call(1, "auto", TOOL, subscription_id=SUBSCRIPTION)
    out, _ = process.communicate(json.dumps(preview).encode() + b"\n", timeout=60)
    assert json.loads(out)["result"]["structuredContent"]["outcome"] == "confirmation_required"


@pytest.mark.slow
def test_a_stderr_that_is_full_changes_no_answer() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    process = started("-m", "nomos_mcp", "--demo", stderr=writing)
    preview = call(1, "auto", TOOL, subscription_id=SUBSCRIPTION)
    out, _ = process.communicate(json.dumps(preview).encode() + b"\n", timeout=60)
    assert json.loads(out)["result"]["structuredContent"]["outcome"] == "confirmation_required"
    for end in (reading, writing):
        os.close(end)
