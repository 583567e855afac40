"""An observer is told of each request: how long it waited for the rate limiter, and how it was answered."""

import anyio
import anyio.lowlevel
import pytest

from nomos_mcp.client import LocalRateLimitError, NomosClient, NomosError
from nomos_mcp.client.rate_limiter import RateSlots
from nomos_mcp.simulator import DEMO, Fault, Simulator
from tests.client.fake_time import VIRTUAL, virtually
from tests.client.fake_upstream import answering
from tests.conftest import client_for


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.waits: list[tuple[float, bool]] = []
        self.answers: list[tuple[str, int | None]] = []

    def waited(self, seconds: float, *, granted: bool) -> None:
        self.waits.append((round(seconds, 3), granted))

    def answered(self, method: str, status_code: int | None, seconds: float) -> None:
        assert seconds >= 0
        self.answers.append((method, status_code))


async def test_it_is_told_of_every_request_those_for_tokens_included(simulator: Simulator) -> None:
    told = Told()
    async with client_for(simulator) as client:
        client.observe(told)
        await client.for_customer(DEMO.customers["placed"]).meter_orders.get(DEMO.orders["placed"])
        with pytest.raises(NomosError):
            await client.meter_orders.get("prdo_missing")
    assert told.answers == [("POST", 200), ("GET", 200), ("GET", 404)]
    assert [granted for _, granted in told.waits] == [True, True, True]


async def test_a_request_without_an_answer_has_no_status(simulator: Simulator) -> None:
    told = Told()
    simulator.faults.add(Fault(kind="reset", method="GET"))
    async with client_for(simulator) as client:
        client.observe(told)
        with pytest.raises(NomosError):
            await client.with_options(max_retries=0).meter_orders.get(DEMO.orders["placed"])
    assert told.answers == [("POST", 200), ("GET", None)]


def test_it_is_told_how_long_a_request_waited_and_which_got_no_slot() -> None:
    told, seen = Told(), list[RateSlots]()
    app, _ = answering((404, b"{}"))

    async def main() -> None:
        client = NomosClient(
            access_token="t", base_url="http://127.0.0.1", app=app, timing=VIRTUAL, requests_per_second=1
        )
        client.observe(told)

        async def read(seconds: float) -> None:
            with pytest.raises(NomosError) as caught:
                await client.with_options(timeout=seconds).events.get(f"evt_{seconds:g}")
            assert isinstance(caught.value, LocalRateLimitError) == (seconds == 1)

        async with client, anyio.create_task_group() as tasks:
            for seconds in (9, 8, 1):
                tasks.start_soon(read, seconds)
                await anyio.lowlevel.checkpoint()
            seen.append(client.slots)

    virtually(main)
    assert sorted(told.waits) == [(0.0, False), (0.0, True), (1.0, True)]
    assert [slots.held for slots in seen] == [1]
