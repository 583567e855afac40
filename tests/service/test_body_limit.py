"""A body that is too large, as ordinary clients meet the answer; and how large those of real clients are."""

import contextlib
import http.client
import socket
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.types import Receive, Scope, Send

from nomos_mcp.service import create_http_app
from nomos_mcp.service.constants import MAX_BODY_BYTES, MAX_DISCARDED_BYTES
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.ordering.conftest import yes
from tests.service.running import Running, running
from tests.service.wire import call


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as server:
        yield server


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
