"""Clients that do not read, or do not send what they announced: each has a while, and leaves nothing behind."""

import contextlib
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from nomos_mcp.service import connection_timeouts, graceful_shutdown
from nomos_mcp.service.connection_timeouts import TimeoutProtocol
from tests.service.running import Running, running

_LARGE = 8 * 1024 * 1024  # more than the system takes for a client that does not read


class Large:
    """An application whose answers are large.

    Attributes:
        over: Set once an answer is over, however it ended.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self.app = Starlette(routes=[Route("/answer", self._answer), Route("/stream", self._stream)])

    async def _answer(self, _: Request) -> PlainTextResponse:
        self.over.set()
        return PlainTextResponse("x" * _LARGE)

    async def _stream(self, _: Request) -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            try:
                while True:
                    yield "x" * 65_536
                    await anyio.lowlevel.checkpoint()
            finally:
                self.over.set()

        return StreamingResponse(chunks())


class Slow:
    """An application that answers once it is told to.

    Attributes:
        begun: Set whenever a request has begun.
        finish: Set to have all of them answered.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.finish = threading.Event()
        self.app = Starlette(routes=[Route("/", self._answer)])

    async def _answer(self, _: Request) -> PlainTextResponse:
        self.begun.set()
        await anyio.to_thread.run_sync(self.finish.wait)
        return PlainTextResponse("done")


@pytest.mark.parametrize("path", ["answer", "stream"])
def test_a_client_that_does_not_read_is_cut_off(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "SEND_DEADLINE", 0.2)
    large = Large()
    with running(app=large.app) as server, connected(server) as client:
        client.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        events = select.poll()
        events.register(client, 0)  # errors alone, which nobody has to ask for
        assert events.poll(10_000), "the connection is still open"
        with pytest.raises(ConnectionResetError):
            _ = b"".join(iter(lambda: client.recv(65_536), b""))  # what had been sent before, then no end
        assert large.over.wait(10)
        assert not server.connections()


def test_a_client_that_reads_slowly_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "SEND_DEADLINE", 30)
    with running(app=Large().app) as server, connected(server) as client:
        client.sendall(b"GET /answer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.endswith(b"x" * _LARGE)


def test_a_body_that_was_answered_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "HEAD_DEADLINE", 0.2)
    with running() as server, connected(server) as client:
        client.sendall(b"PUT /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_a_body_that_nobody_reads_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "HEAD_DEADLINE", 30)
    with running() as server, connected(server) as client:
        client.sendall(b"PUT /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000\r\n\r\n" + b" " * 10_000)
        assert client.recv(65_536).startswith(b"HTTP/1.1 405 ")
        ends = time.monotonic() + 10
        while any(connection.cycle.body for connection in server.connections()):
            assert time.monotonic() < ends, "the body is still there"


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /mcp HTTP/1.1\r\nHo", b"PUT /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"],
    ids=["nothing", "half a head", "half a body"],
)
def test_of_too_many_connections_without_a_request_the_oldest_is_cut_off(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("MAX_CONNECTIONS_WITHOUT_REQUEST", "MAX_HALF_SENT_REQUESTS"):
        monkeypatch.setattr(connection_timeouts, limit, 2)
    with contextlib.ExitStack() as open_, running() as server:
        asking = open_.enter_context(connected(server))
        asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert answer_to(asking).startswith(b"HTTP/1.1 200 ")
        silent = [open_.enter_context(connected(server)) for _ in range(2)]
        for connection in silent:
            connection.sendall(sent)
        if b"PUT" in sent:
            assert all(answer_to(connection).startswith(b"HTTP/1.1 405 ") for connection in silent)
        open_.enter_context(connected(server)).sendall(sent)
        wait_until(lambda: len(TimeoutProtocol._dropped) == 1)
        TimeoutProtocol.close_all_dropped()
        with contextlib.suppress(ConnectionResetError):
            while silent[0].recv(65_536):  # the end of its answer, if it had one; TimeoutError if it stays open
                pass
        asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert answer_to(asking).startswith(b"HTTP/1.1 200 "), "one that has asked is none of them"
        silent[1].settimeout(0)
        with pytest.raises(BlockingIOError):
            silent[1].recv(65_536)


def test_a_request_that_is_being_answered_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "MAX_CONNECTIONS_WITHOUT_REQUEST", 1)
    slow = Slow()
    with contextlib.ExitStack() as open_, running(app=slow.app) as server:
        asking = []
        for _ in range(2):
            asking.append(client := open_.enter_context(connected(server)))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert slow.begun.wait(10)
            slow.begun.clear()
        for _ in range(3):
            open_.enter_context(connected(server))
        wait_until(lambda: len(TimeoutProtocol._dropped) == 2)
        slow.finish.set()
        assert all(b"HTTP/1.1 200 " in client.recv(65_536) for client in asking)


def test_a_later_request_that_stays_incomplete_counts_like_a_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "MAX_CONNECTIONS_WITHOUT_REQUEST", 1)
    with contextlib.ExitStack() as open_, running() as server:
        for _ in range(3):
            client = open_.enter_context(connected(server))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert answer_to(client).startswith(b"HTTP/1.1 200 ")
            client.sendall(b"GET /healthz HTT")
        wait_until(lambda: len(TimeoutProtocol._dropped) == 2)


def test_of_too_many_idle_connections_the_oldest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "quarter_of_files", lambda: 2)
    with contextlib.ExitStack() as open_, running() as server:
        clients = []
        for _ in range(3):
            clients.append(client := open_.enter_context(connected(server)))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert answer_to(client).startswith(b"HTTP/1.1 200 ")
        assert clients[0].recv(1) == b""
        for client in clients[1:]:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert answer_to(client).startswith(b"HTTP/1.1 200 ")


def test_a_connection_that_is_given_up_is_closed_only_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "MAX_CONNECTIONS_WITHOUT_REQUEST", 1)
    monkeypatch.setattr(connection_timeouts, "HEAD_DEADLINE", 30)
    with contextlib.ExitStack() as open_, running() as server:
        clients = [open_.enter_context(connected(server)) for _ in range(4)]
        ends = time.monotonic() + 10
        while len(TimeoutProtocol._dropped) < 3 or len(server.connections()) > 1:
            assert time.monotonic() < ends, "none is given up"
            time.sleep(0.01)
        assert len(server.connections()) == 1
        for client in clients:
            client.settimeout(0)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        TimeoutProtocol.close_all_dropped()
        for client in clients[:3]:
            client.settimeout(10)
            assert client.recv(1) == b""


def test_a_server_that_ends_closes_the_connections_that_it_has_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_timeouts, "MAX_CONNECTIONS_WITHOUT_REQUEST", 1)
    monkeypatch.setattr(connection_timeouts, "HEAD_DEADLINE", 30)
    with contextlib.ExitStack() as open_:
        with running() as server:
            clients = [open_.enter_context(connected(server)) for _ in range(3)]
            ends = time.monotonic() + 10
            while len(TimeoutProtocol._dropped) < 2:
                assert time.monotonic() < ends, "none is given up"
                time.sleep(0.01)
        assert not TimeoutProtocol._dropped
        assert [client.recv(1) for client in clients] == [b""] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and other C libraries give memory back themselves")
def test_memory_that_connections_needed_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graceful_shutdown, "_MEMORY_PERIOD", 0)
    buffers = [bytes(4000) for _ in range(25_000)]
    with running():
        taken = _resident()
        del buffers[:-1]  # the last one keeps the C library from giving back what lies before it
        ends = time.monotonic() + 10
        while _resident() > taken - 50_000_000:
            assert time.monotonic() < ends, "the memory is still held"
            time.sleep(0.05)


def wait_until(so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not so():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.01)


def answer_to(client: socket.socket) -> bytes:
    """Read an answer in JSON to its end."""
    answer = b""
    while not answer.endswith(b"}"):
        answer += client.recv(65_536)
    return answer


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_an_answer_in_several_parts_does_not_wait_for_the_clients_acknowledgement() -> None:
    with running() as server, connected(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        accepted = server.connections()[0].transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def connected(server: Running) -> Any:
    """Return a connection that takes little at a time."""
    client = socket.socket()
    client.settimeout(10)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    return client
