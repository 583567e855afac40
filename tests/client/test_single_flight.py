"""Equal reads at once are one read: for whom, how long, and what happens when somebody goes away."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from nomos_mcp.client import APIConnectionError, ConflictError, LocalRateLimitError, NomosClient
from nomos_mcp.client.http_connection import SingleFlight
from nomos_mcp.simulator import DEMO, Simulator

BACKENDS = ("asyncio", "trio")
ORDER = DEMO.orders["placed"]


class Upstream:
    """Something to read slowly: it answers when told to, with the number of the read."""

    def __init__(self) -> None:
        self.reads = 0
        self.gate = anyio.Event()
        self.fails = False

    async def __call__(self) -> int:
        self.reads += 1
        number = self.reads
        await self.gate.wait()
        if self.fails:
            raise APIConnectionError("No answer.")
        return number


def running(backend: str, test: Callable[[Upstream, SingleFlight[int]], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(10):
            await test(Upstream(), SingleFlight())

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_equal_reads_are_one_and_all_get_its_answer(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        answers: list[int] = []

        async def caller() -> None:
            answers.append(await flights.run("key", upstream))

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(caller)
            await anyio.wait_all_tasks_blocked()
            upstream.gate.set()
        assert answers == [1] * 100
        assert upstream.reads == 1

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_later_read_is_a_read_of_its_own(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        upstream.gate.set()
        assert [await flights.run("key", upstream), await flights.run("key", upstream)] == [1, 2]

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_who_wait_share_a_failure(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        failures: list[Exception] = []
        upstream.fails = True

        async def caller() -> None:
            try:
                await flights.run("key", upstream)
            except APIConnectionError as failure:
                failures.append(failure)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(caller)
            await anyio.wait_all_tasks_blocked()
            upstream.gate.set()
        assert len(failures) == len({id(failure) for failure in failures}) == 3
        assert upstream.reads == 1

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_when_the_one_who_reads_has_too_little_time_for_the_rate_limiter_one_of_the_others_reads(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        answers: list[int] = []
        begun = anyio.Event()

        async def in_a_hurry() -> int:
            begun.set()
            await anyio.wait_all_tasks_blocked()
            raise LocalRateLimitError(3)

        async def first() -> None:
            with pytest.raises(LocalRateLimitError):
                await flights.run("key", in_a_hurry)

        async def caller() -> None:
            answers.append(await flights.run("key", upstream))

        upstream.gate.set()
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await begun.wait()
            group.start_soon(caller)
            group.start_soon(caller)
        assert answers == [1, 1]

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_when_the_one_who_reads_is_cancelled_one_of_the_others_reads(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        answers: list[int] = []
        first = anyio.CancelScope()

        async def caller(scope: anyio.CancelScope) -> None:
            with scope:
                answers.append(await flights.run("key", upstream))

        async with anyio.create_task_group() as group:
            group.start_soon(caller, first)
            await anyio.wait_all_tasks_blocked()
            for _ in range(3):
                group.start_soon(caller, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            first.cancel()
            await anyio.wait_all_tasks_blocked()
            upstream.gate.set()
        assert answers == [2, 2, 2]
        assert upstream.reads == 2

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_who_waits_and_is_cancelled_takes_nobody_along(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        answers: list[int] = []
        waiting = anyio.CancelScope()

        async def caller(scope: anyio.CancelScope) -> None:
            with scope:
                answers.append(await flights.run("key", upstream))

        async with anyio.create_task_group() as group:
            group.start_soon(caller, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            group.start_soon(caller, waiting)
            group.start_soon(caller, anyio.CancelScope())
            await anyio.wait_all_tasks_blocked()
            waiting.cancel()
            await anyio.wait_all_tasks_blocked()
            upstream.gate.set()
        assert answers == [1, 1]
        assert upstream.reads == 1

    running(backend, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_began_before_a_write_is_not_shared_after_it(backend: str) -> None:
    async def test(upstream: Upstream, flights: SingleFlight[int]) -> None:
        answers: list[int] = []

        async def caller() -> None:
            answers.append(await flights.run("key", upstream))

        async with anyio.create_task_group() as group:
            group.start_soon(caller)
            await anyio.wait_all_tasks_blocked()
            flights.forget()
            group.start_soon(caller)
            group.start_soon(caller)
            await anyio.wait_all_tasks_blocked()
            upstream.gate.set()
        assert sorted(answers) == [1, 2, 2]
        assert upstream.reads == 2

    running(backend, test)


@asynccontextmanager
async def clients_of(simulator: Simulator) -> AsyncIterator[NomosClient]:
    """Make a client whose upstream answers only when everybody has asked."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await anyio.wait_all_tasks_blocked()
        await simulator(scope, receive, send)

    async with NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=slow) as client:
        yield client


async def at_once(*calls: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(call)


def asked(simulator: Simulator) -> list[str]:
    return [request.path for request in simulator.requests if request.path != "/oauth/token"]


async def test_a_client_asks_once_for_what_many_ask_at_once(simulator: Simulator) -> None:
    async with clients_of(simulator) as client:
        await at_once(*[lambda: client.meter_orders.get(ORDER)] * 20)
    assert asked(simulator) == [f"/meter-orders/{ORDER}"]


async def test_different_questions_are_different_reads(simulator: Simulator) -> None:
    async with clients_of(simulator) as client:

        async def page(limit: int) -> None:
            await client.meter_orders.list(limit=limit)

        await at_once(lambda: page(1), lambda: page(2), lambda: page(2))
    assert sorted(asked(simulator)) == ["/meter-orders?limit=1", "/meter-orders?limit=2"]


async def test_no_read_is_shared_across_customer_scopes(simulator: Simulator) -> None:
    async with clients_of(simulator) as client:
        order = await client.meter_orders.get(ORDER)
        one, other = client.for_customer(order.customer), client.for_customer(order.customer)
        before = len(asked(simulator))
        await at_once(
            lambda: client.meter_orders.get(ORDER),
            lambda: one.meter_orders.get(ORDER),
            lambda: other.meter_orders.get(ORDER),
        )
    assert len(asked(simulator)) - before == 2  # the organisation's, and that of the one customer's two views


async def test_writes_are_never_one(simulator: Simulator) -> None:
    outcomes: list[str] = []
    async with clients_of(simulator) as client:

        async def order() -> None:
            try:
                await client.meter_orders.create(DEMO.subscriptions["can_order"])
                outcomes.append("ordered")
            except ConflictError:
                outcomes.append("refused")

        await at_once(order, order)
    assert sorted(outcomes) == ["ordered", "refused"]
    assert asked(simulator) == ["/meter-orders", "/meter-orders"]
