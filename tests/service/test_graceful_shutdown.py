"""How the server ends: nothing that was taken is lost, and nothing keeps it from ending."""

import contextlib
import socket
import threading
import time
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from nomos_mcp.service import connection_timeouts, http_limits
from tests.service.processes import wait_until_closed
from tests.service.running import running
from tests.service.wire import call


class Slow:
    """An application whose one answer waits until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.app = Starlette(routes=[Route("/", self._answer), Route("/stream", self._stream)])

    async def _answer(self, _: Request) -> PlainTextResponse:
        self.begun.set()
        await anyio.to_thread.run_sync(self.let_go.wait)
        return PlainTextResponse("done")

    async def _stream(self, _: Request) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"first"
            self.begun.set()
            await anyio.sleep_forever()

        return StreamingResponse(chunks())


def test_a_call_that_was_taken_is_finished() -> None:
    slow, answers = Slow(), []
    with running(app=slow.app) as server:
        caller = threading.Thread(target=lambda: answers.append(httpx.get(server.url)))
        caller.start()
        assert slow.begun.wait(10)
        server.begin_to_end()
        slow.let_go.set()
        caller.join()
        server.end()
    assert answers[0].text == "done"
    assert answers[0].headers["connection"] == "close"


def test_whoever_connected_just_before_is_answered() -> None:
    slow = Slow()
    slow.let_go.set()
    connections: list[socket.socket] = []

    def connect() -> None:  # in the server's own thread, so that it cannot accept them before it closes its port
        for _ in range(40):
            connections.append(socket.create_connection(("127.0.0.1", server.port)))
            connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    with running(app=slow.app, on_stop=connect) as server:
        server.end()
    answers = []
    for connection in connections:
        with connection, connection.makefile("rb") as answer:
            answers.append(answer.read())
    assert [answer[-4:] for answer in answers] == [b"done"] * 40


@pytest.mark.slow
def test_an_open_stream_does_not_keep_it_from_ending() -> None:
    slow = Slow()

    def read(url: str) -> None:
        with contextlib.suppress(httpx.HTTPError), httpx.stream("GET", f"{url}/stream") as response:
            response.read()

    with running(app=slow.app, stop_within=2.2) as server:
        reader = threading.Thread(target=read, args=(server.url,))
        reader.start()
        assert slow.begun.wait(10)
        started = time.monotonic()
        server.end()
        assert time.monotonic() - started < 10
        reader.join()


def test_an_application_that_does_not_end_is_cut_off(capfd: pytest.CaptureFixture[str]) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        await anyio.sleep_forever()

    with running(app=Starlette(lifespan=lifespan), stop_within=0.5) as server:
        server.end()
    assert "is cut off" in capfd.readouterr().err


def test_a_connection_that_is_open_is_answered_once_more_and_told_to_close() -> None:
    with running(drain=30, stop_within=60) as server, httpx.Client() as client:
        assert "connection" not in client.get(f"{server.url}/healthz").headers
        server.begin_to_end()
        wait_until_closed(server.port)
        assert client.get(f"{server.url}/healthz").headers["connection"] == "close"


@pytest.mark.slow
def test_five_hundred_idle_and_half_sent_requests_do_not_stop_a_caller() -> None:
    half = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with running() as server, contextlib.ExitStack() as connections:
        for sent in [b""] * 200 + [b"POST /mcp HTTP/1.1\r\nHost: 127"] * 100 + [half] * 200:
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(sent)
        for _ in range(5):
            assert call(server.url).status_code == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET"]
)
def test_patience_with_an_incomplete_head_ends(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "HEAD_DEADLINE", 0.2)
    with running() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        while connection.recv(65_536):
            pass  # the answer to the first request, if there was one; then the end


def test_patience_with_an_incomplete_body_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.service.request_validation.BODY_DEADLINE", 0.2)
    half = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
    with running() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(half)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_goes_away_in_the_middle_of_a_body_leaves_nothing_behind() -> None:
    half = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
    with running() as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(half)
        assert call(server.url).status_code == 200


def test_the_bounds_fit_each_other() -> None:
    assert http_limits.DRAIN < http_limits.STOP_WITHIN
