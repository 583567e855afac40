"""A server of raw sockets on loopback that answers with whatever it is told to, byte by byte."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from nomos_mcp.client import CURIE

Script = Callable[[socket.socket, Sequence[bytes]], None]
"""Answers one request that has been read: the connection, and all requests so far, this one last."""

ORDER = {
    "object": "meter_order",
    "id": "prdo_1",
    "subscription": "sub_1",
    "customer": "cus_1",
    "provider": "metrify",
    "status": "placed",
    "created_at": "2026-06-01T10:00:00Z",
}


@dataclass
class WireServer:
    """What a test sees of a running server."""

    url: str
    requests: list[bytes] = field(default_factory=list)

    def asked(self, path: str) -> int:
        """Count the requests to a path."""
        return sum(request.split(b" ", 2)[1].startswith(path.encode()) for request in self.requests)


def http(
    status: int = 200,
    body: object = ORDER,
    *,
    content_type: str = "application/json",
    version: str = CURIE,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Write an answer; a body that is no bytes becomes JSON, and `length` may lie."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Told",
        f"content-type: {content_type}",
        f"content-length: {len(content) if length is None else length}",
        "connection: close",
        *([f"x-api-version: {version}"] if version else []),
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def saying(*answers: bytes) -> Script:
    """Send these answers in turn, the last one for ever."""

    def script(connection: socket.socket, requests: Sequence[bytes]) -> None:
        connection.sendall(answers[min(len(requests), len(answers)) - 1])

    return script


def hang(connection: socket.socket, _: Sequence[bytes], first: bytes = b"") -> None:
    """Send the first bytes of an answer, if any, and wait until the client gives up."""
    connection.sendall(first)
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    """Have the kernel reset the connection when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None, *, before_reading: bool = False) -> Iterator[WireServer]:
    """Run the server, one connection after the other, one request each.

    Args:
        script: What answers.
        tls: Encrypts, where given.
        before_reading: Call the script before the request is read.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    host = "localhost" if tls else "127.0.0.1"
    server = WireServer(f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}")
    over = threading.Event()

    def serve() -> None:
        while True:
            raw, _ = listener.accept()
            with raw, suppress(OSError):  # what the client does to a connection is the test's business
                if over.is_set():
                    return
                raw.settimeout(30)
                connection = tls.wrap_socket(raw, server_side=True) if tls else raw
                with connection:
                    if before_reading:
                        server.requests.append(b"- / -")
                    elif request := _request(connection):
                        server.requests.append(request)
                    else:
                        continue
                    script(connection, server.requests)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        with suppress(OSError):
            socket.create_connection(listener.getsockname()).close()  # wakes the accept
        thread.join(30)
        listener.close()


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65536)):
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
