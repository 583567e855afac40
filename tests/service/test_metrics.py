"""Metrics of a server that runs: at `/metrics`, as Prometheus reads them, and at a collector."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from nomos_mcp.server.ordering.config import Ordering
from nomos_mcp.service.metrics import Metrics
from nomos_mcp.service.telemetry import telemetry
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.service.measured import measured, page, value
from tests.service.running import Running
from tests.service.test_deploy import Collector
from tests.service.wire import call, post
from tests.serving import served

CALLS = "mcp_server_operation_duration_seconds_count"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with measured(Settings(demo=True, confirm="none")) as service:
        yield service


def counted(server: Running, tool: str, outcome: str) -> float:
    return value(server.url, CALLS, {"gen_ai_tool_name": tool, "outcome": outcome})


async def test_a_call_of_a_real_client_is_counted_and_its_time_taken(server: Running) -> None:
    async with Client(streamable_http_client(f"{server.url}/mcp")) as client:
        for order in ("placed", "installed"):
            await client.call_tool("get_meter_order", {"order_id": DEMO.orders[order]})
    assert counted(server, "get_meter_order", "ok") == 2
    assert value(server.url, CALLS.replace("_count", "_sum")) > 0
    assert value(server.url, "http_client_request_duration_seconds_count", {"status": "2xx"}) >= 2


def test_a_failed_call_and_a_refused_one_are_told_apart(server: Running) -> None:
    call(server.url, "get_subscription", {"subscription_id": "sub_missing"})
    call(server.url, "prdo_typed_by_somebody")
    assert counted(server, "get_subscription", "error") == 1
    assert counted(server, "other", "refused") == 1
    assert "typed_by_somebody" not in page(server.url)


def test_other_methods_have_no_tool(server: Running) -> None:
    uri = "nomos://meter-orders/prdo_missing"
    post(server.url, "resources/read", {"uri": uri}, mcp_name=uri)
    assert value(server.url, CALLS, {"mcp_method_name": "resources/read", "gen_ai_tool_name": ""}) == 1


def test_outcomes_of_orders_are_counted(server: Running) -> None:
    for _ in range(2):
        call(server.url, "order_smart_meter", {"subscription_id": DEMO.subscriptions["can_order"]})
    outcomes = {"ordered": 1, "already_ordered": 1, "outcome_unknown": 0}
    found = {name: value(server.url, "nomos_mcp_order_attempts_total", {"outcome": name}) for name in outcomes}
    assert found == outcomes


def test_a_request_that_becomes_no_call_is_counted_by_its_status(server: Running) -> None:
    assert httpx.get(f"{server.url}/nowhere").status_code == 404
    assert value(server.url, "nomos_mcp_http_refusals_total", {"http_response_status_code": "404"}) == 1


def test_the_page_needs_no_token_and_is_not_kept(tmp_path: Path) -> None:
    with measured(Settings(demo=True, http=HttpSettings(tokens_file=str(tmp_path / "tokens")))) as service:
        answer = httpx.get(f"{service.url}/metrics", headers={"host": "10.0.0.7:8000"})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert httpx.post(f"{service.url}/metrics").status_code == 405


def test_one_of_several_processes_says_that_it_shows_no_metrics() -> None:
    with telemetry(2) as (metrics, routes):
        assert metrics is None
        app = routes[0].app
        with served(app) as url:
            answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 503
    assert "--workers" in answer.text


@pytest.mark.parametrize("variable", [{"OTEL_METRICS_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}])
def test_metrics_can_be_turned_off(variable: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in variable.items():
        monkeypatch.setenv(name, said)
    with telemetry(1) as found:
        assert found == (None, [])


@pytest.mark.parametrize("processes", [1, 2])
def test_metrics_are_sent_to_a_collector(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    with served(collector) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{url}/v1/metrics")
        with telemetry(processes) as (metrics, _):
            assert metrics
            metrics.log({"event": "call", "method": "tools/call", "tool": "explain_status", "outcome": "ok"}, 0.1)
    for words in (b"mcp.server.operation.duration", b"explain_status", b"nomos-mcp", b"service.instance.id"):
        assert words in collector.received


def test_a_collector_that_is_away_does_not_keep_the_server_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.service.metrics._SHUTDOWN_MS", 50)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:9/v1/metrics")
    with telemetry(1) as (metrics, _):
        assert metrics
        metrics.log({"event": "refused", "status": 401}, 0.0)


def test_a_database_that_does_not_answer_is_down(tmp_path: Path) -> None:
    with measured(Settings(database=SecretStr(str(tmp_path / "no folder" / "history.db")))) as service:
        while "nomos_mcp_database_up 0.0" not in (said := page(service.url)):
            assert "nomos_mcp_database_up" not in said
    assert "nomos_mcp_order_attempts_open" not in said


def test_what_is_of_an_organisation_has_its_name_and_no_name_that_is_none() -> None:
    registry = CollectorRegistry()
    metrics = Metrics([PrometheusMetricReader(registry=registry)], {})
    metrics.observe(client_for(Simulator()), Ordering(), organisation="north")
    for organisation in ("north", "typed by somebody"):
        called = {"event": "call", "method": "tools/call", "tool": "explain_status", "outcome": "ok"}
        metrics.log(called | {"organisation": organisation}, 0.1)
    said = generate_latest(registry).decode()
    assert 'nomos_mcp_rate_limit_waiting{organisation="north"' in said
    assert re.search(r"mcp_server_operation_duration_seconds_count{.*organisation=\"north\".*} 1.0", said)
    assert "typed by somebody" not in said
