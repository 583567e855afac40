"""A service that measures itself, and what its `/metrics` says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import anyio
import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from nomos_mcp.client import NomosClient
from nomos_mcp.history.polling import poll
from nomos_mcp.history.store import History
from nomos_mcp.service import create_http_app
from nomos_mcp.service.telemetry import telemetry
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Fault, Simulator
from nomos_mcp.simulator.simulator_server import served as simulated
from nomos_mcp.simulator.world import real_clock
from tests.service.running import Running, running
from tests.service.wire import call, post, signature

SECRET: Final = "whsec_invented_0123"
CALLERS: Final = ("Invented-Operator-7", "Invented-Customer-8")


@contextmanager
def measured(settings: Settings) -> Iterator[Running]:
    """Serve as `nomos-mcp http` does, in this process."""
    with telemetry(1) as (metrics, routes):
        app = create_http_app(settings, metrics=metrics)
        app.router.routes.extend(routes)
        with running(app=app, on_stop=app.state.begin_shutdown) as service:
            yield service


def page(url: str) -> str:
    """Return what `/metrics` says."""
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


def families(url: str) -> dict[str, Metric]:
    """Return the metrics by name, as Prometheus reads them; counters without their `_total`."""
    return {family.name: family for family in text_string_to_metric_families(page(url))}


def value(url: str, name: str, labels: Mapping[str, str] | None = None) -> float:
    """Return the sum of a sample's values over all labels that are not named; 0 if there is none."""
    wanted = (labels or {}).items()
    samples = [sample for family in families(url).values() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name and wanted <= sample.labels.items())


@contextmanager
def busy(folder: Path, database: str = "") -> Iterator[Running]:
    """Serve, and have everything happen that is measured: each metric has a value then.

    Args:
        folder: Where files are kept.
        database: A file of SQLite by default.
    """
    simulator = Simulator()
    simulator.faults.add(Fault(kind="status", path=f"/meter-orders/{DEMO.orders['installed']}", status=503, count=1))
    tokens = TokenFile(folder / "tokens")
    operator = tokens.add(CALLERS[0], ("orders:read", "orders:write", "org"))
    limited = tokens.add(CALLERS[1], ("orders:read",), DEMO.customers["placed"])
    with simulated(simulator) as upstream:
        settings = Settings(
            client_id=DEMO.client_id,
            client_secret=SecretStr(DEMO.client_secret),
            base_url=upstream,
            database=SecretStr(database or str(folder / "history.db")),
            confirm="none",
            http=HttpSettings(
                tokens_file=str(folder / "tokens"),
                webhook_secrets=(SecretStr(SECRET),),
                calls_per_minute=12,
                watch_every=timedelta(hours=24),
            ),
        )
        anyio.run(_watch_once, settings)
        with measured(settings) as service:
            _use(service.url, operator, limited)
            yield service


async def _watch_once(settings: Settings) -> None:
    history = History(settings.database, real_clock)
    async with NomosClient(
        client_id=DEMO.client_id,
        client_secret=DEMO.client_secret,
        base_url=settings.base_url,
        requests_per_second=1000,
    ) as client:
        await poll(history, client)
    await history.aclose()


def _use(url: str, operator: str, limited: str) -> None:
    order, subscription = {"order_id": DEMO.orders["placed"]}, {"subscription_id": DEMO.subscriptions["can_order"]}
    call(url, "get_meter_order", order, token=operator)
    call(url, "get_meter_order", {"order_id": "prdo_missing"}, token=operator)
    call(url, "order_smart_meter", subscription, token=operator)
    call(url, "list_order_changes", {}, token=operator)
    call(url, "get_everything", {"order_id": "Frau Mustermann"}, token=operator)
    uri = f"nomos://meter-orders/{DEMO.orders['placed']}"
    post(url, "resources/read", {"uri": uri}, token=operator, mcp_name=uri)
    call(url, token="nobody's")
    call(url, "get_meter_order", {"order_id": DEMO.orders["installed"]}, token=operator)
    for _ in range(25):
        call(url, token=limited)
    body = b'{"id": "evt_1", "topic": "test.event", "context": {}}'
    for sent in (signature(body, SECRET), signature(body, SECRET), signature(body, "another secret")):
        httpx.post(f"{url}/webhooks/nomos", content=body, headers={"x-nomos-signature": sent}, timeout=30)
