"""Metrics of a server on which everything that is measured has happened, and what reads them in `deploy/`."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nomos_mcp.database.database import Database
from nomos_mcp.replicas.order_attempts import OrderAttempts
from nomos_mcp.service.metric_definitions import METRICS, ORGANISATION, label
from tests.docs.blocks import blocks
from tests.service.measured import CALLERS, busy, families, page, value
from tests.service.running import Running

pytestmark = pytest.mark.slow

CALLS = "mcp_server_operation_duration_seconds_count"
DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "alerts.yaml"

FROM_PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus adds."""

_GROUPED = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")
_READ = re.compile(r"\b([a-z][a-z0-9_]+)\b(?! *\()(?:\{([^}]*)\})?")
_WORDS = {"or", "unless", "and", "bool", "le"}


@pytest.fixture(scope="module")
def busy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with busy(tmp_path_factory.mktemp("busy")) as service:
        yield service


def test_every_metric_has_the_name_the_kind_and_the_labels_of_its_definition(busy_server: Running) -> None:
    found = families(busy_server.url)
    for metric in METRICS:
        family = found.pop(metric.prometheus.removesuffix("_total"))
        kind = {"observed counter": "counter", "sum": "gauge"}.get(metric.kind, metric.kind)
        assert (family.type, family.documentation) == (kind, metric.meaning)
        assert family.samples
        known = {label(name): values for name, values in metric.attributes.items()}
        for sample in family.samples:
            labels = {name: said for name, said in sample.labels.items() if name != "le"}
            assert set(labels) <= set(known), metric
            assert all(said in {*known[name], ""} for name, said in labels.items()), (metric, labels)
    assert all(name.startswith(("process_", "target")) for name in found), list(found)


def test_nothing_in_it_is_about_a_person(busy_server: Running) -> None:
    said = page(busy_server.url)
    for words in (*CALLERS, "Mustermann", "get_everything", "127.0.0.1", "prdo_", "sub_", "cus_", "evt_"):
        assert words not in said


def test_what_happened_is_counted(busy_server: Running) -> None:
    url = busy_server.url
    assert value(url, CALLS, {"outcome": "limited"}) > 0
    for outcome in ("kept", "known", "refused"):
        assert value(url, "nomos_mcp_webhooks_total", {"outcome": outcome}) == 1
    assert value(url, "nomos_mcp_http_refusals_total", {"http_response_status_code": "401"}) == 1
    assert value(url, "nomos_mcp_database_up") == 1
    assert 0 < value(url, "nomos_mcp_polling_lag_seconds") < 600
    assert value(url, "db_client_operation_duration_seconds_count", {"db_operation_name": "COMMIT"}) > 0


@pytest.mark.parametrize("engine", ["postgresql"])
def test_the_pool_and_what_is_open_in_postgresql_are_shown(database_url: str, tmp_path: Path) -> None:
    async def order() -> None:
        database = Database(database_url)
        attempts = OrderAttempts(database, "127.0.0.1")
        number = await attempts.begin("sub_invented", "somebody", "yes", "trusted")
        assert await attempts.open(number, "sub_invented", "", 0) == "open"
        await database.aclose()

    asyncio.run(order())
    with busy(tmp_path, database_url) as service:
        assert value(service.url, "nomos_mcp_order_attempts_open") == 1
        postgresql = {"db_system_name": "postgresql"}
        assert value(service.url, "db_client_operation_duration_seconds_count", postgresql) > 0
        assert value(service.url, "db_client_connection_max") == 5
        assert "sub_" not in page(service.url)


def labels_of(url: str) -> dict[str, set[str]]:
    """Return the labels of each sample that `/metrics` shows."""
    found: dict[str, set[str]] = {}
    for family in families(url).values():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def read_by(expression: str) -> dict[str, set[str]]:
    """Return the samples that an expression reads, and the labels that it names."""
    grouped = {label.strip() for group in _GROUPED.findall(expression) for label in group.split(",")}
    rest = re.sub(r"\[[^]]*\]", "", _GROUPED.sub("", expression))
    read: dict[str, set[str]] = {}
    for name, labels in _READ.findall(rest):
        if name not in _WORDS:
            read.setdefault(name, set()).update(grouped, re.findall(r"(\w+) *=", labels))
    return read


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def test_the_dashboard_and_the_alerts_read_what_a_server_shows(busy_server: Running) -> None:
    shown = labels_of(busy_server.url)
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    expressions += [rule["expr"] for rule in alerts()]
    assert len(expressions) > 30
    for expression in expressions:
        read = read_by(expression)
        assert read, expression
        for name, labels in read.items():
            assert name in shown, expression
            assert labels <= shown[name] | FROM_PROMETHEUS | {ORGANISATION, "le"}, (expression, name)


def test_the_dashboard_shows_every_metric() -> None:
    read = {name for panel in panels() for target in panel["targets"] for name in read_by(target["expr"])}
    for metric in METRICS:
        assert read & {metric.prometheus, *(metric.prometheus + end for end in ("_bucket", "_count"))}, metric


def test_each_panel_says_what_it_shows_and_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        at = panel["gridPos"]
        places = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not places & taken
        assert max(x for x, _ in places) < 24
        taken |= places
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_each_alert_says_what_to_do() -> None:
    for rule in alerts():
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["for"]


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        assert not os.environ.get("CI"), "promtool is not installed, and CI must not leave this out"
        pytest.skip("promtool is not installed")
    return program


def test_prometheus_takes_the_configuration_of_the_page(promtool: str, tmp_path: Path) -> None:
    (block,) = blocks("docs/metrics.md", "yaml")
    (tmp_path / "prometheus.yaml").write_text(block.text)
    command = [promtool, "check", "config", str(tmp_path / "prometheus.yaml")]
    assert "SUCCESS" in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


ALARMING = {
    "NomosDatabaseAway": ["nomos_mcp_database_up{job='n',instance='a'} 0x60"],
    "NomosOrderOpen": ["nomos_mcp_order_attempts_open{job='n',instance='a'} 1x60"],
    "NomosPollingLate": [
        "nomos_mcp_polling_lag_seconds{job='n',instance='a'} 130000+60x60",
        "nomos_mcp_polling_interval_seconds{job='n',instance='a'} 86400x60",
    ],
    "NomosPollingNever": ["nomos_mcp_polling_interval_seconds{job='n',instance='a'} 86400x500"],
    "NomosManyRefusals": [CALLS + "{job='n',outcome='limited'} 0+30x60", CALLS + "{job='n',outcome='ok'} 0+70x60"],
    "NomosManyInvalidTokens": ["nomos_mcp_http_refusals_total{job='n',http_response_status_code='401'} 0+120x60"],
    "NomosUpstreamFailing": [
        "http_client_request_duration_seconds_count{job='n',status='none'} 0+20x60",
        "http_client_request_duration_seconds_count{job='n',status='2xx'} 0+80x60",
    ],
}
"""What each alert is about, minute by minute."""

CALM = [
    "nomos_mcp_database_up{job='n',instance='a'} 1x500",
    "nomos_mcp_order_attempts_open{job='n',instance='a'} 0x500",
    "nomos_mcp_polling_lag_seconds{job='n',instance='a'} 80000+60x400",
    "nomos_mcp_polling_interval_seconds{job='n',instance='a'} 86400x500",
    CALLS + "{job='n',outcome='limited'} 0+10x500",
    CALLS + "{job='n',outcome='ok'} 0+90x500",
    "nomos_mcp_http_refusals_total{job='n',http_response_status_code='401'} 0+30x500",
    "http_client_request_duration_seconds_count{job='n',status='5xx'} 0+5x500",
    "http_client_request_duration_seconds_count{job='n',status='2xx'} 0+95x500",
]


def alerts_at(promtool: str, folder: Path, series: list[str], minute: int) -> str:
    """Return what promtool says to the claim that no alert fires at a minute of these series."""
    cases = {
        "rule_files": [str(ALERTS)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [dict(zip(("series", "values"), each.rsplit(" ", 1), strict=True)) for each in series],
                "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": rule["alert"]} for rule in alerts()],
            }
        ],
    }
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases))
    command = [promtool, "test", "rules", str(folder / "cases.yaml")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return run.stdout + run.stderr


@pytest.mark.parametrize("alert", [rule["alert"] for rule in alerts()])
def test_prometheus_raises_an_alert_for_what_it_is_about_and_no_other(
    promtool: str, tmp_path: Path, alert: str
) -> None:
    said = alerts_at(promtool, tmp_path, ALARMING[alert], 400 if alert == "NomosPollingNever" else 40)
    assert re.findall(r"alertname:\s*(\w+)", said) == [alert], said


def test_prometheus_raises_none_for_a_calm_server(promtool: str, tmp_path: Path) -> None:
    assert "SUCCESS" in alerts_at(promtool, tmp_path, CALM, 300)
