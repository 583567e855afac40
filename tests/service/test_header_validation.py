"""Headers that a proxy and this server could understand differently."""

import socket
from collections.abc import Iterator

import pytest

from tests.service.running import Running, running


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as server:
        yield server


def answer_to(service: Running, *headers: str) -> bytes:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        lines = "\r\n".join(("POST /mcp HTTP/1.1", *headers))
        client.sendall(f"{lines}\r\n\r\n0\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: 127.0.0.1", "Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Host: 127.0.0.1", "Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Host: 127.0.0.1", "Host: evil.example", "Content-Length: 5"),
        ("Host: 127.0.0.1", "Host: 127.0.0.1", "Content-Length: 5"),
        ("Host: 127.0.0.1", "Origin: http://127.0.0.1", "Origin: http://127.0.0.1", "Content-Length: 5"),
        ("Host: 127.0.0.1", "Origin: http://127.0.0.1", "Origin: https://evil.example", "Content-Length: 5"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(
    service: Running, headers: tuple[str, ...]
) -> None:
    answer = answer_to(service, *headers)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()
    assert answer.count(b"HTTP/1.1") == 1
