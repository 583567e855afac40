"""Three replicas on PostgreSQL, as processes: one polls, each delivery is read once, and all hear of what changes."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated

from nomos_mcp.history.store import History
from nomos_mcp.service.http_limits import BURST
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.simulator import DEMO, Fault, Simulator
from nomos_mcp.simulator.views import TargetState
from nomos_mcp.simulator.world import real_clock
from tests.conftest import client_for
from tests.databases import new_database
from tests.service.processes import Process, process
from tests.service.test_webhook_receiver import PATH, PLACED, SECRET, event, headers, signature
from tests.service.wire import call
from tests.serving import served

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["postgresql"])]

COUNT = 3
TAKEN_OVER_WITHIN = 30.0  # seconds


@pytest.fixture
def upstream() -> Simulator:
    return Simulator(now=real_clock, orders=1200)


class Replicas:
    """Processes that serve together, and the history that they write."""

    def __init__(self, url: str, upstream: str, stack: ExitStack) -> None:
        self._url, self._upstream, self._stack = url, upstream, stack
        self.history = History(url, real_clock)
        self.servers: list[Process] = []

    def start(self, **environment: str) -> None:
        self.servers = [
            self._stack.enter_context(
                process(
                    NOMOS_BASE_URL=self._upstream,
                    NOMOS_CLIENT_ID=DEMO.client_id,
                    NOMOS_CLIENT_SECRET=DEMO.client_secret,
                    NOMOS_MCP_DATABASE=self._url,
                    NOMOS_MCP_WEBHOOK_SECRETS=SECRET,
                    **environment,
                )
            )
            for _ in range(COUNT)
        ]

    async def rows(self, query: str) -> list[Any]:
        from sqlalchemy import text  # noqa: PLC0415  slow to load

        async with self.history.database.reading() as connection:
            return list((await connection.execute(text(query))).all())

    async def until(self, query: str) -> list[Any]:
        """Wait until a query has a row."""
        with anyio.fail_after(120):
            while not (found := await self.rows(query)):  # noqa: ASYNC110  as below
                await anyio.sleep(0.05)  # nothing tells it
        return found

    async def deliver(self, body: bytes, *servers: Process) -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            sent = (
                client.post(each.url + PATH, content=body, headers=headers(signature(body)))
                for each in servers or self.servers
            )
            return [answer.status_code for answer in await asyncio.gather(*sent)]


@pytest.fixture
async def replicas(upstream: Simulator, postgresql_url: str, engine: str) -> Any:  # noqa: ARG001  it marks the test
    with ExitStack() as stack:
        made = Replicas(stack.enter_context(new_database(postgresql_url)), stack.enter_context(served(upstream)), stack)
        yield made
        await made.history.aclose()


async def test_one_replica_polls_and_another_one_goes_on_soon_after_it_was_killed(
    replicas: Replicas, upstream: Simulator, record_property: Callable[[str, object], None]
) -> None:
    upstream.faults.add(Fault(kind="delay", seconds=4, path="/meter-orders"))
    replicas.start(NOMOS_MCP_WATCH_EVERY="24h")
    ((holder,),) = await replicas.until("SELECT holder FROM runs WHERE requests > 0")
    killed = next(each for each in replicas.servers if str(each.pid) == holder.split()[1])
    killed.end(signal.SIGKILL)
    at = (await replicas.rows("SELECT clock_timestamp()"))[0][0]
    taken = await replicas.until(
        f"SELECT clock_timestamp() FROM runs WHERE holder NOT IN ('', '{holder}')"  # noqa: S608  ours
    )
    seconds = (taken[0][0] - at).total_seconds()
    record_property("figures", f"polling was taken over {seconds:.1f} s after its process was killed")
    assert seconds <= TAKEN_OVER_WITHIN
    upstream.faults.clear()
    done = await replicas.until("SELECT requests, not_covered, holder FROM runs WHERE finished_at IS NOT NULL")
    assert [not_covered for _, not_covered, _ in done] == [""]
    assert str(killed.pid) not in done[0][2]
    async with client_for(upstream) as client:
        visible = [each.id async for each in client.meter_orders.list()]
    seen = await replicas.rows("SELECT DISTINCT order_id FROM observations")
    assert {each.order_id for each in seen} == set(visible)


async def test_a_delivery_to_all_replicas_is_kept_and_read_once(replicas: Replicas, upstream: Simulator) -> None:
    replicas.start()
    for number in range(5):
        assert await replicas.deliver(event(f"evt_{number}")) == [200] * COUNT
        await replicas.until(f"SELECT 1 FROM events WHERE event_id = 'evt_{number}' AND due_at IS NULL")  # noqa: S608
    assert (await replicas.rows("SELECT count(*), max(attempts) FROM events"))[0] == (5, 1)
    assert sum(each.path == f"/meter-orders/{PLACED}" for each in upstream.requests) == 5


async def test_what_one_replica_receives_the_streams_of_the_others_hear(
    replicas: Replicas, upstream: Simulator
) -> None:
    replicas.start(NOMOS_MCP_WATCH_EVERY="24h")
    await replicas.until("SELECT 1 FROM runs WHERE finished_at IS NOT NULL")
    uri = f"nomos://meter-orders/{PLACED}"
    first, *others = replicas.servers
    async with anyio.create_task_group() as tasks:
        listening = [anyio.Event() for _ in others]
        heard: list[object] = []
        all_heard = anyio.Event()

        async def listen(server: Process, ready: anyio.Event) -> None:
            async with Client(f"{server.url}/mcp") as client, client.listen(resource_subscriptions=[uri]) as stream:
                ready.set()
                heard.append(await anext(stream))
                if len(heard) == len(others):
                    all_heard.set()

        with anyio.fail_after(120):
            for server, ready in zip(others, listening, strict=True):
                tasks.start_soon(listen, server, ready)
                await ready.wait()
            upstream.put_order(PLACED, TargetState(status="check_submitted"))
            assert await replicas.deliver(event("evt_1", "meter_order.check_submitted"), first) == [200]
            await all_heard.wait()
    assert heard == [ResourceUpdated(uri=uri)] * len(others)


async def test_a_caller_has_one_budget_at_all_replicas(replicas: Replicas, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens")
    first, greedy = (tokens.add(name, ("orders:read", "org")) for name in ("first", "greedy"))
    replicas.start(NOMOS_MCP_TOKENS_FILE=str(tmp_path / "tokens"), NOMOS_MCP_CALLS_PER_MINUTE="20")

    async def answer(server: Process, token: str) -> str:
        return (await anyio.to_thread.run_sync(lambda: call(server.url, token=token))).text

    for each in replicas.servers:  # loads the texts, which takes CPU time
        await answer(each, first)
    began = time.monotonic()
    answers = [await answer(replicas.servers[number % COUNT], greedy) for number in range(3 * BURST)]
    regained = (time.monotonic() - began) * 20 / 60
    granted = sum('"isError":true' not in each for each in answers)
    assert BURST / 2 <= granted <= BURST + regained, "where CPU time is short, a call may cost more than one"
    assert all("used up your budget" in each for each in answers if '"isError":true' in each)
