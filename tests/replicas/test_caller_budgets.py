"""Callers' budgets in PostgreSQL: processes grant one together, with fewer questions than calls, and wait little."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from nomos_mcp.database.database import Database
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.database.postgresql import SharedConnection
from nomos_mcp.replicas import caller_budgets
from nomos_mcp.replicas.caller_budgets import BLOCK_PART, CallerBudgets

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["postgresql"])]

BURST = 20
BLOCK = 1 + (BURST - 1) // BLOCK_PART


class Counted(SharedConnection):
    """Counts the round trips."""

    trips = 0

    async def fetch(self, statement: str, *values: object) -> list[dict[str, object]]:  # type: ignore[override]
        self.trips += 1
        return await super().fetch(statement, *values)  # type: ignore[return-value]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.aclose()


@pytest.fixture
async def connections(database: Database, database_url: str) -> AsyncIterator[list[Counted]]:
    """Of three processes."""
    made = [Counted(SecretStr(database_url), database.open, timeout=30.0) for _ in range(3)]
    for each in made:
        await each.fetch("SELECT 1")
        each.trips = 0
    with patch.object(caller_budgets, "_PATIENCE", 30.0):  # a busy machine is no database that is away
        yield made
    for each in made:
        await each.aclose()


def budgets(connections: list[Counted], calls_per_minute: float = 0.001, organisation: str = "") -> list[CallerBudgets]:
    """Of three processes; by default a budget that nobody lives to see refilled."""
    return [CallerBudgets(each, calls_per_minute, BURST, organisation) for each in connections]


async def spent(limiter: CallerBudgets, name: str = "greedy", customer_id: str = "") -> bool:
    return await limiter.spend(name, customer_id, 1) == 0


async def age(database: Database, seconds: float) -> None:
    """Let time pass, as the rows see it."""
    async with database.unordered() as connection:
        statement = text("UPDATE caller_budgets SET counted_at = counted_at - make_interval(secs => :seconds)")
        await connection.execute(statement, {"seconds": seconds})


@contextmanager
def later(limiters: list[CallerBudgets], seconds: float) -> Iterator[None]:
    """Let processes think that time passed, so that they ask again."""
    clocks = [each._clock for each in limiters]
    for each in limiters:
        each._clock = lambda: time.monotonic() + seconds
    yield
    for each, clock in zip(limiters, clocks, strict=True):
        each._clock = clock


async def test_three_processes_together_grant_one_budget(connections: list[Counted]) -> None:
    limiters = budgets(connections)
    granted = await asyncio.gather(*(spent(limiters[number % 3]) for number in range(90)))
    assert sum(granted) == BURST
    assert await asyncio.gather(*(spent(each) for each in limiters)) == [False] * 3


async def test_there_are_fewer_round_trips_than_calls(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    assert [await spent(one) for _ in range(BURST + 30)] == [True] * BURST + [False] * 30
    assert connections[0].trips == 9


async def test_a_refused_caller_is_refused_without_asking_again(connections: list[Counted]) -> None:
    one, other, _ = budgets(connections, calls_per_minute=0.6)
    while await spent(one):
        pass
    asked = connections[0].trips
    wait = await one.spend("greedy", "", 1)
    assert wait == pytest.approx(100, rel=0.5)
    assert connections[0].trips == asked
    assert await other.spend("greedy", "", 1) == pytest.approx(wait, rel=0.1)


async def test_what_is_regained_is_by_the_databases_clock_and_for_all_together(
    connections: list[Counted], database: Database
) -> None:
    limiters = budgets(connections, calls_per_minute=0.6)
    while any([await spent(each) for each in limiters]):
        pass
    await age(database, 350)
    with later(limiters, 350):
        assert sum([await spent(limiters[number % 3]) for number in range(30)]) == 3
    await age(database, 1_000_000)
    with later(limiters, 1_000_000):
        assert sum([await spent(limiters[number % 3]) for number in range(90)]) == BURST


async def test_calls_taken_in_advance_are_all_that_comes_on_top(connections: list[Counted], database: Database) -> None:
    limiters = budgets(connections)
    for each in limiters:
        assert await spent(each)
    held = [account.held for each in limiters for account in each._accounts.values()]
    assert max(held) == BLOCK - 1
    await age(database, 10_000_000)
    assert sum([await spent(limiters[number % 3]) for number in range(90)]) <= BURST + sum(held)


async def test_callers_customers_and_organisations_are_apart_and_nobody_is_named(
    connections: list[Counted], database: Database
) -> None:
    one, other = budgets(connections)[0], budgets(connections, organisation="nord")[0]
    asked = [(one, "greedy", ""), (one, "greedy", "cus_1"), (one, "greedycus_1", ""), (other, "greedy", "")]
    for limiter, name, customer in asked:
        assert [await spent(limiter, name, customer) for _ in range(BURST + 1)] == [True] * BURST + [False]
    async with database.reading() as connection:
        keys = (await connection.execute(text("SELECT caller FROM caller_budgets"))).scalars().all()
    assert len(keys) == len(asked)
    assert all(len(key) == 64 and "greedy" not in key for key in keys)


async def test_further_costs_are_charged_with_the_next_calls_that_are_taken(connections: list[Counted]) -> None:
    one, other, _ = budgets(connections)
    assert await spent(one)
    one.charge("greedy", "", BURST)
    assert not await spent(one), "what is charged here counts"
    assert not await spent(other), "and everywhere"
    overdrawn = await one.spend("greedy", "", 0)
    assert overdrawn is not None
    assert overdrawn > 0, "so much that not even what costs nothing is free"
    assert await one.spend("modest", "", 0) == 0


async def test_calls_at_once_take_once(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    assert await asyncio.gather(*(spent(one) for _ in range(BLOCK))) == [True] * BLOCK
    assert connections[0].trips == 1


async def test_what_else_uses_the_connection_waits_for_one_caller_and_not_for_all(connections: list[Counted]) -> None:
    [one, *_], [connection, *_] = budgets(connections), connections
    async with connection._turn:
        calls = [asyncio.create_task(spent(one, f"caller-{number}")) for number in range(20)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert connection.trips
        other = asyncio.create_task(connection.fetch("SELECT 1"))
        await asyncio.sleep(0)
    await other
    assert connection.trips <= 3
    assert await asyncio.gather(*calls) == [True] * 20


async def test_those_who_wait_behind_others_when_nobody_waits_any_more_do_not_ask(connections: list[Counted]) -> None:
    [one, *_], [connection, *_] = budgets(connections), connections
    with patch.object(caller_budgets, "_PATIENCE", 0.05):
        async with connection._turn:
            assert await asyncio.gather(*(one.spend(f"caller-{number}", "", 1) for number in range(20))) == [None] * 20
            taking = [each.taking for each in one._accounts.values() if each.taking]
        assert sorted(await asyncio.gather(*taking)) == [False] * 19 + [True]
    assert connection.trips == 1


async def test_a_database_that_hangs_is_waited_for_briefly_and_once(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    with patch.object(caller_budgets, "_PATIENCE", 0.05):
        async with connections[0]._turn:
            asked = [one.spend(name, "", 1) for name in ("first", "second")]
            assert await asyncio.wait_for(asyncio.gather(*asked), 10) == [None, None]
            trips = connections[0].trips
            assert await one.spend("third", "", 1) is None
            assert connections[0].trips == trips, "it is not asked again at once"
        taking = one._accounts["first", ""].taking
        assert taking
        await taking
        assert await spent(one, "first"), "what came too late for one call is there for the next"
        with later([one], 6):
            patched = patch.object(caller_budgets, "_PATIENCE", 30.0)
            with patched:
                assert await spent(one, "third"), "and it is asked again"


async def test_a_process_that_was_held_up_itself_does_not_blame_the_database(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    with patch.object(caller_budgets, "_PATIENCE", 5.0):
        asking = asyncio.create_task(spent(one))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(5.1)  # noqa: ASYNC251  nothing else of this process runs
        assert await asking


async def test_a_database_that_refuses_fails_no_call(connections: list[Counted], database: Database) -> None:
    one = budgets(connections)[0]
    async with database.unordered() as connection:
        await connection.execute(text("ALTER TABLE caller_budgets RENAME TO away"))
    assert await one.spend("greedy", "", 1) is None
    async with database.unordered() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO caller_budgets"))
    with later([one], 6):
        assert await spent(one)


async def test_who_gives_up_loses_nothing_for_the_next_call(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    async with connections[0]._turn:
        asking = asyncio.create_task(spent(one))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert await spent(one)
    assert connections[0].trips == 1


async def test_rows_of_callers_long_idle_are_deleted(connections: list[Counted], database: Database) -> None:
    one = budgets(connections)[0]
    for number in range(3):
        assert await spent(one, f"idle {number}")
    await age(database, 90_000)
    assert await spent(one, "busy")
    with patch.object(caller_budgets, "_DELETED_AT_ONCE", 2):
        await one.delete_old()
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM caller_budgets"))).scalar() == 1


async def test_callers_who_called_first_are_forgotten_first(connections: list[Counted]) -> None:
    one = CallerBudgets(connections[0], 60, BURST, most_callers=2)
    for name in ("first", "second", "first", "third"):
        assert await spent(one, name)
    assert [name for name, _ in one._accounts] == ["first", "third"]


async def test_a_clock_of_the_database_that_is_set_back_stops_nobody_for_ever(
    connections: list[Counted], database: Database
) -> None:
    limiters = budgets(connections, calls_per_minute=0.6)
    while await spent(limiters[0]):
        pass
    await age(database, -1_000_000)
    assert not await spent(limiters[1]), "nothing is regained by it"
    await age(database, 110)
    with later(limiters, 110):
        assert await spent(limiters[1])


async def test_a_failure_is_no_task_whose_error_nobody_sees(connections: list[Counted]) -> None:
    one = budgets(connections)[0]
    with patch.object(connections[0], "fetch", side_effect=DatabaseError("away")):
        assert await one.spend("greedy", "", 1) is None
