"""A client belongs to one event loop at a time. In another it says so, and neither hangs nor breaks."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from nomos_mcp.client import InvalidRequestError, NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.serving import served

BACKENDS = ("asyncio", "trio")
ORDER = DEMO.orders["placed"]


def over_the_wire(url: str) -> NomosClient:
    return NomosClient(client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url)


async def read(client: NomosClient) -> str:
    with anyio.fail_after(30):
        return (await client.meter_orders.get(ORDER)).id


async def read_and_close(client: NomosClient) -> str:
    async with client:
        return await read(client)


def refused(client: NomosClient, call: Callable[[NomosClient], Awaitable[object]], backend: str) -> str:
    async def main() -> str:
        with pytest.raises(InvalidRequestError, match="another event loop") as caught:
            await call(client)
        return str(caught.value)

    return anyio.run(main, backend=backend)


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("first", BACKENDS)
def test_a_second_loop_is_told_to_make_a_client_of_its_own(simulator: Simulator, first: str, second: str) -> None:
    with served(simulator) as url:
        client = over_the_wire(url)

        async def main() -> None:
            async with client:
                assert await read(client) == ORDER
                before = len(simulator.requests)
                for call in (read, NomosClient.aclose):
                    told = await anyio.to_thread.run_sync(refused, client, call, second)
                    assert "Make a client for each event loop" in told
                    assert "Nothing was sent" in told
                assert await read(client) == ORDER  # the first loop goes on undisturbed
                assert len(simulator.requests) == before + 1

        anyio.run(main, backend=first)


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("first", BACKENDS)
def test_a_loop_after_one_that_ended_without_closing_is_told(simulator: Simulator, first: str, second: str) -> None:
    client = client_for(simulator)
    assert anyio.run(read, client, backend=first) == ORDER
    before = len(simulator.requests)
    refused(client, read, second)
    refused(client, read_and_close, second)
    assert len(simulator.requests) == before


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("first", BACKENDS)
def test_a_client_that_was_closed_can_be_used_in_the_next_loop(simulator: Simulator, first: str, second: str) -> None:
    with served(simulator) as url:
        client = over_the_wire(url)
        for backend in (first, second, first):
            assert anyio.run(read_and_close, client, backend=backend) == ORDER


@pytest.mark.parametrize("used_in", BACKENDS)
@pytest.mark.parametrize("made_in", BACKENDS)
def test_a_client_can_be_made_in_one_loop_and_used_in_another(simulator: Simulator, made_in: str, used_in: str) -> None:
    async def make() -> NomosClient:
        return client_for(simulator)

    client = anyio.run(make, backend=made_in)
    assert anyio.run(read_and_close, client, backend=used_in) == ORDER


def test_of_many_threads_that_begin_at_once_one_has_the_client_and_the_others_are_told(simulator: Simulator) -> None:
    threads = 8
    begin, over = threading.Barrier(threads), threading.Barrier(threads)
    client = client_for(simulator)

    async def main() -> str:
        try:
            await asyncio.gather(*[read(client) for _ in range(20)])
        except InvalidRequestError as error:
            return str(error)
        return "read"

    def thread(_: int) -> str:
        begin.wait(30)
        with asyncio.Runner() as runner:
            outcome = runner.run(main())
            over.wait(30)  # nobody's loop ends before everybody has asked
        return outcome

    with ThreadPoolExecutor(threads) as pool:
        outcomes = list(pool.map(thread, range(threads)))
    assert outcomes.count("read") == 1
    assert all("another event loop" in outcome for outcome in outcomes if outcome != "read")


def test_a_client_without_connections_can_be_closed_in_any_loop(simulator: Simulator) -> None:
    client = client_for(simulator)
    anyio.run(read, client)
    anyio.run(client.aclose)
    refused(client, read, "asyncio")


def test_a_view_of_one_customer_belongs_to_the_loop_of_its_client(simulator: Simulator) -> None:
    client = client_for(simulator)
    anyio.run(read, client)
    refused(client.for_customer(DEMO.customers["placed"]), read, "asyncio")


def test_closing_in_the_middle_of_a_call_does_not_let_another_loop_in(simulator: Simulator) -> None:
    client = client_for(simulator)

    async def main() -> None:
        arrived, answer = anyio.Event(), anyio.Event()

        async def slow(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            arrived.set()
            await answer.wait()
            await simulator(scope, receive, send)

        client._connection._app = slow
        async with anyio.create_task_group() as group:
            group.start_soon(read, client)
            await arrived.wait()
            await client.aclose()
            told = await anyio.to_thread.run_sync(refused, client, read, "asyncio")
            answer.set()
        assert "another event loop" in told

    anyio.run(main)
