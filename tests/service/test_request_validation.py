"""What a body has to be: the same in every revision, and no answer repeats what was sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nomos_mcp.service.constants import MAX_BODY_BYTES
from tests.service.running import Running, running
from tests.service.wire import LEGACY, META, MODERN, post, raw

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
