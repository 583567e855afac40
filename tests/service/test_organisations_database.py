"""Several organisations behind one server with one PostgreSQL database: webhooks, changes, streams and attempts."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated
from pydantic import SecretStr

from nomos_mcp.client import CURIE, EDISON
from nomos_mcp.database.database import Database
from nomos_mcp.database.postgresql import connect
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Era, era  # noqa: F401  a fixture
from tests.service.running import Running, running
from tests.service.test_organisations import organisation
from tests.service.wire import call, signature
from tests.serving import served

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["postgresql"])]

ORDER, SUBSCRIPTION, CUSTOMER = (kind["placed"] for kind in (DEMO.orders, DEMO.subscriptions, DEMO.customers))
OTHER = DEMO.orders["check_submitted"]
SECRETS = {"acme": "whsec_of_acme_0123", "beta": "whsec_of_beta_0123"}
TABLES = ("observations", "changes", "runs", "events", "order_attempts")


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """Tokens of the same rights, each of one organisation."""
    file = TokenFile(tmp_path / "tokens.json")
    scopes = ("orders:read", "orders:write", "org")
    return {name: file.add(f"bot-{name}", scopes, organisation=name) for name in SECRETS}


@pytest.fixture
def server(database_url: str, tokens: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    assert tokens
    with served(Simulator(seed=1)) as acme, served(Simulator(seed=2)) as beta:
        organisations = (
            organisation("acme", acme, webhook_secrets=(SecretStr(SECRETS["acme"]),)),
            organisation("beta", beta, api_version=EDISON, webhook_secrets=(SecretStr(SECRETS["beta"]),)),
        )
        http = HttpSettings(tokens_file=str(tmp_path / "tokens.json"), organisations=organisations)
        with running(Settings(database=SecretStr(database_url), http=http)) as server:
            yield server


@pytest.fixture
async def histories(database_url: str, server: Running) -> AsyncIterator[dict[str, History]]:
    """What another process would write to."""
    assert server.url
    made = {name: History(Database(database_url, name), lambda: datetime.now(UTC)) for name in SECRETS}
    yield made
    for history in made.values():
        await history.aclose()


def look(status: Any, days_ago: float = 0, order: str = ORDER) -> OrderLook:
    return OrderLook(
        order_id=order,
        subscription_id=SUBSCRIPTION,
        customer_id=CUSTOMER,
        api_version=CURIE,
        status=status,
        seen_at=datetime.now(UTC) - timedelta(days=days_ago),
        seen_by="poll",
    )


async def rows(url: str, name: str) -> dict[str, int]:
    connection = await connect(SecretStr(url), f"nomos_{name}")
    counted = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608  ours
    await connection.close()
    return counted


def deliver(server: Running, secret: str, event_id: str = "evt_1") -> int:
    body = json.dumps(
        {
            "id": event_id,
            "topic": "meter_order.placed",
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "context": {"meter_order": ORDER, "subscription": SUBSCRIPTION},
        }
    ).encode()
    headers = {"X-Nomos-Signature": signature(body, secret)}
    return httpx.post(f"{server.url}/webhooks/nomos", content=body, headers=headers).status_code


async def test_a_webhook_is_of_whoever_has_the_secret_that_signed_it(
    server: Running, histories: dict[str, History], database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert deliver(server, SECRETS["beta"]) == 200
    assert deliver(server, "whsec_of_nobody_0123") == 401
    with anyio.fail_after(30):
        while not await histories["beta"].looks(ORDER):  # noqa: ASYNC110  its worker, in another event loop, reads the order
            await anyio.sleep(0.05)
    beta, acme = await rows(database_url, "beta"), await rows(database_url, "acme")
    assert (beta["events"], beta["observations"]) == (1, 1)
    assert acme == dict.fromkeys(TABLES, 0)
    assert deliver(server, SECRETS["acme"]) == 200  # the same ID is another event there
    assert (await rows(database_url, "acme"))["events"] == 1
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"webhook"' in line]
    assert [(line.get("organisation"), line["status"]) for line in said] == [("beta", 200), (None, 401), ("acme", 200)]


def connected(server: Running, token: str, era: Era) -> tuple[httpx2.AsyncClient, Client]:  # noqa: F811  its value
    http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"})
    return http, Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=era)


async def test_what_changed_is_told_to_callers_of_that_organisation_only(
    server: Running,
    tokens: dict[str, str],
    histories: dict[str, History],
    era: Era,  # noqa: F811  the fixture
) -> None:
    await histories["acme"].record([look("placed", 20)])
    await histories["acme"].record([look("installed", 1)])
    seen = {}
    for name, token in tokens.items():
        http, client = connected(server, token, era)
        with anyio.fail_after(30):
            async with http, client:
                changes = await client.call_tool("list_order_changes", {})
                resource = await client.read_resource("nomos://statistics/durations")
                order = await client.call_tool("get_meter_order", {"order_id": ORDER})
        seen[name] = f"{changes.structured_content} {resource.model_dump_json()} {order.structured_content}"
    assert "placed → installed" in seen["acme"]
    assert '\\"step\\":\\"placed\\"' in seen["acme"]
    assert "nothing is recorded of this" in seen["beta"]
    assert "→" not in seen["beta"]
    assert '\\"step\\"' not in seen["beta"]


async def test_a_stream_hears_of_its_organisation_only(
    server: Running, tokens: dict[str, str], histories: dict[str, History]
) -> None:
    for history in histories.values():
        await history.record([look("placed", 9), look("placed", 9, OTHER)])
    acme_http, acme = connected(server, tokens["acme"], "auto")
    beta_http, beta = connected(server, tokens["beta"], "auto")
    first, second = f"nomos://meter-orders/{OTHER}", f"nomos://meter-orders/{ORDER}"
    with anyio.fail_after(60):
        async with (
            acme_http,
            beta_http,
            acme,
            beta,
            acme.listen(resource_subscriptions=[first, second]) as in_acme,
            beta.listen(resource_subscriptions=[first, second]) as in_beta,
        ):
            await histories["beta"].record([look("installed", order=OTHER)])
            assert await anext(in_beta) == ResourceUpdated(uri=first)
            await histories["acme"].record([look("installed")])
            assert await anext(in_acme) == ResourceUpdated(uri=second)  # and not what beta was told before


def test_an_attempt_to_order_is_in_the_record_of_its_organisation_only(
    server: Running, tokens: dict[str, str], database_url: str
) -> None:
    arguments = {"subscription_id": DEMO.subscriptions["can_order"]}
    preview = call(server.url, "order_smart_meter", arguments, token=tokens["acme"]).json()["result"]
    confirmed = {**arguments, "confirmation_code": preview["structuredContent"]["confirmation_code"]}
    answer = call(server.url, "order_smart_meter", confirmed, token=tokens["acme"]).json()["result"]
    assert answer["structuredContent"]["outcome"] == "ordered"
    assert anyio.run(rows, database_url, "acme")["order_attempts"] >= 1
    assert anyio.run(rows, database_url, "beta")["order_attempts"] == 0
    assert call(server.url, "order_smart_meter", arguments, token=tokens["beta"]).status_code == 200
