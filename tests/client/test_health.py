"""Looking after a connection: does the host answer, what is its time, what does it say about the rate limit."""

from datetime import UTC, datetime

import pytest

from nomos_mcp.client import InternalServerError, NomosClient, RateLimitHeaders
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_server import served
from tests.conftest import client_for


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
