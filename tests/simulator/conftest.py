from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator


class HandClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 30, 12, 0, 0, 750_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sim(clock: HandClock) -> Simulator:
    return Simulator(now=clock)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Make clients of a simulator, by default with the demo's static key, and close them afterwards."""
    clients: list[httpx.AsyncClient] = []

    def make(sim: Simulator, token: str | None = DEMO.access_token, version: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-API-Version": version} if version else {}
        transport = httpx.ASGITransport(app=sim)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def anonymous(sim: Simulator, connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(sim, token=None)


@pytest.fixture
def curie(sim: Simulator, connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(sim, version="2026-05-27.curie")


@pytest.fixture
def edison(sim: Simulator, connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(sim, version="2026-01-29.edison")


@pytest.fixture
def batman(sim: Simulator, connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(sim, version="2025-12-16.batman")
