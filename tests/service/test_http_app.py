"""The service as callers meet it: both eras, its addresses, its health, its log."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import Timing
from nomos_mcp.service import create_http_app
from nomos_mcp.service.http_app import Readiness
from nomos_mcp.settings import HttpSettings, Settings, SettingsError
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Era, answer_of, era  # noqa: F401  a fixture
from tests.service.running import Running, running
from tests.service.wire import call, post, raw

ORDER = DEMO.orders["blocked_check_missing"]


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_real_client_is_answered(service: Running, era: Era, path: str) -> None:  # noqa: F811  the fixture
    with anyio.fail_after(30):
        async with Client(f"{service.url}{path}", mode=era) as client:
            tools = (await client.list_tools()).tools
            answer = answer_of(await client.call_tool("get_meter_order", {"order_id": ORDER}))
    assert "order_smart_meter" in {tool.name for tool in tools}
    assert answer["explanation"]["waiting_on"] == "customer"


def test_a_trailing_slash_is_not_redirected(service: Running) -> None:
    response = httpx.post(f"{service.url}/mcp/", json={}, follow_redirects=False)
    assert not response.is_redirect


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_there_is_nothing_but_post(service: Running, method: str) -> None:
    response = httpx.request(method, f"{service.url}/mcp", headers={"accept": "text/event-stream"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("modern", [True, False])
def test_an_unknown_tool_is_invalid_params(service: Running, modern: bool) -> None:  # noqa: FBT001  a parameter
    assert '"code":-32602' in call(service.url, "get_meter_orders", {}, modern=modern).text


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("params", [{"name": "no-such"}, {"name": "why-is-my-meter-blocked"}])
def test_a_wrong_prompt_is_invalid_params_and_gives_nothing_away(
    service: Running,
    modern: bool,  # noqa: FBT001  a parameter
    params: dict[str, str],
) -> None:
    answer = post(service.url, "prompts/get", params, modern=modern).text
    assert '"code":-32602' in answer
    assert "Traceback" not in answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost:x", "[::1"])
def test_an_evil_host_is_refused(service: Running, host: str) -> None:
    assert call(service.url, host=host).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil"])
def test_an_evil_origin_is_refused(service: Running, origin: str) -> None:
    assert call(service.url, origin=origin).status_code == 403


def test_the_server_itself_is_an_allowed_origin(service: Running) -> None:
    assert call(service.url, origin=service.url).status_code == 200


def test_allowed_hosts_and_origins_are_exact() -> None:
    http = HttpSettings(allowed_hosts=("mcp.example.com",), allowed_origins=("https://chat.example.com",))
    with running(Settings(demo=True, http=http)) as service:
        statuses = [
            call(service.url, host=host, origin=origin).status_code
            for host, origin in (
                ("MCP.example.com", ""),
                ("mcp.example.com", "https://chat.example.com"),
                ("mcp.example.com", "https://chat.example.com:8443"),
                ("mcp.example.com:8443", ""),
                ("127.0.0.1", ""),
            )
        ]
    assert statuses == [200, 200, 403, 421, 421]


def test_a_page_of_an_allowed_origin_may_read_the_answers() -> None:
    page = "https://chat.example.com"
    with running(Settings(demo=True, http=HttpSettings(allowed_origins=(page,)))) as service:
        asked = {"origin": page, "access-control-request-method": "POST", "access-control-request-headers": "mcp-name"}
        assert httpx.options(f"{service.url}/mcp", headers=asked).headers["access-control-allow-origin"] == page
        assert call(service.url, origin=page).headers["access-control-allow-origin"] == page
        assert "access-control-allow-origin" not in call(service.url, origin="https://evil.example").headers


def test_the_host_of_the_public_url_is_allowed() -> None:
    http = HttpSettings(public_url="https://mcp.example.com/mcp")
    with running(Settings(demo=True, http=http)) as service:
        assert call(service.url, host="mcp.example.com").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]',
        b"[" * 50_000,
        b'{"a":' * 13_000,
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":{}}',
        b"1" * 10_000,
    ],
)
@pytest.mark.parametrize("version", ["2026-07-28", "2025-06-18", "1999-01-01"])
def test_a_malformed_body_is_a_client_error(service: Running, body: bytes, version: str) -> None:
    response = raw(service.url, body, mcp_protocol_version=version, mcp_method="tools/list")
    assert response.status_code == 400
    assert "Traceback" not in response.text


def test_health_tells_nothing_but_alive_and_ready(service: Running) -> None:
    for path, said in (("healthz", {"alive": True}), ("readyz", {"ready": True})):
        response = httpx.get(f"{service.url}/{path}", headers={"host": "10.0.0.7:8000"})
        assert (response.status_code, response.json()) == (200, said)


def test_a_server_without_credentials_is_alive_but_not_ready() -> None:
    with running(Settings()) as service:
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        response = httpx.get(f"{service.url}/readyz")
    assert (response.status_code, response.json()) == (503, {"ready": False})


def test_a_sound_request_id_comes_back_and_an_unsound_one_is_replaced(service: Running) -> None:
    assert call(service.url, x_request_id="chat-42").headers["x-request-id"] == "chat-42"
    made = call(service.url, x_request_id='"; drop').headers["x-request-id"]
    assert made.isalnum()
    assert len(made) == 32


@pytest.mark.parametrize("modern", [True, False])
def test_a_call_is_one_line_with_ids_and_nothing_that_was_written_freely(
    service: Running,
    modern: bool,  # noqa: FBT001  a parameter
    capfd: pytest.CaptureFixture[str],
) -> None:
    call(service.url, "get_meter_order", {"order_id": ORDER, "note": "secret"}, modern=modern, x_request_id="me-1")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert len(lines) == 1
    assert lines[0].pop("ms") >= 0
    assert lines[0].pop("time").endswith("+00:00")
    assert lines[0] == {
        "event": "call",
        "caller": "local",
        "method": "tools/call",
        "tool": "get_meter_order",
        "ids": {"order_id": ORDER},
        "outcome": "failed",
        "request_id": "me-1",
    }


def test_other_outcomes_are_told_apart(service: Running, capfd: pytest.CaptureFixture[str]) -> None:
    call(service.url)
    call(service.url, "<script>", {})
    post(
        service.url,
        "resources/read",
        {"uri": f"nomos://meter-orders/{ORDER}"},
        mcp_name=f"nomos://meter-orders/{ORDER}",
    )
    call(service.url, host="evil.example")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line.get("outcome", line.get("status")) for line in lines] == ["ok", "refused -32602", "ok", 421]
    assert lines[2]["ids"] == {"uri": ORDER}
    assert "script" not in json.dumps(lines)


def test_it_can_be_mounted_in_another_application() -> None:
    service = create_http_app(Settings(demo=True))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.router.lifespan_context(service):
            yield

    host = Starlette(routes=[Mount("/", service)], lifespan=lifespan)
    with TestClient(host, base_url="http://127.0.0.1") as client:
        assert client.get("/healthz").json() == {"alive": True}


async def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert create_http_app().routes
    monkeypatch.setenv("NOMOS_MCP_CALLS_PER_MINUTE", "many")
    with pytest.raises(SettingsError, match="NOMOS_MCP_CALLS_PER_MINUTE"):
        create_http_app()


async def test_a_client_that_was_handed_in_stays_open() -> None:
    async with NomosClient(access_token="t", base_url="http://127.0.0.1:9") as nomos:
        app = create_http_app(Settings(), client=nomos)
        async with app.router.lifespan_context(app):
            logging.getLogger(__name__).debug("served")
        assert nomos._connection is not None


async def test_upstream_is_asked_once_in_ten_seconds_however_many_look(simulator: Simulator) -> None:
    now = [0.0]
    timing = Timing(monotonic=lambda: now[0])
    async with NomosClient(
        access_token=DEMO.access_token, base_url="http://127.0.0.1", app=simulator, timing=timing
    ) as nomos:
        readiness = Readiness(nomos)
        for second in (0.0, 9.9, 10.0, 15.0):
            now[0] = second
            assert await readiness.ready()
    assert [request.path for request in simulator.requests if "subscriptions" in request.path] == [
        "/subscriptions?limit=1"
    ] * 2


async def test_a_server_is_ready_while_many_wait_for_the_rate_limit(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.service.http_app.READY_DEADLINE", 0.05)
    async with (
        NomosClient(
            access_token=DEMO.access_token, base_url="http://127.0.0.1", app=simulator, requests_per_second=1
        ) as nomos,
        anyio.create_task_group() as tasks,
    ):
        await nomos.meter_orders.get(DEMO.orders["installed"])
        tasks.start_soon(nomos.meter_orders.get, DEMO.orders["created"])
        await anyio.wait_all_tasks_blocked()
        assert await Readiness(nomos).ready()
        tasks.cancel_scope.cancel()


async def test_an_upstream_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.service.http_app.READY_DEADLINE", 0.05)

    async def silent(*_: object) -> None:
        await anyio.sleep_forever()

    async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=silent) as nomos:
        assert not await Readiness(nomos).ready()
