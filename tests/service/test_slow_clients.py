"""Clients that do not read, or do not send what they announced: each has a while, and leaves nothing behind."""

import select
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from nomos_mcp.service import gentle
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


@pytest.mark.parametrize("path", ["answer", "stream"])
def test_a_client_that_does_not_read_is_cut_off(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gentle, "SEND_DEADLINE", 0.2)
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
    monkeypatch.setattr(gentle, "SEND_DEADLINE", 30)
    with running(app=Large().app) as server, connected(server) as client:
        client.sendall(b"GET /answer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.endswith(b"x" * _LARGE)


def test_a_body_that_was_answered_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gentle, "HEAD_DEADLINE", 0.2)
    with running() as server, connected(server) as client:
        client.sendall(b"PUT /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_a_body_that_nobody_reads_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gentle, "HEAD_DEADLINE", 30)
    with running() as server, connected(server) as client:
        client.sendall(b"PUT /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000\r\n\r\n" + b" " * 10_000)
        assert client.recv(65_536).startswith(b"HTTP/1.1 405 ")
        ends = time.monotonic() + 10
        while any(connection.cycle.body for connection in server.connections()):
            assert time.monotonic() < ends, "the body is still there"


def connected(server: Running) -> Any:
    """Return a connection that takes little at a time."""
    client = socket.socket()
    client.settimeout(10)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    return client
