"""`list_order_changes`: what became of the orders, with a history and without one."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from sqlalchemy import insert

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.database.database import IN_MEMORY, DatabaseError
from nomos_mcp.database.tables import runs
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.runs import Gap
from nomos_mcp.history.store import History
from nomos_mcp.server import Caller, create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import Connect, answer_of, asked_of, error_of
from tests.server.test_budget import PAGE_OF_ORDERS, tokens, with_real_ids
from tests.server.test_leaks import Questions, leaks, tool
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=("since", "until", "customer_id", "order_id", "kind", "limit", "cursor"),
    call={"since": "2026-06-01"},
    names_no_object=("since", "until", "kind", "limit", "cursor"),
    sees_everything={"since": "2020-01-01", "limit": 100},
)

TOOL = "list_order_changes"
DAY = timedelta(days=1)
ORDER, SUBSCRIPTION, CUSTOMER = (
    kind["blocked_check_missing"] for kind in (DEMO.orders, DEMO.subscriptions, DEMO.customers)
)
LOOK = OrderLook(
    order_id=ORDER,
    subscription_id=SUBSCRIPTION,
    customer_id=CUSTOMER,
    api_version=CURIE,
    status="placed",
    created_at=NOW - 20 * DAY,
    seen_at=NOW - 10 * DAY,
    seen_by="poll",
)
BLOCKED = replace(
    LOOK, blocked_at=NOW - 5 * DAY, blocked_reason="check_missing", seen_at=NOW - 4 * DAY, seen_by="webhook"
)
OTHER = replace(
    LOOK,
    order_id=DEMO.orders["placed"],
    subscription_id=DEMO.subscriptions["placed"],
    customer_id=DEMO.customers["placed"],
)


@pytest.fixture
async def history() -> AsyncIterator[History]:
    made = History(IN_MEMORY, lambda: NOW)
    yield made
    await made.aclose()


async def ran(history: History, *starts: datetime) -> None:
    """Have complete runs of watching begun at these times."""
    counted = {"requests": 1, "orders_read": 1, "changes": 0}
    rows = [
        {"started_at": start, "holder": "", "heartbeat_at": start, "finished_at": start, "not_covered": "", **counted}
        for start in starts
    ]
    async with history.database.writing() as connection:
        await connection.execute(insert(runs), rows)


@asynccontextmanager
async def remembering(
    simulator: Simulator, history: History, *, caller: Caller | None = None, version: ApiVersion = CURIE
) -> AsyncIterator[Client]:
    """Connect to a server with a history."""
    async with client_for(simulator, version) as nomos:
        server = create_server(Settings(), client=nomos, clock=lambda: NOW, history=history, caller=caller)
        async with Client(server) as client:
            yield client


async def fed(client: Client, **arguments: Any) -> dict[str, Any]:
    return answer_of(await client.call_tool(TOOL, arguments))


def became(line: str) -> str:
    """Return what an order became, as a line says."""
    return line.split("; ", maxsplit=1)[0].split(": ", 1)[1].rpartition("→ ")[2]


async def test_without_a_history_the_feed_is_what_the_api_dates(assistant: Client, simulator: Simulator) -> None:
    answer = await fed(assistant, since="2020-01-01", limit=100)
    told = {(line.split()[0], became(line)) for line in answer["changes"]}
    async with client_for(simulator) as nomos:
        orders = [order async for order in nomos.meter_orders.list()]
    dated = {(order.id, "created") for order in orders}
    dated |= {
        (order.id, name) for order in orders for name in ("installed", "activated") if getattr(order, f"{name}_at")
    }
    dated |= {(order.id, f"cancelled: {order.cancelled_reason}") for order in orders if order.cancelled_at}
    dated |= {(order.id, f"blocked: {order.blocked_reason}") for order in orders if order.blocked_at}
    assert answer["has_more"] or told == dated
    assert told <= dated
    assert (answer["complete"], len(answer["not_covered"])) == (False, 1)
    assert "Not placed, checks, scheduling, unblocking" in answer["not_covered"][0]


async def test_a_line_says_what_became_of_whose_order_when_and_whose_turn_it_is_now(assistant: Client) -> None:
    answer = await fed(assistant, kind="blocked", order_id=ORDER)
    assert answer["changes"] == [f"{ORDER} {CUSTOMER}: blocked: check_missing; 10 Jun; turn: customer"]
    assert answer["note"] == "Since 8 Jun 2026: 7 days, by default."


async def test_an_order_is_found_by_its_subscription_too(assistant: Client) -> None:
    by_order = await fed(assistant, since="2020-01-01", order_id=ORDER)
    by_subscription = await fed(assistant, since="2020-01-01", order_id=SUBSCRIPTION)
    assert by_order["changes"] == by_subscription["changes"] != []
    mixed = await fed(assistant, since="2020-01-01", order_id=ORDER, customer_id=DEMO.customers["placed"])
    assert mixed["changes"] == []


@pytest.mark.parametrize("kind", ["unblocked", "appointment"])
async def test_what_the_api_does_not_date_is_not_looked_for(assistant: Client, simulator: Simulator, kind: str) -> None:
    answer = await fed(assistant, kind=kind)
    assert (answer["changes"], answer["complete"]) == ([], False)
    assert asked_of(simulator) == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("status", {"created", "installed", "activated", "cancelled"}),
        ("blocked", {"blocked"}),
        ("activated", {"activated"}),
        ("cancelled", {"cancelled"}),
    ],
)
async def test_a_kind_narrows_the_feed(assistant: Client, kind: str, told: set[str]) -> None:
    answer = await fed(assistant, since="2020-01-01", limit=100, kind=kind)
    assert {became(line).split(":")[0] for line in answer["changes"]} == told


async def test_edison_tells_that_an_order_was_updated_and_not_how(connect: Connect, simulator: Simulator) -> None:
    async with connect(EDISON) as client:
        answer = await fed(client, since="2026-06-10", limit=100)
        told = {(line.split()[0], became(line)) for line in answer["changes"]}
        assert "updated: what changed is not shown in this API version." in answer["note"]
        assert (await fed(client, kind="blocked"))["changes"] == []
    async with client_for(simulator, EDISON) as nomos:
        since = datetime.fromisoformat("2026-06-10T00:00+02:00")
        orders = [order async for order in nomos.meter_orders.list(updated_after=since)]
    assert {order for order, _ in told} == {order.id for order in orders}
    assert {what for _, what in told} == {"intended", "created", "updated"}
    assert asked_of(simulator)[0].count("filter%5Bupdated_at%5D%5Bgte%5D") == 1


async def test_edison_says_of_how_many_orders_it_cannot_tell_whether_they_changed_before(connect: Connect) -> None:
    async with connect(EDISON) as client:
        answer = await fed(client, since="2026-01-01", until="2026-06-09", limit=100)
    assert re.match(r"\d+ updated after that time, so whether within it is not shown: prdo_", answer["not_covered"][1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": "2026-06-16"}, "since lies in the future"),
        ({"since": "2026-06-10", "until": "2026-06-09"}, "since is later than until"),
        ({"since": "2026-06-10T10:00:00"}, "a time without a zone"),
        ({"until": "yesterday"}, "until 'yesterday' is not a date"),
        ({"kind": "moved"}, "Argument 'kind'"),
        ({"order_id": "evt_1"}, "it is the ID of an event"),
        ({"customer_id": "prdo_1"}, "is not a valid customer ID"),
        ({"cursor": "x"}, "The cursor is malformed"),
        ({"cursor": "x.0.1.abc||"}, "The cursor is malformed"),
        ({"cursor": "x.0.1.2.0||"}, "The cursor belongs to another query"),
    ],
)
async def test_a_wrong_argument_is_explained(assistant: Client, arguments: dict[str, str], said: str) -> None:
    result = await assistant.call_tool(TOOL, arguments)
    assert result.is_error
    assert said in error_of(result)


async def test_today_is_no_future(assistant: Client) -> None:
    assert (await fed(assistant, since="2026-06-10", until="2026-06-15"))["changes"]


async def test_a_page_of_twenty_changes_stays_cheap(connect: Connect, simulator: Simulator, history: History) -> None:
    pages = []
    for version in (CURIE, EDISON):
        async with connect(version) as client:
            pages.append(error_of(await client.call_tool(TOOL, {})))
    before = [
        replace(LOOK, order_id=f"prdo_{number:024}", customer_id=f"cus_{number:024}", created_at=NOW - 300 * DAY)
        for number in range(24)
    ]
    for seen_at, looks in (
        (NOW - 2 * DAY, before),
        (NOW - DAY, [replace(look, status="check_submitted") for look in before[:12]]),
        (NOW - DAY, [replace(BLOCKED, **{**_ids(look), "blocked_at": NOW - 1.5 * DAY}) for look in before[12:]]),
    ):
        await history.record(replace(look, seen_at=seen_at) for look in looks)
    await ran(history, NOW - 30 * DAY, NOW - DAY)
    async with remembering(simulator, history) as client:
        pages.append(error_of(await client.call_tool(TOOL, {})))
    for page in pages:
        assert page.count("turn: ") >= 17
        assert tokens(page) <= PAGE_OF_ORDERS
        assert tokens(with_real_ids(page)) <= PAGE_OF_ORDERS


def _ids(look: OrderLook) -> dict[str, Any]:
    return {"order_id": look.order_id, "customer_id": look.customer_id, "created_at": look.created_at}


async def test_with_a_history_steps_that_the_api_does_not_date_are_told_between_two_looks(
    simulator: Simulator, history: History
) -> None:
    checked = replace(LOOK, status="check_submitted", seen_at=NOW - 2 * DAY)
    looks = [LOOK, BLOCKED, checked, replace(checked, status="check_reviewed", seen_at=NOW - 1.9 * DAY)]
    for start in (NOW - days * DAY for days in range(30, -1, -1)):
        await history.record(look for look in looks if start - DAY < look.seen_at <= start)
        await ran(history, start)
    async with remembering(simulator, history) as client:
        before = asked_of(simulator)
        answer = await fed(client, since="2026-05-20", until="2026-06-15T12:00+02:00")
        assert asked_of(simulator) == before
    turn = "turn: installation_partner"
    assert [line.removeprefix(f"{ORDER} {CUSTOMER}: ") for line in answer["changes"]] == [
        f"check_submitted → check_reviewed; between 12:00 and 14:24 on 13 Jun; {turn}",
        f"blocked: check_missing → check_submitted; between 12 and 13 Jun; {turn}",
        f"placed → check_submitted; between 12 and 13 Jun; {turn}",
        f"placed → blocked: check_missing; 10 Jun, known 11 Jun; {turn}",
        f"placed; between 26 May and 5 Jun; {turn}",
        f"created; 26 May, known 5 Jun; {turn}",
    ]
    assert (answer["complete"], answer.get("not_covered")) == (True, None)
    assert answer["note"] == "Whose turn it is: as last recorded."


async def test_an_appointment_is_told_by_berlins_clocks(simulator: Simulator, history: History) -> None:
    dated = replace(LOOK, appointment_at=datetime.fromisoformat("2026-06-27T09:00Z"), seen_at=NOW - 2 * DAY)
    await history.record([LOOK])
    await history.record([dated])
    await history.record([replace(dated, appointment_at=datetime.fromisoformat("2026-11-02T09:30Z"), seen_at=NOW)])
    async with remembering(simulator, history) as client:
        answer = await fed(client, kind="appointment", since="2026-06-01")
    assert [line.split(": ", 1)[1].split("; ")[0] for line in answer["changes"]] == [
        "appointment 27 Jun 2026, 11:00 CEST → appointment 2 Nov 2026, 10:30 CET",
        "no appointment → appointment 27 Jun 2026, 11:00 CEST",
    ]


async def test_what_watching_did_not_cover_is_named(simulator: Simulator, history: History) -> None:
    await history.record([LOOK])
    await ran(history, NOW - 12 * DAY, NOW - 11 * DAY, NOW - 2 * DAY)
    async with remembering(simulator, history) as client:
        answer = await fed(client, since="2026-01-01")
        covered = await fed(client, since="2026-06-03T14:00+02:00", until="2026-06-04T10:00+02:00")
    assert answer["not_covered"] == [
        "1 Jan 2026, 00:00 to 3 Jun 2026, 12:00: before watching began",
        "4 Jun 2026, 12:00 to 13 Jun 2026, 12:00: no look for more than 36 hours",
        "13 Jun 2026, 12:00 to 15 Jun 2026, 12:00: after the last complete look at all orders",
    ]
    assert (answer["complete"], covered["complete"]) == (False, True)


@pytest.mark.parametrize("moment", ["2026-06-04T10:00:00Z", "2026-06-15T10:00:00Z"])
async def test_a_single_moment_is_not_covered_without_watching(
    simulator: Simulator, history: History, moment: str
) -> None:
    await history.record([LOOK])
    async with remembering(simulator, history) as client:
        unwatched = await fed(client, since=moment, until=moment)
        await ran(history, NOW - 12 * DAY, NOW - 11 * DAY)
        watched = await fed(client, since=moment, until=moment)
    assert (unwatched["complete"], watched["complete"]) == (False, moment == "2026-06-04T10:00:00Z")


async def test_an_order_that_seems_to_have_gone_back_is_named_until_it_is_known(
    simulator: Simulator, history: History
) -> None:
    blocked = replace(LOOK, blocked_reason="check_missing", seen_at=NOW - timedelta(minutes=70))
    await history.record([LOOK])
    await ran(history, *(NOW - days * DAY for days in range(12, 0, -1)))
    await history.record([blocked])
    await history.record([replace(LOOK, seen_at=NOW - timedelta(minutes=60))])  # too soon to be believed
    await ran(history, NOW - timedelta(minutes=60))
    asked = {"since": "2026-06-14T00:00:00Z", "until": "2026-06-15T09:00:00Z"}
    async with remembering(simulator, history) as client:
        doubted, of_it = await fed(client, **asked), await fed(client, **asked, order_id=ORDER)
        before = await fed(client, since="2026-06-13T00:00:00Z", until="2026-06-14T09:00:00Z")
        async with remembering(simulator, history, caller=Caller.customer(OTHER.customer_id)) as other:
            assert (await fed(other, **asked))["complete"]
    for answer in (doubted, of_it):
        assert (answer["complete"], answer["not_covered"]) == (
            False,
            ["1 order that a look showed otherwise than recorded: not certain yet"],
        )
    assert before["complete"]


async def test_of_many_gaps_the_last_five_are_named(simulator: Simulator, history: History) -> None:
    await history.record([LOOK])
    await ran(history, *(NOW - days * DAY for days in range(30, 0, -2)))
    async with remembering(simulator, history) as client:
        answer = await fed(client, since="2026-05-17")
    assert len(answer["not_covered"]) == 6
    assert answer["not_covered"][-1] == "and 10 more before"


async def test_a_time_of_which_the_history_knows_nothing_is_told_as_without_one(
    simulator: Simulator, history: History
) -> None:
    async with remembering(simulator, history) as client:
        answer = await fed(client)
    assert len(answer["changes"]) > 10
    assert answer["not_covered"][0] == "The history: nothing is recorded of this."


async def test_an_order_that_is_not_in_the_history_is_read(simulator: Simulator, history: History) -> None:
    await ran(history, *(NOW - days * DAY for days in range(30, -1, -1)))
    async with remembering(simulator, history) as client:
        answer = await fed(client, order_id=ORDER)
        unknown = await client.call_tool(TOOL, {"order_id": "prdo_000000000000000000000000"})
    assert [line.split(": ", 1)[1] for line in answer["changes"]] == ["blocked: check_missing; 10 Jun; turn: customer"]
    assert not answer["complete"]
    assert unknown.is_error


async def test_of_an_order_that_is_in_the_history_nomos_is_not_asked(simulator: Simulator, history: History) -> None:
    await history.record([LOOK])
    await ran(history, *(NOW - days * DAY for days in range(30, -1, -1)))
    async with remembering(simulator, history) as client:
        before = asked_of(simulator)
        answers = [await fed(client, order_id=each, until="2026-06-15T12:00+02:00") for each in (ORDER, SUBSCRIPTION)]
    assert asked_of(simulator) == before
    assert [(answer["changes"], answer["complete"]) for answer in answers] == [([], True)] * 2


async def test_the_default_ends_where_the_question_ends(assistant: Client) -> None:
    answer = await fed(assistant, until="2026-05-20")
    assert answer["note"] == "Since 13 May 2026: 7 days, by default."


async def test_a_database_that_fails_costs_no_answer(
    simulator: Simulator, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise DatabaseError("The disk of the database is full.")

    monkeypatch.setattr(history.runs, "gaps", failing)
    async with remembering(simulator, history) as client:
        answer = await fed(client)
    assert len(answer["changes"]) > 10
    assert answer["not_covered"][0] == "The history: The disk of the database is full."
    async with remembering(simulator, history, caller=Caller.customer(CUSTOMER)) as client:
        monkeypatch.setattr(History, "for_customer", lambda *_: history)
        assert (await fed(client))["not_covered"][0] == "The history cannot be read now."


async def test_a_history_that_fails_in_a_way_that_nobody_foresaw_costs_no_answer(
    simulator: Simulator, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise OverflowError("s3cr3t")

    monkeypatch.setattr(history.runs, "gaps", failing)
    async with remembering(simulator, history) as client:
        answer = await fed(client)
    assert len(answer["changes"]) > 10
    assert answer["not_covered"][0] == "The history: It failed in a way that is not foreseen; the log names it."


async def test_a_database_that_does_not_answer_is_not_waited_for(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    history = History(str(tmp_path / "history.db"), lambda: NOW)
    monkeypatch.setattr("nomos_mcp.server.order_history.MOST", 0.01)
    monkeypatch.setattr(history.runs, "gaps", lambda *_: anyio.sleep_forever())
    async with remembering(simulator, history) as client:
        answer = await fed(client)
    await history.aclose()
    assert len(answer["changes"]) > 10
    assert "did not answer" in answer["not_covered"][0]


async def test_a_history_in_memory_is_waited_for(
    simulator: Simulator, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = history.runs.gaps

    async def late(*asked: datetime) -> list[Gap]:
        await anyio.sleep(0.01)  # longer than anything else is waited for
        return await gaps(*asked)

    for module in ("order_history", "tools.list_order_changes"):
        monkeypatch.setattr(f"nomos_mcp.server.{module}.MOST", 0)
    monkeypatch.setattr(history.runs, "gaps", late)
    await history.record([BLOCKED])
    async with remembering(simulator, history) as client:
        answer = await fed(client, order_id=ORDER)
    assert answer["note"].endswith("as last recorded.")


async def test_a_cursor_of_the_history_is_not_gone_on_with_elsewhere(
    simulator: Simulator, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    await history.record([BLOCKED])
    async with remembering(simulator, history) as client:
        first = await fed(client, since="2026-01-01", limit=1)

        async def failing(*_: object) -> None:
            raise DatabaseError("gone")

        monkeypatch.setattr(history.runs, "gaps", failing)
        arguments = {"since": "2026-01-01", "limit": 1, "cursor": first["next_cursor"]}
        result = await client.call_tool(TOOL, arguments)
    assert result.is_error
    assert "Repeat the call in a minute, or leave the cursor out" in error_of(result)


async def test_a_cursor_does_not_show_how_many_changes_there_are(simulator: Simulator, history: History) -> None:
    await history.record(replace(OTHER, order_id=f"prdo_{number}") for number in range(700))
    await history.record([BLOCKED])
    numbers = {str(change.number) for change in await history.changes(order_id=ORDER, limit=9)}
    arguments = {"since": "2026-01-01", "limit": 1}
    async with remembering(simulator, history, caller=Caller.customer(CUSTOMER)) as client:
        cursor = (await fed(client, **arguments))["next_cursor"]
        for tie in ("701", "abc", "é" * 14, cursor.split(".")[3] + "0"):
            forged = cursor.replace(cursor.split(".")[3], tie)
            assert "malformed" in error_of(await client.call_tool(TOOL, {**arguments, "cursor": forged}))
        assert (await fed(client, **arguments, cursor=cursor))["returned"] == 1
    assert numbers.isdisjoint(re.split(r"\W", cursor))


async def test_a_caller_of_one_customer_is_told_of_that_customers_orders_only(
    simulator: Simulator, history: History
) -> None:
    await history.record([BLOCKED, OTHER])
    await ran(history, *(NOW - days * DAY for days in range(30, -1, -1)))
    others = {"order_id": OTHER.order_id}, {"order_id": "prdo_000000000000000000000000"}
    async with remembering(simulator, history, caller=Caller.customer(CUSTOMER)) as client:
        own = await fed(client, since="2026-01-01")
        foreign = await fed(client, since="2026-01-01", customer_id=OTHER.customer_id)
        refused = [error_of(await client.call_tool(TOOL, arguments)) for arguments in others]
    assert {line.split()[0] for line in own["changes"]} == {ORDER}
    assert foreign["changes"] == []
    assert foreign["note"].startswith("Only your own orders")
    assert refused[0] == refused[1]
    async with remembering(simulator, history) as client:
        everybody = await fed(client, since="2026-01-01")
    assert {line.split()[0] for line in everybody["changes"]} == {ORDER, OTHER.order_id}


@pytest.mark.parametrize("is_watched", [True, False])
async def test_a_history_of_everybodys_orders_tells_one_customer_nothing_of_others(
    simulator: Simulator, history: History, *, is_watched: bool
) -> None:
    async with client_for(simulator) as nomos:
        orders = [order async for order in nomos.meter_orders.list()]
    await history.record(OrderLook.of(order, CURIE, seen_at=NOW - DAY, seen_by="poll") for order in orders)
    if is_watched:
        await ran(history, *(NOW - days * DAY for days in range(30, -1, -1)))
    questions = Questions()
    for argument, kind in (("order_id", "order"), ("order_id", "subscription"), ("customer_id", "customer")):
        questions.by_id[f"{argument} of {kind}"] = kind, tool(TOOL, argument)
    questions.open[TOOL] = tool(TOOL)
    async with remembering(simulator, history, caller=Caller.customer(CUSTOMER)) as client:
        assert await leaks(questions, client, simulator) == []
    async with remembering(simulator, history) as client:
        assert await leaks(questions, client, simulator) != []
