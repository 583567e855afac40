"""Readiness is asked for once in a while, and says no where nothing answers."""

import anyio
import pytest

from nomos_mcp.client import NomosClient
from nomos_mcp.service.health import Readiness
from nomos_mcp.simulator import Simulator
from tests.conftest import client_for


async def test_upstream_is_asked_once_in_ten_seconds_however_many_look(simulator: Simulator) -> None:
    now = [0.0]
    async with client_for(simulator) as nomos:
        readiness = Readiness(nomos, lambda: now[0])
        for second in (0.0, 9.9, 10.0, 15.0):
            now[0] = second
            assert await readiness.ready()
    assert [request.path for request in simulator.requests if "subscriptions" in request.path] == [
        "/subscriptions?limit=1"
    ] * 2


async def test_an_upstream_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.service.health.READY_DEADLINE", 0.05)

    async def silent(*_: object) -> None:
        await anyio.sleep_forever()

    async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=silent) as nomos:
        assert not await Readiness(nomos).ready()
