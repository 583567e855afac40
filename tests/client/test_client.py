"""The client itself: made, from the environment too; its views; and what it knows of its host."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from nomos_mcp.client import (
    CURIE,
    EDISON,
    APITimeoutError,
    InternalServerError,
    InvalidRequestError,
    LocalRateLimitError,
    NomosClient,
    NotFoundError,
    RateLimitHeaders,
    transport,
)
from nomos_mcp.client.rate_limiter import RateLimiter
from nomos_mcp.settings import Settings, SettingsError
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_server import served
from tests.client.fake_time import SkippingTime
from tests.client.fake_upstream import answering, client_of
from tests.client.faults.wire_server import ORDER
from tests.conftest import client_for

PAIR = {"NOMOS_CLIENT_ID": DEMO.client_id, "NOMOS_CLIENT_SECRET": DEMO.client_secret}


async def test_a_client_from_the_environment_uses_the_variables() -> None:
    with served(Simulator()) as url:
        environ = {**PAIR, "NOMOS_BASE_URL": f" {url}/ ", "NOMOS_API_VERSION": EDISON, "NOMOS_ACCESS_TOKEN": ""}
        async with NomosClient.from_env(environ) as client:
            assert (client.api_version, client.base_url) == (EDISON, url)
            assert (await client.meter_orders.get(DEMO.orders["placed"])).id == DEMO.orders["placed"]


async def test_a_rate_limiter_that_is_handed_over_is_used_and_closed_with_the_client() -> None:
    class Limiter(RateLimiter):
        is_closed = False

        async def aclose(self) -> None:
            self.is_closed = True

    app, asked = answering((200, json.dumps(ORDER).encode()))
    limiter = Limiter(1, SkippingTime().timing)
    async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=app, rate_limiter=limiter) as client:
        await client.meter_orders.get("prdo_1")
        await client.for_customer("cus_1").aclose()
        assert limiter.slots.held == 1
        assert len(limiter._finished) == len(asked) == 1
        assert not limiter.is_closed
    assert limiter.is_closed


async def test_a_client_from_the_environment_is_limited_to_the_customer_that_it_names() -> None:
    with served(Simulator()) as url:
        environ = {**PAIR, "NOMOS_BASE_URL": url, "NOMOS_CUSTOMER_ID": DEMO.customers["two_subscriptions"]}
        async with NomosClient.from_env(environ) as client:
            assert (await client.meter_orders.get(DEMO.orders["two_first"])).id == DEMO.orders["two_first"]
            with pytest.raises(NotFoundError):
                await client.meter_orders.get(DEMO.orders["placed"])
        assert client._connection._loop is None  # it is no view: closing it closes the connections


def test_a_client_from_the_environment_reads_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMOS_API_VERSION", EDISON)
    monkeypatch.setenv("NOMOS_BASE_URL", "http://127.0.0.1:9")
    assert NomosClient.from_env().api_version == EDISON
    assert NomosClient.from_env({}).api_version == CURIE


@pytest.mark.parametrize(
    "environ",
    [
        {"NOMOS_CLIENT_ID": "a"},
        {"NOMOS_CLIENT_ID": "a", "NOMOS_CLIENT_SECRET": "s3cr3t", "NOMOS_ACCESS_TOKEN": "s3cr3t"},
        {"NOMOS_CLIENT_ID": "a", "NOMOS_CLIENT_SECRET": "${NOMOS_CLIENT_SECRET}"},
        {"NOMOS_ACCESS_TOKEN": "Bearer s3cr3t"},
        {"NOMOS_CLIENT_ID": "a", "NOMOS_CLIENT_SECRET": "s3cr3t\udce4"},
        {"NOMOS_API_VERSION": "curie"},
        {"NOMOS_BASE_URL": "http://me:s3cr3t@api.nomos.energy"},
        {"NOMOS_CUSTOMER_ID": "sub_1"},
        {"NOMOS_CLIENT_SECRET": "s3cr3t", "NOMOS_API_VERSION": "x", "NOMOS_BASE_URL": "ftp://x"},
    ],
)
def test_a_wrong_environment_is_refused_in_the_words_of_the_settings_all_mistakes_at_once(
    environ: Mapping[str, str],
) -> None:
    with pytest.raises(SettingsError) as of_settings:
        Settings.from_env(environ)
    with pytest.raises(InvalidRequestError) as caught:
        NomosClient.from_env(environ)
    assert str(caught.value).splitlines() == of_settings.value.problems
    assert "s3cr3t" not in str(caught.value)


async def test_what_is_no_variable_can_be_given_beside_the_environment(simulator: Simulator) -> None:
    timing = SkippingTime().timing
    environ = {**PAIR, "NOMOS_BASE_URL": "http://127.0.0.1", "NOMOS_MCP_CONFIRM": "is not the client's"}
    client = NomosClient.from_env(
        environ, requests_per_second=3, timeout=7.0, max_retries=0, app=simulator, timing=timing
    )
    async with client:
        assert (await client.meter_orders.get(DEMO.orders["placed"])).id == DEMO.orders["placed"]
    assert (client._options.timeout, client._options.max_retries, client.timing) == (7.0, 0, timing)
    assert client._limiter._per_second == 3


async def test_a_view_has_its_own_number_of_retries() -> None:
    app, asked = answering((500, b""))
    async with client_of(app) as client:
        for view, requests in ((client.with_options(max_retries=0), 1), (client.with_options(max_retries=1), 2)):
            asked.clear()
            with pytest.raises(InternalServerError):
                await view.meter_orders.get("prdo_1")
            assert len(asked) == requests
        asked.clear()
        with pytest.raises(InternalServerError):
            await client.meter_orders.get("prdo_1")
        assert len(asked) == 4  # the client itself is unchanged


async def test_a_view_has_its_own_timeout() -> None:
    async def silent(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001  ASGI
        await anyio.sleep_forever()

    async with client_of(silent) as client:
        with pytest.raises(APITimeoutError, match=r"within 0\.05 seconds"):
            await client.with_options(timeout=0.05).meter_orders.get("prdo_1")


async def test_a_view_keeps_what_is_not_given() -> None:
    client = NomosClient(access_token="t", timeout=7, max_retries=1)
    view = client.with_options(timeout=3).with_options(max_retries=2)
    assert (view._options.timeout, view._options.max_retries) == (3, 2)
    assert client.with_options()._options == client._options


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"timeout": -1.0}, {"max_retries": -1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidRequestError, match="timeout must be more than 0"):
        NomosClient(access_token="t").with_options(**options)  # type: ignore[arg-type]  # wrong on purpose


async def test_views_share_the_token_and_the_rate_limit(simulator: Simulator) -> None:
    async with client_for(simulator) as client:
        own = client.for_customer(DEMO.customers["placed"])
        for view in (client, client.with_options(timeout=9), own, own.with_options(max_retries=0)):
            await view.meter_orders.get(DEMO.orders["placed"])
        assert view.rate_limit == client.rate_limit
    assert [request.path for request in simulator.requests].count("/oauth/token") == 1


async def test_a_view_waits_for_the_rate_limiter_of_its_client_no_longer_than_its_timeout() -> None:
    app, asked = answering((200, json.dumps(ORDER).encode()))
    async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=app, requests_per_second=1) as client:
        await client.meter_orders.get("prdo_1")
        with pytest.raises(LocalRateLimitError):
            await client.with_options(timeout=0.2).meter_orders.get("prdo_1")
    assert len(asked) == 1


@pytest.mark.parametrize("first", ["scope", "options"])
async def test_a_customer_scope_is_kept_by_views_with_options(curie: NomosClient, first: str) -> None:
    customer = DEMO.customers["two_subscriptions"]
    view = curie.for_customer(customer) if first == "scope" else curie.with_options(timeout=9)
    view = view.with_options(timeout=9) if first == "scope" else view.for_customer(customer)
    assert view._options.timeout == 9
    assert {order.customer async for order in view.meter_orders.list()} == {customer}
    with pytest.raises(NotFoundError):
        await view.meter_orders.get(DEMO.orders["placed"])
    with pytest.raises(InvalidRequestError, match="limited to one customer"):
        view.for_customer(DEMO.customers["placed"])


@pytest.mark.parametrize("kind", ["scope", "options"])
async def test_closing_a_view_does_not_close_its_client(kind: str) -> None:
    with served(Simulator()) as url:
        client = NomosClient(client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url)
        async with client:
            view = client.for_customer(DEMO.customers["placed"]) if kind == "scope" else client.with_options(timeout=9)
            async with view:
                await view.meter_orders.get(DEMO.orders["placed"])
            assert client._connection._transport._idle
            await view.meter_orders.get(DEMO.orders["placed"])
        assert not client._connection._transport._idle


async def test_connections_are_kept_and_what_nobody_needs_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = 0

    class Counting(httpx.AsyncHTTPTransport):
        def __init__(self, **options: Any) -> None:
            nonlocal opened
            opened += 1
            super().__init__(**options)

        async def aclose(self) -> None:
            nonlocal opened
            opened -= 1
            await super().aclose()

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", Counting)
    with served(Simulator()) as url:
        async with NomosClient(
            client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url, requests_per_second=1000
        ) as client:
            orders = [name for name in DEMO.orders if name.startswith(("placed", "check", "blocked"))]
            async with anyio.create_task_group() as tasks:
                for name in orders:
                    tasks.start_soon(client.meter_orders.get, DEMO.orders[name])
            at_once = opened
            assert at_once > 1
            for _ in range(3):
                await client.meter_orders.get(DEMO.orders["placed"])
            assert opened == at_once
            monkeypatch.setattr(transport, "_KEPT_IDLE", 0.0)
            await client.meter_orders.get(DEMO.orders["placed"])
            assert opened == 1
    assert opened == 0


async def test_a_client_can_be_closed_while_a_request_closes_old_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    closing, opened = anyio.Event(), 0

    class Slow(httpx.AsyncHTTPTransport):
        async def aclose(self) -> None:
            nonlocal opened
            closing.set()
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            await super().aclose()
            opened -= 1

    def counted(**options: Any) -> Slow:
        nonlocal opened
        opened += 1
        return Slow(**options)

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", counted)
    orders = [DEMO.orders[name] for name in ("placed", "created", "scheduled", "installed", "activated")]
    with served(Simulator()) as url:
        client = NomosClient(
            client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url, requests_per_second=1000
        )
        async with anyio.create_task_group() as tasks:
            for order in orders:
                tasks.start_soon(client.meter_orders.get, order)
        monkeypatch.setattr(transport, "_KEPT_IDLE", 0.0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.meter_orders.get, orders[0])
            await closing.wait()
            await client.aclose()
        await client.aclose()
    assert opened == 0


async def test_health_needs_no_credentials_and_tells_the_hosts_time() -> None:
    with served(Simulator()) as url:
        async with NomosClient(base_url=url) as client:
            told = await client.health()
    assert told is not None
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60


async def test_a_host_that_does_not_tell_its_time_is_healthy_too(curie: NomosClient) -> None:
    assert await curie.health() is None


async def test_a_host_that_answers_with_an_error_is_not_healthy(curie: NomosClient, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="status", path="/health", status=500))
    with pytest.raises(InternalServerError):
        await curie.health()


async def test_the_rate_limit_is_known_from_the_last_answer() -> None:
    async with client_for(Simulator(rate_limit=10)) as client:
        assert client.rate_limit is None
        await client.meter_orders.get(DEMO.orders["placed"])
        assert client.rate_limit == RateLimitHeaders(limit=10, remaining=9, reset=1.0)
