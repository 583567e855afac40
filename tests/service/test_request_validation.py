"""Requests that are refused for their headers, the size of their body, or its content."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.types import Receive, Scope, Send

from nomos_mcp.service import create_http_app
from nomos_mcp.service.http_limits import MAX_BODY_BYTES, MAX_DISCARDED_BYTES
from nomos_mcp.service.request_validation import is_message, is_request
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.ordering.conftest import yes
from tests.service.running import Running, running
from tests.service.wire import LEGACY, META, MODERN, call, post, raw

LONG = "x" * 50_000
VERSIONS = pytest.mark.parametrize("version", [MODERN, "2025-11-25", LEGACY])


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as server:
        yield server


def answer_to(service: Running, body: Any, version: str, **more: str) -> tuple[int, dict[str, Any]]:
    """Return status and error of the answer to a body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = raw(service.url, content, **{"mcp_protocol_version": version, "mcp_method": "tools/list", **more})
    assert len(response.content) < 500
    return response.status_code, response.json()


@VERSIONS
@pytest.mark.parametrize(
    ("body", "code", "request_id"),
    [
        (b"{", -32700, None),
        (b"\xff\xfe", -32700, None),
        ([], -32600, None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}], -32600, None),
        (7, -32600, None),
        ("tools/list", -32600, None),
        (None, -32600, None),
        ({"jsonrpc": "2.0", "id": None, "method": "tools/list"}, -32600, None),
        ({"jsonrpc": "2.0", "id": LONG, "method": "tools/list"}, -32600, None),
        ({"jsonrpc": "2.0", "id": [LONG], "method": "tools/list"}, -32600, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"}, -32600, None),
        ({"jsonrpc": "2.0", "id": True, "method": "tools/list"}, -32600, None),
        ({"jsonrpc": "2.0", "id": 7, "result": {}, "method": 5}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7, "result": {}, "params": [1]}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7}, -32600, 7),
        ({"jsonrpc": "1.0", "id": "a", "method": "tools/list"}, -32600, "a"),
        ({"jsonrpc": "2.0", "id": 7, "method": {"a": LONG}}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": [LONG]}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": LONG}, -32600, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"_meta": {"progressToken": LONG}}}, -32600, 7),
    ],
)
def test_what_is_no_request_is_told_so_in_a_sentence(
    service: Running, body: Any, code: int, request_id: object, version: str
) -> None:
    status, answer = answer_to(service, body, version)
    assert status == 400
    assert answer["id"] == request_id
    assert answer["error"]["code"] == code
    assert "pydantic" not in answer["error"]["message"]


@pytest.mark.parametrize("more", [{}, {"id": 0}, {"id": -(10**99)}, {"id": "x" * 100}, {"id": 1, "result": []}])
@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": {}}, {"params": {"a": [None]}}])
def test_what_is_passed_on_as_a_request_is_one_to_the_sdk(more: dict[str, Any], params: dict[str, Any]) -> None:
    message = {"jsonrpc": "2.0", "method": "", **more, **params}
    assert is_request(message)
    assert is_message(message)


@pytest.mark.parametrize(
    ("header", "stated"),
    [(LEGACY, MODERN), (MODERN, LEGACY), (MODERN, "x"), (LEGACY, LONG), ("x" * 5000, "x" * 5000), (LEGACY, 7)],
)
def test_a_version_in_the_header_that_contradicts_the_body_is_refused(
    service: Running, header: str, stated: object
) -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": stated}
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": meta}}
    status, answer = answer_to(service, body, header)
    assert (status, answer["id"], answer["error"]["code"]) == (400, 7, -32020)


@pytest.mark.parametrize("modern", [True, False])
def test_wrong_params_of_a_resource_are_invalid_in_every_revision(
    service: Running,
    modern: bool,  # noqa: FBT001  a parameter
) -> None:
    assert '"code":-32602' in post(service.url, "resources/read", modern=modern).text


def test_a_body_of_the_largest_size_is_taken(service: Running) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    padded = body + b" " * (MAX_BODY_BYTES - len(body))
    assert '"tools"' in raw(service.url, padded, mcp_protocol_version=LEGACY).text


def answer_to_headers(service: Running, *headers: str) -> bytes:
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
    answer = answer_to_headers(service, *headers)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 1024 * 1024, 4 * 1024 * 1024])
@pytest.mark.parametrize("chunked", [True, False])
def test_ordinary_clients_see_that_a_body_is_too_large(
    service: Running,
    size: int,
    chunked: bool,  # noqa: FBT001  a parameter
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    body: Any = iter([b" " * 65_536] * (size // 65_536) + [b" " * (size % 65_536)]) if chunked else b" " * size
    connection.request("POST", "/mcp", body, {"content-type": "application/json"}, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("connection")) == (413, "close")
    connection.close()


def test_a_client_that_asks_first_is_told_before_it_sends(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        client.sendall(
            b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sends_without_an_end_is_cut_off(service: Running) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        client.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999999\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100 * MAX_DISCARDED_BYTES:
                sent += client.send(b" " * 65_536)
        assert sent < 100 * MAX_DISCARDED_BYTES
    assert call(service.url).status_code == 200


async def test_the_largest_calls_of_real_clients_are_far_below_the_limit() -> None:
    sizes: list[int] = []
    app = create_http_app(Settings(demo=True))

    async def measured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sizes.append(int(dict(scope["headers"]).get(b"content-length", b"0")))
        await app(scope, receive, send)

    with running(app=measured) as service, anyio.fail_after(60):
        async with Client(f"{service.url}/mcp", elicitation_callback=yes()) as client:
            asked = {"subscription_id": DEMO.subscriptions["can_order"]}
            ordered = await client.call_tool("order_smart_meter", asked)
            assert ordered.structured_content
            assert ordered.structured_content["outcome"] == "ordered"
            listed = await client.call_tool("list_meter_orders_by_status", {"status": "open", "limit": 1})
            assert listed.structured_content
            cursor = listed.structured_content["next_cursor"]
            await client.call_tool("list_meter_orders_by_status", {"status": "open", "limit": 1, "cursor": cursor})
    assert 500 < max(sizes) < MAX_BODY_BYTES / 32
