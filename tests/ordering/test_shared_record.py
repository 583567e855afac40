"""Several servers that share one PostgreSQL database: one order at a time for a subscription, whatever ends when."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import Client
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.database import postgresql
from nomos_mcp.database.database import Database
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.database.tables import order_attempts
from nomos_mcp.history.store import History
from nomos_mcp.replicas.order_attempts import OrderAttempt, OrderAttempts
from nomos_mcp.replicas.reconciliation import YOUNG, close_by_word
from nomos_mcp.server import create_server
from nomos_mcp.server.ordering import shared_record, submit
from nomos_mcp.server.ordering.record import Entry
from nomos_mcp.server.request_context import Caller
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Person, yes
from tests.ordering.faults import AFTER_COMMIT, Faulty
from tests.ordering.test_submit import lagging, nomos_behind
from tests.server.conftest import answer_of

pytestmark = pytest.mark.parametrize("engine", ["postgresql"])

KEY = "k" * 32
Replica = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def attempts(database_url: str) -> AsyncIterator[OrderAttempts]:
    database = Database(database_url)
    yield OrderAttempts(database, "127.0.0.1")
    await database.aclose()


@pytest.fixture
def replica(database_url: str) -> Replica:
    """Return what starts one more server of the same database."""

    @asynccontextmanager
    async def started(
        upstream: Faulty, person: Person | None = None, *, caller: Caller | None = None, **settings: Any
    ) -> AsyncIterator[Client]:
        history = History(database_url, lambda: NOW)
        chosen = Settings(**{"confirm": "none", "state_key": KEY, **settings})
        server = create_server(chosen, client=nomos_behind(upstream), clock=lambda: NOW, history=history, caller=caller)
        try:
            async with Client(server, elicitation_callback=person) as client:
                yield client
        finally:
            await history.aclose()

    return started


async def ordered(client: Client, **more: str) -> dict[str, Any]:
    return answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION, **more}))


async def rows(attempts: OrderAttempts) -> list[OrderAttempt]:
    return [each async for each in attempts.exported()]


async def died_while_it_ordered(attempts: OrderAttempts) -> int:
    """Leave behind what a process does that is killed after its order was about to leave."""
    number = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")
    assert await attempts.open(number, SUBSCRIPTION, "", 0) == "open"
    return number


async def test_an_attempt_is_a_row_and_a_line_on_stderr(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    async with replica(Faulty(simulator)) as client:
        answer = await ordered(client)
        again = await ordered(client)
    assert (answer["outcome"], again["outcome"]) == ("ordered", "already_ordered")
    first, second = await rows(attempts)
    assert (first.outcome, first.made_by, first.order_id) == ("ordered", "this_call", answer["order"]["id"])
    assert (first.decision, first.confirmed, first.caller, first.host) == ("yes", "trusted", "local", "127.0.0.1")
    assert first.sent_at is not None
    assert first.closed_at is not None
    assert first.began_at <= first.sent_at <= first.closed_at
    assert (second.outcome, second.sent_at, second.is_open) == ("already_ordered", None, False)
    lines = [json.loads(line)["outcome"] for line in capfd.readouterr().err.splitlines()]
    assert lines == ["begun", "ordered", "already_ordered"]


async def test_calls_at_several_servers_at_a_time_send_one_request(replica: Replica, simulator: Simulator) -> None:
    upstream = Faulty(simulator)
    outcomes: list[str] = []

    async def call() -> None:
        async with replica(upstream) as client:
            outcomes.append((await ordered(client))["outcome"])

    async with anyio.create_task_group() as calls:
        for _ in range(4):
            calls.start_soon(call)
    assert sorted(outcomes) == ["already_ordered"] * 3 + ["ordered"]
    assert upstream.posted == 1


async def test_nothing_is_sent_while_an_attempt_is_open_and_no_order_can_be_seen(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator
) -> None:
    number = await died_while_it_ordered(attempts)
    upstream = Faulty(simulator)
    async with replica(upstream) as client:
        answer = await ordered(client)
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "earlier_attempt")
    assert "this call sent nothing; an earlier one was sent, or about to be, on " in answer["message"]
    assert "nomos-mcp orders reconcile" in answer["next"]
    async with replica(upstream, caller=Caller.customer(DEMO.customers["can_order"])) as client:
        answer = await ordered(client)
    assert answer["reason"] == "earlier_attempt"
    assert "nomos-mcp orders" not in json.dumps(answer)
    assert upstream.posted == 0
    assert [(each.number, each.outcome) for each in await rows(attempts) if each.is_open] == [(number, "begun")]


async def test_the_next_call_closes_an_open_attempt_with_the_order_that_it_finds(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator
) -> None:
    await died_while_it_ordered(attempts)
    async with nomos_behind(Faulty(simulator)) as nomos:
        order = await nomos.meter_orders.create(SUBSCRIPTION)
    async with replica(Faulty(simulator)) as client:
        assert (await ordered(client))["outcome"] == "already_ordered"
    first, _ = await rows(attempts)
    assert (first.is_open, first.outcome, first.order_id) == (False, "ordered", order.id)
    assert (first.made_by, first.closed_by) == ("unknown", "look")


async def test_an_attempt_that_a_person_closes_lets_the_next_one_pass(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator
) -> None:
    number = await died_while_it_ordered(attempts)
    [attempt] = await attempts.newest(limit=1, number=number)
    assert not await close_by_word(attempt, attempts, "not-ordered", "", "Anna")  # its process may be at work
    assert await close_by_word(replace(attempt, age=YOUNG), attempts, "not-ordered", "", "Anna")
    async with replica(Faulty(simulator)) as client:
        assert (await ordered(client))["outcome"] == "ordered"
    first, second = await rows(attempts)
    assert (first.outcome, first.closed_by, second.outcome) == ("not_ordered", "Anna", "ordered")


async def test_an_order_that_appears_while_it_is_waited_for_is_found(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator
) -> None:
    await died_while_it_ordered(attempts)
    async with nomos_behind(Faulty(simulator)) as nomos:
        await nomos.meter_orders.create(SUBSCRIPTION)
    upstream = lagging(simulator, [], blind=4)
    upstream.posted = 1
    async with replica(upstream) as client:
        assert (await ordered(client))["outcome"] == "already_ordered"
    assert [each.is_open for each in await rows(attempts)] == [False, False]


async def test_an_attempt_that_was_refused_for_certain_lets_the_next_one_pass(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator
) -> None:
    async with replica(Faulty(simulator, posts=["403_before"])) as client:
        assert (await ordered(client))["reason"] == "forbidden"
        assert (await ordered(client))["outcome"] == "ordered"
    assert [(each.outcome, each.is_open) for each in await rows(attempts)] == [("refused", False), ("ordered", False)]


@pytest.mark.parametrize("fault", ["reset_before", "500_before"])
async def test_a_lost_answer_leaves_the_attempt_open_and_nothing_is_repeated(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, fault: str
) -> None:
    upstream = Faulty(simulator, posts=[fault])
    async with replica(upstream) as client:
        answer = await ordered(client)
        again = await ordered(client)
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "answer_lost")
    assert (again["outcome"], again["reason"]) == ("outcome_unknown", "earlier_attempt")
    assert upstream.posted == 1
    assert [each.is_open for each in await rows(attempts)] == [True, False]


@pytest.mark.parametrize("fault", AFTER_COMMIT)
async def test_a_lost_answer_whose_order_is_found_closes_the_attempt(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, fault: str
) -> None:
    async with replica(Faulty(simulator, posts=[fault])) as client:
        assert (await ordered(client))["made_by"] == "unknown"
    assert [(each.outcome, each.is_open) for each in await rows(attempts)] == [("ordered", False)]


async def test_a_code_counts_once_on_all_servers(replica: Replica, simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["403_before"])
    async with replica(upstream, confirm="auto") as one, replica(upstream, confirm="auto") as other:
        code = (await ordered(one))["confirmation_code"]
        assert (await ordered(other, confirmation_code=code))["reason"] == "forbidden"
        again = await ordered(one, confirmation_code=code)
    assert (again["outcome"], again["reason"]) == ("refused", "invalid_code")
    assert upstream.posted == 1


async def test_a_question_names_the_orders_that_other_servers_sent(replica: Replica, simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["403_before"])
    person = yes()
    async with replica(upstream) as one, replica(upstream, person, confirm="auto") as other:
        await ordered(one)
        assert (await ordered(other))["outcome"] == "ordered"
    assert all(
        "An order for it was sent, or about to be, before from here, 1 in all." in question for question in person.asked
    )


async def test_a_yes_counts_no_more_for_an_order_once_another_one_was_sent_and_looked_for_again(
    attempts: OrderAttempts,
) -> None:
    first = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")
    second = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")
    assert await attempts.open(first, SUBSCRIPTION, "", 0) == "open"
    assert await attempts.open(second, SUBSCRIPTION, "", 0) == "earlier attempt"
    await attempts.complete(first, SUBSCRIPTION, "refused", reason="forbidden")
    assert await attempts.open(second, SUBSCRIPTION, "", 0) == "earlier attempt"  # its look was before that
    assert await attempts.open(second, SUBSCRIPTION, "", 1) == "open"


async def test_a_look_from_before_another_order_was_sent_opens_nothing_however_late_its_row_is_written(
    attempts: OrderAttempts,
) -> None:
    first = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")
    late = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")
    opened: list[str] = []

    async def open_late() -> None:
        opened.append(await attempts.open(late, SUBSCRIPTION, "", 0))

    async with anyio.create_task_group() as group, attempts.database.unordered() as holder:
        await holder.execute(select(order_attempts).where(order_attempts.c.number == late).with_for_update())
        group.start_soon(open_late)
        waiting = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        while not (await holder.execute(waiting)).scalar_one():  # noqa: ASYNC110  it tells nobody
            await anyio.sleep(0.01)
        assert await attempts.open(first, SUBSCRIPTION, "", 0) == "open"
        await attempts.complete(first, SUBSCRIPTION, "refused", reason="forbidden")
    assert opened == ["earlier attempt"]
    assert [each.sent_at is None for each in await rows(attempts)] == [False, True]


async def test_a_process_that_hangs_while_it_opens_an_attempt_keeps_nobody_waiting_for_long(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Database(database_url)
    number = await attempts.begin(SUBSCRIPTION, "local", "yes", "trusted")

    async def hang() -> None:
        monkeypatch.setattr(postgresql, "HUNG", 0.3)
        async with hanging.unordered() as connection:
            row = update(order_attempts).where(order_attempts.c.number == number)
            await connection.execute(row.values(is_open=True, sent_at=NOW))
            monkeypatch.undo()
            async with replica(Faulty(simulator)) as client:
                assert (await ordered(client))["outcome"] == "ordered"

    with pytest.raises(DatabaseError):
        await hang()
    await hanging.aclose()
    assert [each.sent_at is None for each in await rows(attempts)] == [True, False]


async def test_a_database_that_is_away_refuses_before_anything_is_asked_or_sent(
    simulator: Simulator,
    capfd: pytest.CaptureFixture[str],
    database_url: str,  # noqa: ARG001  PostgreSQL is there
) -> None:
    upstream = Faulty(simulator)
    for caller in (None, Caller.customer(DEMO.customers["can_order"])):
        history = History("postgresql://nomos:s3cr3t@127.0.0.1:1/nomos", lambda: NOW)
        server = create_server(
            Settings(confirm="none"), client=nomos_behind(upstream), clock=lambda: NOW, history=history, caller=caller
        )
        async with Client(server) as client:
            answer = await ordered(client)
        assert (answer["outcome"], answer["reason"]) == ("refused", "no_record")
        assert ("NOMOS_MCP_DATABASE" in answer["message"]) == (caller is None)
        assert "database" in answer["message"]
        assert "AUDIT_FILE" not in json.dumps(answer)
        await history.aclose()
    assert upstream.posted == 0
    assert "s3cr3t" not in capfd.readouterr().err


class Breaking:
    """Breaks the connection at a chosen commit, before PostgreSQL hears of it or after it did it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, when: Callable[[], bool], done: bool) -> None:
        self.broken = 0
        commit = AsyncConnection.commit

        async def breaking(connection: AsyncConnection) -> None:
            if not when() or self.broken:
                await commit(connection)
                return
            self.broken += 1
            if done:
                await commit(connection)
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            raw.driver_connection.terminate()
            await connection.exec_driver_sql("SELECT 1")
            await commit(connection)

        monkeypatch.setattr(AsyncConnection, "commit", breaking)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Tell whether an attempt is being opened."""
    under_way: list[bool] = []
    original = OrderAttempts.open

    async def opened(*arguments: Any) -> Any:
        under_way.append(True)
        try:
            return await original(*arguments)
        finally:
            under_way.clear()

    monkeypatch.setattr(OrderAttempts, "open", opened)
    return under_way


@pytest.mark.parametrize(("done", "outcome"), [(True, "ordered"), (False, "refused")])
async def test_a_commit_that_breaks_is_read_back_before_anything_is_sent(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch,
    opening: list[bool], *, done: bool, outcome: str,
) -> None:  # fmt: skip
    breaking = Breaking(monkeypatch, when=lambda: bool(opening), done=done)
    upstream = Faulty(simulator)
    async with replica(upstream) as client:
        answer = await ordered(client)
    assert breaking.broken == 1
    assert answer["outcome"] == outcome
    assert upstream.posted == len(simulator.ledger) == int(done)
    [row] = await rows(attempts)
    assert (row.outcome, row.is_open, row.sent_at is not None) == (outcome, False, done)


async def test_what_cannot_be_read_back_is_not_sent(
    replica: Replica,
    attempts: OrderAttempts,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    opening: list[bool],
) -> None:
    async def away(*_: object) -> bool:
        raise DatabaseError("The database does not answer.")

    Breaking(monkeypatch, when=lambda: bool(opening), done=True)
    monkeypatch.setattr(OrderAttempts, "is_open_for_certain", away)
    upstream = Faulty(simulator)
    async with replica(upstream) as client:
        assert (await ordered(client))["reason"] == "no_record"
    assert upstream.posted == 0
    [row] = await rows(attempts)
    assert (row.outcome, row.is_open) == ("refused", False)  # it is certain that it never was sent


class Untaken:
    """Lets the database take no outcome while it is `away`; counts how often it was tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away, self.tried = True, 0
        complete = OrderAttempts.complete

        async def failing(*arguments: Any, **more: Any) -> Any:
            self.tried += 1
            if self.away:
                raise DatabaseError("The database does not answer.")
            return await complete(*arguments, **more)

        monkeypatch.setattr(OrderAttempts, "complete", failing)
        monkeypatch.setattr(shared_record, "_PAUSES", (0.0,))


async def test_an_outcome_that_the_database_does_not_take_is_told_and_written_later(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    untaken = Untaken(monkeypatch)
    async with replica(Faulty(simulator)) as client:
        assert (await ordered(client))["outcome"] == "ordered"
        said = capfd.readouterr().err
        assert '"outcome":"ordered"' in said
        assert "the database did not take the outcome of attempt" in said
        assert [each.is_open for each in await rows(attempts)] == [True]
        untaken.away = False
        assert (await ordered(client))["outcome"] == "already_ordered"
    first, _ = await rows(attempts)
    assert (first.is_open, first.outcome, first.made_by) == (False, "ordered", "this_call")


async def test_a_refusal_that_was_not_written_is_written_before_the_next_call_is_told_of_an_open_attempt(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    untaken = Untaken(monkeypatch)
    async with replica(Faulty(simulator, posts=["403_before"])) as client:
        assert (await ordered(client))["reason"] == "forbidden"
        untaken.away = False
        assert (await ordered(client))["outcome"] == "ordered"
    assert [each.outcome for each in await rows(attempts)] == ["refused", "ordered"]


async def test_outcomes_that_were_kept_are_tried_until_the_database_fails_again(
    attempts: OrderAttempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, untaken = shared_record.SharedRecord(attempts.database, "127.0.0.1"), Untaken(monkeypatch)
    entry = Entry(time="", caller="local", subscription=SUBSCRIPTION)
    for number in (1, 2, 3):
        record.keep(shared_record.RowOfAttempt(number, entry, record))
    await record.begin(entry)
    assert untaken.tried == 1
    untaken.away = False
    await record.begin(entry)
    assert untaken.tried == 4


async def test_an_attempt_that_somebody_closed_before_it_was_sent_is_not_sent(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = OrderAttempts.begin

    async def closed_at_once(of: OrderAttempts, *arguments: str) -> int:
        number = await begin(of, *arguments)
        async with of.database.unordered() as connection:
            await connection.execute(update(order_attempts).values(outcome="refused"))
        return number

    monkeypatch.setattr(OrderAttempts, "begin", closed_at_once)
    upstream = Faulty(simulator)
    async with replica(upstream) as client:
        assert (await ordered(client))["reason"] == "not_sent"
    assert upstream.posted == 0
    assert len(await rows(attempts)) == 1


async def test_a_caller_who_goes_away_while_the_attempt_is_opened_gets_no_installer(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, gone = OrderAttempts.open, anyio.CancelScope()

    async def opened(*arguments: Any) -> Any:
        result = await original(*arguments)
        gone.cancel()
        return result

    monkeypatch.setattr(OrderAttempts, "open", opened)
    upstream = Faulty(simulator)
    async with replica(upstream) as client:
        with gone:
            await ordered(client)
    assert upstream.posted == 0
    assert [(each.outcome, each.is_open) for each in await rows(attempts)] == [("cancelled", False)]


async def test_a_deadline_that_passes_after_the_request_leaves_the_attempt_open(
    replica: Replica, attempts: OrderAttempts, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(submit.Submission, "_find", never)
    monkeypatch.setattr(submit, "DEADLINE", 2.0)
    async with replica(Faulty(simulator, posts=["reset_after"])) as client:
        assert (await ordered(client))["outcome"] == "outcome_unknown"
    assert [(each.outcome, each.is_open) for each in await rows(attempts)] == [("outcome_unknown", True)]
