"""`docs/deploy.md` does what it says: the configuration of nginx, the commands, the traces."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nomos_mcp.cli import main
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO
from tests.nginx import free_port, nginx
from tests.server.conftest import Era, answer_of, era  # noqa: F401  a fixture
from tests.service.authority import Authority, settings, token
from tests.service.processes import process
from tests.service.running import running
from tests.service.wire import call, signature
from tests.serving import served

TEXT = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
HOST = "mcp.example.com"

# What Debian's own nginx.conf has around a site, with every path in a folder of the test.
AROUND = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


@contextmanager
def before(port: int, folder: Path) -> Iterator[str]:
    """Run nginx with the documented site before a port, without TLS, which is nginx's own affair."""
    found = re.search(r"```nginx\n(.*?)```", TEXT, re.DOTALL)
    assert found
    outside = free_port()
    site = re.sub(r"\n *ssl_certificate.*?;", "", found[1]).replace("listen 443 ssl", f"listen 127.0.0.1:{outside}")
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    with nginx(folder, AROUND.format(folder=folder, site=site), outside):
        yield f"http://127.0.0.1:{outside}"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve behind nginx, with tokens of an issuer; yields the address outside."""
    with (
        served(Authority()) as keys_url,
        running(Settings(demo=True, http=settings(keys_url))) as service,
        before(service.port, tmp_path_factory.mktemp("nginx")) as url,
    ):
        yield url


async def test_behind_nginx_a_real_client_is_answered(proxied: str, era: Era) -> None:  # noqa: F811  the fixture
    headers = {"host": HOST, "authorization": f"Bearer {token()}"}
    with anyio.fail_after(30):
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(f"{proxied}/mcp", http_client=http), mode=era) as client,
        ):
            answer = answer_of(await client.call_tool("get_meter_order", {"order_id": DEMO.orders["installed"]}))
    assert answer["order"]["status"] == "installed"


def test_behind_nginx_the_challenge_leads_to_the_metadata(proxied: str) -> None:
    challenge = call(proxied, host=HOST).headers["www-authenticate"]
    found = re.search(r'resource_metadata="https://mcp\.example\.com([^"]+)"', challenge)
    assert found
    metadata = httpx.get(f"{proxied}{found[1]}", headers={"host": HOST}).json()
    assert metadata["resource"] == "https://mcp.example.com/mcp"


def test_behind_nginx_health_is_not_shown_and_every_request_has_an_id(proxied: str) -> None:
    for path in ("readyz", "healthz", "metrics", "", "mcp/x"):
        assert httpx.get(f"{proxied}/{path}", headers={"host": HOST}).status_code == 404
    assert len(call(proxied, host=HOST).headers["x-request-id"]) == 32


def test_behind_nginx_another_name_is_refused(proxied: str) -> None:
    assert call(proxied, host="evil.example", token=token()).status_code == 421


def test_behind_nginx_a_webhook_is_accepted_and_a_changed_one_is_not(tmp_path: Path) -> None:
    body, secret = b'{"id": "evt_1",  "topic": "test.event", "context": {}}', "whsec_invented_0123"
    http = HttpSettings(webhook_secrets=(SecretStr(secret),), public_url=f"https://{HOST}/mcp")
    settings = Settings(demo=True, database=SecretStr(str(tmp_path / "history.db")), http=http)
    sent = {"host": HOST, "x-nomos-signature": signature(body, secret)}
    with running(settings) as service, before(service.port, tmp_path) as url:
        statuses = [
            httpx.post(f"{url}/webhooks/nomos", content=each, headers=sent).status_code
            for each in (body, body.replace(b"  ", b" "))
        ]
    assert statuses == [200, 401]


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = re.findall(r"^\$ nomos-mcp (token .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 4
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tmp_path / "tokens.json"))
    for command in commands:
        assert main(command.split()) == 0


def test_the_settings_of_the_page_are_no_mistake() -> None:
    environment = dict(re.findall(r"^export (\w+)=(\S+)$", TEXT, re.MULTILINE))
    assert Settings.from_env(environment).http.authenticates


def test_the_service_of_the_page_names_a_command_that_there_is() -> None:
    found = re.search(r"^ExecStart=\S+/nomos-mcp (.*)$", TEXT, re.MULTILINE)
    assert found
    assert found[1].split() == ["http", "--workers", "2"]


def test_the_line_of_the_page_has_the_fields_of_a_real_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert found
    file = tmp_path / "tokens"
    made = TokenFile(file).add("chat-42", ("orders:read",), DEMO.customers["installed"])
    with running(Settings(demo=True, http=HttpSettings(tokens_file=str(file)))) as service:
        call(service.url, "get_meter_order", {"order_id": DEMO.orders["installed"]}, token=made)
    assert list(json.loads(found[1])) == list(json.loads(capfd.readouterr().err))


class Collector:
    """Takes in spans, and remembers what it was sent."""

    def __init__(self) -> None:
        self.received = b""
        self.arrived = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.received += await Request(scope, receive).body()
            self.arrived.set()
            await Response()(scope, receive, send)


@pytest.mark.slow
def test_each_call_is_a_span_at_the_collector() -> None:
    collector = Collector()
    with (
        served(collector) as url,
        process("--demo", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_COMPRESSION="none") as server,
    ):
        call(server.url, x_request_id="traced-1")
        assert server.end() == 0
        assert collector.arrived.is_set()
    for words in (b"tools/call explain_status", b"nomos-mcp", b"traced-1"):
        assert words in collector.received


@pytest.mark.slow
def test_without_the_extra_the_server_says_so_and_serves(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
    )
    with process("--demo", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", PYTHONPATH=str(tmp_path)) as server:
        assert "Install nomos-mcp[otel]" in server.said
        assert call(server.url).status_code == 200
