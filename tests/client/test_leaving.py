"""A request that was held up after it got its slot is stopped right before its first byte."""

import pytest

from nomos_mcp.client import APIConnectionError, NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.simulator_server import served


async def test_a_read_that_was_held_up_is_stopped_and_takes_another_slot(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, True]
    with served(simulator) as url:
        async with NomosClient(access_token=DEMO.access_token, base_url=url) as nomos:
            monkeypatch.setattr(nomos._limiter, "may_leave", lambda: answers.pop(0))
            order = await nomos.meter_orders.get(DEMO.orders["installed"])
    assert order.id == DEMO.orders["installed"]
    assert not answers
    assert len(simulator.requests) == 1


async def test_an_order_that_was_held_up_is_not_sent_and_says_so(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(simulator) as url:
        async with NomosClient(access_token=DEMO.access_token, base_url=url) as nomos:
            monkeypatch.setattr(nomos._limiter, "may_leave", lambda: False)
            with pytest.raises(APIConnectionError, match="not sent") as stopped:
                await nomos.meter_orders.create(DEMO.subscriptions["can_order"])
    assert not stopped.value.sent
    assert not simulator.requests
    assert not simulator.ledger
