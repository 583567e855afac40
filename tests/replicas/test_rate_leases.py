"""The function that leases slots, in PostgreSQL: it does what the model does that the other tests use."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from nomos_mcp.database.database import Database
from nomos_mcp.database.postgresql import SharedConnection
from nomos_mcp.replicas.rate_leases import RateLeases, credentials_key
from tests.replicas.lease_table import LeaseTable

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["postgresql"])]

LONG = 59.0
TURN = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[SharedConnection]:
    database = Database(database_url)
    connection = SharedConnection(SecretStr(database_url), database.open)
    yield connection
    await connection.aclose()
    await database.aclose()


async def now(connection: SharedConnection) -> float:
    return float((await connection.fetch(TURN))[0]["now"])


@pytest.mark.parametrize("seed", range(4))
async def test_it_grants_what_the_model_grants(connection: SharedConnection, seed: int) -> None:
    dice, model = random.Random(seed), LeaseTable()  # noqa: S311  numbers, not secrets
    holders = [RateLeases(connection, "one") for _ in range(dice.choice([2, 5, 14]))]
    other = RateLeases(connection, "another")
    compared = 0
    for _ in range(120):
        leases, busy = dice.choice(holders), dice.choice([0, 0, 1, 3])
        request = (10, busy, busy + dice.randint(0, 10 - busy), LONG, dice.choice([0.0, 0.0, 0.0, 50.0]))
        before = await now(connection)
        grant = await leases.exchange(*request)
        expected = model.exchange(leases._holder, request, now=before)
        if int(before / 2) != int(await now(connection) / 2):
            return  # the order moved on meanwhile, perhaps
        assert (grant.slots, grant.share) == (expected.slots, expected.share)
        assert grant.held_for == pytest.approx(expected.held_for, abs=1)
        assert grant.lapses_in == (None if expected.lapses_in is None else pytest.approx(expected.lapses_in, abs=1))
        await other.exchange(10, 10, 10, LONG, 0.0)  # has a limit of its own
        compared += 1
    assert compared == 120


async def test_leases_that_ended_are_free_and_others_are_not(connection: SharedConnection) -> None:
    one, two = RateLeases(connection, "one"), RateLeases(connection, "one")
    assert (await one.exchange(10, 10, 10, 0.2, 0.0)).slots == 10
    asked = await now(connection)
    while not (grant := await two.exchange(10, 0, 10, LONG, 0.0)).slots:
        assert grant.share == 5
    assert grant.slots == 10
    assert await now(connection) - asked > 0.15


async def test_a_clock_that_is_set_back_keeps_no_slots_from_others(connection: SharedConnection) -> None:
    one, two = RateLeases(connection, "one"), RateLeases(connection, "one")
    await one.exchange(10, 10, 10, LONG, 50.0)
    await connection.fetch("UPDATE rate_leases SET ends_at = ends_at + interval '1 hour'")
    grant = await two.exchange(10, 0, 10, LONG, 0.0)
    assert (grant.slots, grant.held_for) == (10, 0)


async def test_a_busy_slot_is_granted_in_any_case(connection: SharedConnection) -> None:
    one, two = RateLeases(connection, "one"), RateLeases(connection, "one")
    await one.exchange(10, 0, 10, LONG, 0.0)
    assert (await two.exchange(10, 0, 10, LONG, 0.0)).slots == 0
    assert (await two.exchange(10, 2, 10, LONG, 0.0)).slots == 2


async def test_what_upstream_said_to_one_holds_all_until_then(connection: SharedConnection) -> None:
    one, two = RateLeases(connection, "one"), RateLeases(connection, "one")
    assert (await one.exchange(10, 1, 1, LONG, 30.0)).held_for == pytest.approx(30, abs=5)
    assert (await two.exchange(10, 0, 1, LONG, 20.0)).held_for == pytest.approx(30, abs=5)
    assert (await RateLeases(connection, "another").exchange(10, 0, 1, LONG, 0.0)).held_for == 0


async def test_holders_that_ask_at_once_never_get_more_than_there_is(
    connection: SharedConnection, database_url: str
) -> None:
    others = [SharedConnection(SecretStr(database_url), _nothing) for _ in range(4)]
    await connection.fetch("SELECT 1")

    async def ask(leases: RateLeases) -> None:
        for _ in range(50):
            await leases.exchange(10, 0, dice.randint(1, 10), LONG, 0.0)

    dice = random.Random(1)  # noqa: S311  numbers, not secrets
    asking = asyncio.gather(*(ask(RateLeases(other, "one")) for other in others))
    while not asking.done():
        [row] = await connection.fetch("SELECT coalesce(sum(slots), 0) AS slots FROM rate_leases")
        assert row["slots"] <= 10
    await asking
    for other in others:
        await other.aclose()


async def test_a_server_that_would_show_old_rows_to_who_waited_is_not_asked_to(
    connection: SharedConnection, database_url: str
) -> None:
    name = urlsplit(database_url).path[1:]
    await connection.fetch(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    another = SharedConnection(SecretStr(database_url), _nothing)
    [row] = await another.fetch("SELECT current_setting('transaction_isolation') AS level")
    assert row["level"] == "read committed"
    await another.aclose()


async def test_the_table_holds_no_secret(connection: SharedConnection) -> None:
    await RateLeases(connection, credentials_key("https://api.nomos.energy", "s3cr3t-token")).exchange(10, 0, 1, 1, 0.0)
    rows: Any = await connection.fetch("SELECT * FROM rate_leases")
    assert len(rows) == 1
    assert "s3cr3t" not in str(rows)


async def _nothing() -> None: ...
