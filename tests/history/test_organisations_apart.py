"""Two organisations in one PostgreSQL database: each in a schema of its own, and nothing of one shows in the other."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import anyio
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from nomos_mcp.database.database import Database
from nomos_mcp.database.postgresql import connect
from nomos_mcp.history.events import WebhookEvent
from nomos_mcp.history.statistics import Durations
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE
from nomos_mcp.replicas.order_attempts import OrderAttempts
from tests.databases import Clock
from tests.history.looks import ago, look, run, words

pytestmark = pytest.mark.parametrize("engine", ["postgresql"])


@pytest.fixture
async def acme(database_url: str, clock: Clock) -> AsyncIterator[History]:
    history = History(Database(database_url, "acme"), clock)
    yield history
    await history.aclose()


@pytest.fixture
async def beta(database_url: str, clock: Clock) -> AsyncIterator[History]:
    history = History(Database(database_url, "beta"), clock)
    yield history
    await history.aclose()


@pytest.fixture
async def nameless(database_url: str, clock: Clock) -> AsyncIterator[History]:
    history = History(database_url, clock)
    yield history
    await history.aclose()


async def everything(history: History, clock: Clock) -> dict[str, Any]:
    """Return all that can be read from a history about the orders of `looks`."""
    number = await history.last_number()
    return {
        "changes": words(await history.changes(limit=100)),
        "feed": words(await history.changes_after(0, 100)),
        "number": number,
        "looks": [each.status for each in await history.looks("prdo_1")],
        "latest": [each.status for each in (await history.latest_looks(["prdo_1"])).values()],
        "exported": [each.status async for each in history.exported()],
        "doubted": await history.doubted(ago(clock, days=99), clock.now),
        "durations": await steps(history),
    }


async def steps(history: History) -> dict[Any, int]:
    """Return how many orders were in which step, computed anew."""
    durations = Durations(history.database, history.now)
    known = await durations.get(60)
    await durations.aclose()
    assert known
    return {step: each.cases + each.waiting for step, each in known.steps.items()}


async def test_orders_of_the_same_id_have_a_past_of_their_own(
    acme: History, beta: History, nameless: History, clock: Clock
) -> None:
    empty = await everything(beta, clock)
    for status in ("placed", "check_submitted", "scheduled", "installed"):
        await acme.record([look(clock, status)])
        clock.advance(days=3)
    told = await everything(acme, clock)
    assert told["looks"] == ["placed", "check_submitted", "scheduled", "installed"]
    assert told["durations"][CURIE, "check_submitted"] == 1
    assert await everything(beta, clock) == empty == await everything(nameless, clock)

    await beta.record([look(clock, "placed")])
    await nameless.record([look(clock, "created")])
    assert (await everything(beta, clock))["exported"] == ["placed"]
    assert (await everything(nameless, clock))["exported"] == ["created"]
    assert await everything(acme, clock) == told


async def test_runs_events_and_deletions_are_of_one_organisation(acme: History, beta: History, clock: Clock) -> None:
    event = WebhookEvent(event_id="evt_1", topic="meter_order.placed", order_id="prdo_1")
    for history in (acme, beta):
        await history.record([look(clock)])
    assert await acme.events.add(event)
    assert not await acme.events.add(event)
    assert await beta.events.add(event)
    await run(acme, ago(clock, hours=1))
    assert not await acme.runs.is_due(timedelta(days=1))
    assert await beta.runs.is_due(timedelta(days=1))
    clock.advance(days=500)
    for history in (acme, beta):
        await history.record([look(clock, "installed")])
    assert await acme.prune(ago(clock, days=400)) == 0  # the state at that moment stays
    clock.advance(days=500)
    assert await acme.prune(ago(clock, days=400)) == 1
    assert len([each async for each in beta.exported()]) == 2


async def test_writers_take_turns_with_those_of_their_organisation_only(
    acme: History, beta: History, database_url: str, clock: Clock
) -> None:
    other = History(Database(database_url, "acme"), clock)
    order: list[str] = []

    async def write(history: History, name: str) -> None:
        async with history.database.writing():
            order.append(name)

    for history in (acme, beta, other):
        await history.database.open()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks, acme.database.writing():
            tasks.start_soon(write, other, "the same")
            await write(beta, "another")
            order.append("first ends")
    assert order == ["another", "first ends", "the same"]
    await other.aclose()


async def test_attempts_to_order_and_codes_are_of_one_organisation(acme: History, beta: History) -> None:
    in_acme, in_beta = (OrderAttempts(history.database, "api.example") for history in (acme, beta))
    first = await in_acme.begin("sub_1", "bot", "yes", "code")
    assert await in_acme.open(first, "sub_1", "a-code", 0) == "open"
    second = await in_acme.begin("sub_1", "bot", "yes", "code")
    assert await in_acme.open(second, "sub_1", "another-code", 1) == "earlier attempt"
    assert await in_beta.earlier("sub_1") == (0, None)
    other = await in_beta.begin("sub_1", "bot", "yes", "code")
    assert await in_beta.open(other, "sub_1", "a-code", 0) == "open"
    async with beta.database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM order_attempts"))).scalar() == 1


async def test_each_organisation_has_tables_of_its_own_also_if_all_are_opened_at_once(
    database_url: str, clock: Clock
) -> None:
    names = ["acme", "beta", "acme", "", "a" * 31]
    histories = [History(Database(database_url, name), clock) for name in names]
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for history in histories:
                tasks.start_soon(history.database.open)
    connection = await connect(SecretStr(database_url))
    rows = await connection.fetch("SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version' ORDER BY 1")
    await connection.close()
    assert [row["schemaname"] for row in rows] == sorted(["public", "nomos_acme", "nomos_beta", f"nomos_{'a' * 31}"])
    for history in histories:
        await history.aclose()


async def test_a_name_that_is_none_makes_no_schema(database_url: str) -> None:
    for name in ("Acme", 'a"; DROP SCHEMA public', "a" * 32, "1a", "a-b"):
        with pytest.raises(ValueError, match="is no name of an organisation"):
            Database(database_url, name)
