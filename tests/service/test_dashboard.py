"""Metrics of a server on which everything that is measured has happened, and what reads them in `deploy/`."""

from collections.abc import Iterator

import pytest

from nomos_mcp.service.metric_definitions import METRICS, label
from tests.service.measured import OPERATOR, busy, families, page, value
from tests.service.running import Running

pytestmark = pytest.mark.slow

CALLS = "mcp_server_operation_duration_seconds_count"


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
    for words in (OPERATOR, "Mustermann", "limited@", "evt_1", "127.0.0.1", "prdo_", "sub_", "cus_", "evt_"):
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
