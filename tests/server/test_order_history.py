"""An order's past: what reads saw is recorded, and told with its dates, beside the explanation."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import Audience
from nomos_mcp.server import create_server
from nomos_mcp.server.nomos_server import NomosServer
from nomos_mcp.server.order_history import past_of, past_steps
from nomos_mcp.server.request_context import Caller
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.views import TargetState
from tests.conftest import NOW, client_for
from tests.server.conftest import answer_of, error_of
from tests.server.test_budget import tokens

DAY = timedelta(days=1)
PLACED = DEMO.orders["placed"]
READ = "get_meter_order"


class World:
    """A simulator whose orders are moved day by day, and the history of those who ask about them."""

    def __init__(self) -> None:
        self.now = NOW
        self.simulator = Simulator(now=lambda: self.now)
        self.history = History(IN_MEMORY, lambda: self.now)

    def put(self, name: str, **state: Any) -> None:
        self.simulator.put_order(DEMO.orders[name], TargetState(**state))

    def passes(self, days: float) -> None:
        self.now += days * DAY

    @asynccontextmanager
    async def asked(
        self, version: ApiVersion = CURIE, caller: Caller | None = None, history: History | None = None
    ) -> AsyncIterator[Client]:
        async with client_for(self.simulator, version) as nomos:
            kept = history or self.history
            server = create_server(Settings(), client=nomos, clock=lambda: self.now, caller=caller, history=kept)
            async with Client(server) as client:
                yield client


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.history.aclose()


async def test_what_became_of_an_order_between_two_reads_is_told_with_both_bounds(world: World) -> None:
    async with world.asked() as client:
        assert "history" not in answer_of(await client.call_tool(READ, {"order_id": PLACED}))
        world.passes(1)
        world.put("placed", status="check_submitted")
        world.passes(2)
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert answer["history"] == [
        {"what": "created", "when": "9 Jun 2026", "source": "documented"},
        {"what": "placed → check_submitted", "after": "15 Jun", "by": "18 Jun 2026", "source": "observed"},
    ]
    (look, _) = await world.history.looks(PLACED)
    assert (look.seen_by, look.seen_at) == ("read", NOW)


async def test_a_line_says_what_an_order_was_before_only_where_the_line_before_does_not(world: World) -> None:
    async with world.asked() as client:
        for state in ({"blocked_reason": "check_missing"}, {"status": "check_submitted"}, {"status": "check_reviewed"}):
            await client.call_tool(READ, {"order_id": PLACED})
            world.put("placed", **state)
            world.passes(1)
        answer = answer_of(await client.call_tool("explain_status", {"order_id": PLACED}))
    assert [step["what"] for step in answer["history"]] == [
        "created", "placed → blocked: check_missing", "placed → check_submitted", "unblocked", "check_reviewed"
    ]  # fmt: skip


async def test_two_looks_on_one_day_are_one_day(world: World) -> None:
    async with world.asked() as client:
        await client.call_tool(READ, {"order_id": PLACED})
        world.passes(1 / 24)
        world.put("placed", status="scheduled", appointment_at=datetime.fromisoformat("2026-07-01T08:00Z"))
        steps = answer_of(await client.call_tool(READ, {"order_id": PLACED}))["history"]
    assert steps[1:] == [
        {"what": "placed → scheduled", "when": "15 Jun 2026", "source": "observed"},
        {"what": "appointment 1 Jul 2026, 10:00 CEST", "when": "15 Jun 2026", "source": "observed"},
    ]


@pytest.mark.parametrize(
    ("appointment", "shown"),
    [
        ("2026-07-01", "1 Jul 2026"),
        ("2026-07-01T08:00:00Z", "1 Jul 2026, 10:00 CEST"),
        ("0001-01-01T00:00:00Z", "0001-01-01"),
        ("0001-01-01T08:00:00Z", "0001-01-01T08:00:00Z"),
        ("9999-12-31T23:59:00Z", "9999-12-31T23:59:00Z"),
    ],
)
async def test_an_appointment_is_told_with_no_time_that_nomos_did_not_say(
    world: World, appointment: str, shown: str
) -> None:
    async with client_for(world.simulator) as nomos:
        order = await nomos.meter_orders.get(DEMO.orders["scheduled"])
        server = create_server(Settings(), client=nomos, clock=lambda: world.now, history=world.history)
        assert isinstance(server, NomosServer)
        without, seen = (
            type(order).model_validate({**order.model_dump(mode="json"), "appointment_at": moment})
            for moment in (None, appointment)
        )
        await past_of(without, server.context, world.now)
        world.passes(1)
        past = await past_of(seen, server.context, world.now)
    told: dict[Audience, str] = {"agent": "appointment ", "customer": "Appointment: "}
    for audience, words in told.items():
        steps = past_steps(seen, past, audience, "en")
        assert steps
        assert steps[-1].what == f"{words}{shown}"


async def test_an_order_that_is_blocked_again_is_said_to_be(world: World) -> None:
    answer: dict[str, Any] = {}
    async with world.asked() as client:
        for blocked in (True, False, True):
            world.put("placed", status="placed", blocked_reason="check_missing" if blocked else None)
            world.passes(1)
            answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
            world.passes(1)
        asked = {"order_id": PLACED, "audience": "customer", "language": "de"}
        for_customer = answer_of(await client.call_tool(READ, asked))
        world.put("placed", status="placed")
        free = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert answer["explanation"]["blocked"]["since"] == "19 Jun 2026 (1 day ago), for the second time"
    assert for_customer["explanation"]["blocked"]["since"] == "19.06.2026, zum zweiten Mal"
    assert "blocked" not in free["explanation"]


async def test_blocks_between_two_looks_are_told_apart_by_their_times(world: World) -> None:
    async with world.asked() as client:
        world.put("placed", blocked_reason="check_missing")
        await client.call_tool(READ, {"order_id": PLACED})
        for _ in range(2):
            world.passes(1)
            world.put("placed", status="placed")
            world.passes(1)
            world.put("placed", blocked_reason="check_missing")
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert answer["explanation"]["blocked"]["since"] == "19 Jun 2026 (today), for the second time"


async def test_a_block_whose_time_cannot_be_read_for_a_while_is_one_block(world: World) -> None:
    blocked = {"blocked_reason": "check_missing", "blocked_at": "2026-06-10T08:00:00Z"}
    async with client_for(world.simulator) as nomos:
        order = await nomos.meter_orders.get(PLACED)
        server = create_server(Settings(), client=nomos, clock=lambda: world.now, history=world.history)
        assert isinstance(server, NomosServer)
        for moment in (blocked["blocked_at"], "10. Juni", blocked["blocked_at"], "2026-06-09T08:00:00Z"):
            world.passes(1)
            said = {**order.model_dump(mode="json"), **blocked, "blocked_at": moment}
            past = await past_of(type(order).model_validate(said), server.context, world.now)
            assert past.times_blocked == 1


async def test_a_customer_reads_labels_in_their_language_and_no_word_of_the_api(world: World) -> None:
    steps: dict[str, str] = {}
    async with world.asked() as client:
        await client.call_tool(READ, {"order_id": PLACED})
        for state in (
            {"blocked_reason": "check_missing"},
            {"status": "check_submitted"},
            {"status": "scheduled", "appointment_at": datetime.fromisoformat("2026-07-01T08:00Z")},
        ):
            world.passes(1)
            world.put("placed", **state)
            await client.call_tool(READ, {"order_id": PLACED})
        for language in ("en", "de"):
            asked = {"order_id": PLACED, "audience": "customer", "language": language}
            steps[language] = "; ".join(
                step["what"] for step in answer_of(await client.call_tool(READ, asked))["history"]
            )
    assert steps["en"] == (
        "Order accepted; On hold; Check submitted; No longer on hold: Check submitted; Installation scheduled; "
        "Appointment: 1 Jul 2026, 10:00 CEST"
    )
    assert "Nicht mehr angehalten: Smart-Meter-Check eingereicht" in steps["de"]
    assert "check_missing" not in steps["de"]


async def test_ten_lines_are_the_last_ten_and_stay_cheap(world: World) -> None:
    answer: dict[str, Any] = {}
    path = ("placed", "check_submitted", "check_reviewed", "scheduled", "installed")
    async with world.asked() as client:
        for status in path:
            for reason in (None, "grid_operator_registration", None):
                world.put("created", status=status, blocked_reason=reason)
                world.passes(1)
                answer = answer_of(await client.call_tool(READ, {"order_id": DEMO.orders["created"]}))
                world.passes(1)
    assert len(answer["history"]) == 10
    assert answer["history"][-1]["what"] == "unblocked"
    assert tokens(json.dumps(answer["history"], ensure_ascii=False, separators=(",", ":"))) <= 250


async def test_an_order_whose_own_dates_say_all_has_no_history(world: World) -> None:
    async with world.asked() as client:
        for name in ("activated", "blocked_check_missing", "cancelled_by_customer"):
            for _ in range(2):
                assert "history" not in answer_of(await client.call_tool(READ, {"order_id": DEMO.orders[name]}))


async def test_every_tool_that_reads_one_order_records_it_and_lists_record_none(world: World) -> None:
    async with world.asked() as client:
        await client.call_tool("list_meter_orders_by_status", {"status": "all"})
        await client.call_tool("get_subscription", {"subscription_id": DEMO.subscriptions["placed"]})
        assert not [look async for look in world.history.exported()]
        await client.call_tool("get_subscription", {"subscription_id": DEMO.orders["placed"]})
        await client.call_tool("get_event", {"event_id": DEMO.events["meter_order.blocked"]})
        await client.call_tool(READ, {"order_id": DEMO.subscriptions["installed"]})
        await client.read_resource(f"nomos://meter-orders/{DEMO.orders['activated']}")
    assert {look.order_id async for look in world.history.exported()} == {
        DEMO.orders[name] for name in ("placed", "blocked_check_missing", "installed", "activated")
    }


async def test_an_order_of_edison_has_a_past_in_edisons_words(world: World) -> None:
    async with world.asked(EDISON) as client:
        await client.call_tool(READ, {"order_id": PLACED})
        world.put("placed", status="blocked_wim")
        world.passes(1)
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert [step["what"] for step in answer["history"]] == ["created", "ordered → blocked_wim"]


async def test_a_block_that_the_order_does_not_date_is_dated_by_the_looks_around_its_beginning(world: World) -> None:
    told: list[tuple[str, object]] = []
    states = (("ordered", 1), ("blocked_wim", 0.1), ("ordered", 1), ("blocked_wim", 1), ("blocked", 1))
    async with world.asked(EDISON) as client:
        for status, days in states:
            world.put("placed", status=status)
            world.passes(days)
            said = answer_of(await client.call_tool(READ, {"order_id": PLACED, "language": "de"}))["explanation"]
            if status != "ordered":
                told.append((said["blocked"]["since"], said["confidence_of"].get("blocked.since")))
    assert told == [
        ("16.06.2026", "observed"),
        ("zwischen dem 17.06. und dem 18.06.2026, zum zweiten Mal", "observed"),
        ("nicht bekannt, zum zweiten Mal", None),  # held for another reason before
    ]
    async with world.asked(EDISON) as client:
        first_seen_blocked = answer_of(await client.call_tool(READ, {"order_id": DEMO.orders["manual_review"]}))
    assert first_seen_blocked["explanation"]["blocked"]["since"] == "not known"


async def test_a_block_that_may_have_ended_while_another_version_was_asked_is_not_dated(world: World) -> None:
    answer: dict[str, Any] = {}
    states: tuple[tuple[str, ApiVersion], ...]
    states = (("ordered", EDISON), ("blocked_wim", EDISON), ("placed", CURIE), ("blocked_wim", EDISON))
    for status, version in states:
        world.put("placed", status=status)
        world.passes(1)
        async with world.asked(version) as client:
            answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert answer["explanation"]["blocked"]["since"].startswith("not known")


async def test_an_interest_is_never_told_as_an_order(world: World) -> None:
    interest = DEMO.orders["intended"]
    asked = {"order_id": interest, "audience": "customer"}
    async with world.asked(EDISON) as client:
        for _ in range(2):
            assert "history" not in answer_of(await client.call_tool(READ, asked))
            world.passes(1)
        world.put("intended", status="waiting")
        told = answer_of(await client.call_tool(READ, asked))["history"]
        for_agent = answer_of(await client.call_tool(READ, {"order_id": interest}))["history"]
    assert told == [
        {"what": "Interest only, no order yet", "when": "12 Jun 2026", "source": "documented"},
        {"what": "Order accepted", "after": "15 Jun", "by": "17 Jun 2026", "source": "observed"},
    ]
    assert [step["what"] for step in for_agent] == ["intended", "waiting"]


async def test_a_customer_reads_no_step_twice_in_a_row_in_the_same_words(world: World) -> None:
    asked = {"order_id": DEMO.orders["installation_finished"]}
    async with world.asked(EDISON) as client:
        for status in ("installation_scheduled", "installed", "installation_finished", "activated"):
            world.put("installation_finished", status=status)
            world.passes(1)
            await client.call_tool(READ, asked)
        told = answer_of(await client.call_tool(READ, {**asked, "audience": "customer"}))["history"]
        for_agent = answer_of(await client.call_tool(READ, asked))["history"]
    assert told[1:] == [
        {"what": "Installed, not yet active", "after": "16 Jun", "by": "17 Jun 2026", "source": "observed"},
        {"what": "Active", "after": "18 Jun", "by": "19 Jun 2026", "source": "observed"},
    ]
    assert len(for_agent) == len(told) + 1


async def test_a_customer_reads_of_a_block_that_has_a_time_of_its_own(world: World) -> None:
    asked = {"order_id": PLACED, "audience": "customer"}
    answer: dict[str, Any] = {}
    async with world.asked() as client:
        for blocked in (False, True, True):
            world.put("placed", status="placed", blocked_reason=None)
            if blocked:
                world.put("placed", blocked_reason="check_missing")
            world.passes(1)
            answer = answer_of(await client.call_tool(READ, asked))
    assert [step["what"] for step in answer["history"]] == ["Order accepted", "On hold", "On hold"]


async def test_a_customer_sees_the_past_of_their_order(world: World) -> None:
    caller = Caller.customer(world.simulator.world.orders[PLACED].customer_id)
    async with world.asked(caller=caller) as client:
        await client.call_tool(READ, {"order_id": PLACED})
        world.put("placed", status="check_submitted")
        world.passes(1)
        assert len(answer_of(await client.call_tool(READ, {"order_id": PLACED}))["history"]) == 2


async def test_a_database_that_cannot_be_opened_leaves_the_answer_and_says_what_is_missing(world: World) -> None:
    away = History("/nowhere/at/all.db", lambda: NOW)
    async with world.asked(history=away) as client:
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
        told = answer_of(await client.call_tool(READ, {"order_id": PLACED, "audience": "customer"}))
        assert not (await client.call_tool("get_subscription", {"subscription_id": PLACED})).is_error
    assert answer["order"]["status"] == "placed"
    assert answer["history_missing"].startswith("The history cannot be read now. The database file cannot be opened")
    assert told["history_missing"] == "The history cannot be read now."


async def test_a_database_that_may_only_be_read_still_tells_the_past(world: World, tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    async with world.asked(history=(history := History(str(file), lambda: world.now))) as client:
        await client.call_tool(READ, {"order_id": PLACED})
        world.passes(1)
        world.put("placed", status="check_submitted")
        await client.call_tool(READ, {"order_id": PLACED})
        async with history.database.writing() as connection:
            await connection.exec_driver_sql("PRAGMA query_only = 1")
        world.passes(1)
        world.put("placed", status="check_reviewed")
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    await history.aclose()
    assert len(answer["history"]) == 2
    assert answer["history_missing"].startswith("What was read now could not be recorded. The database may only be")


async def test_nobody_waits_long_for_a_database_that_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def hang(*_: object) -> list[OrderLook]:
        await anyio.sleep_forever()
        return []

    monkeypatch.setattr("nomos_mcp.server.order_history.MOST", 0.01)
    monkeypatch.setattr(History, "looks", hang)
    async with world.asked(history=(history := History(str(tmp_path / "history.db"), lambda: NOW))) as client:
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED}))
    await history.aclose()
    assert answer["history_missing"] == "The history cannot be read now. Its database takes too long."


async def test_a_failure_that_nobody_foresaw_does_not_break_the_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> list[OrderLook]:
        raise ValueError("with something secret in it")

    monkeypatch.setattr(History, "looks", fail)
    async with world.asked() as client:
        text = error_of(await client.call_tool(READ, {"order_id": PLACED}))
    assert "history_missing" in text
    assert "secret" not in text + caplog.text


def _past_looks(count: int, days: int) -> list[OrderLook]:
    """Return looks at other orders, of which `count` were placed for some days and then went on."""
    looks = []
    for number in range(count):
        placed = OrderLook(
            order_id=f"prdo_other{number}",
            subscription_id=f"sub_other{number}",
            customer_id="cus_other",
            api_version=CURIE,
            status="created",
            created_at=NOW - 40 * DAY,
            seen_at=NOW - 40 * DAY,
            seen_by="poll",
        )
        looks.append(placed)
        for status, ago in (("placed", 30), ("check_submitted", 30 - days - number % 10)):
            said = {**{name: getattr(placed, name) for name in OrderLook.__slots__}, "status": status}
            looks.append(OrderLook(**{**said, "seen_at": NOW - ago * DAY}))
    return looks


async def _timing(world: World, count: int, **asked: Any) -> dict[str, Any]:
    for look in sorted(_past_looks(count, days=7), key=lambda look: look.seen_at):
        await world.history.record([look])
    await world.history.durations(60)
    caller = asked.pop("caller", None)
    async with world.asked(caller=caller) as client:
        answer = answer_of(await client.call_tool(READ, {"order_id": PLACED, **asked}))
    explanation: dict[str, Any] = answer["explanation"]
    return explanation


async def test_how_long_a_step_took_is_told_from_twenty_finished_cases_on(world: World) -> None:
    explanation = await _timing(world, 20)
    assert explanation["timing"].endswith(
        "In your own last 20 orders this step mostly took 8 to 13 days, half of them 11 or less: an observation, not "
        "a promise."
    )
    assert explanation["confidence_of"]["timing"] == "observed"


async def test_of_fewer_cases_nothing_is_told(world: World) -> None:
    explanation = await _timing(world, 19)
    assert "observation" not in explanation["timing"]
    assert "confidence_of" not in explanation


async def test_it_is_told_in_german(world: World) -> None:
    assert (
        "dauerte dieser Schritt meist 8 bis 13 Tage, bei der Hälfte höchstens 11:"
        in (await _timing(world, 20, language="de"))["timing"]
    )


@pytest.mark.parametrize("fenced", [True, False])
async def test_a_customer_is_told_nothing_of_the_orders_of_others(world: World, *, fenced: bool) -> None:
    caller = Caller.customer(world.simulator.world.orders[PLACED].customer_id) if fenced else None
    explanation = await _timing(world, 20, caller=caller, audience="agent" if fenced else "customer")
    assert "20" not in explanation["timing"].replace("2026", "")
    assert "timing" not in explanation.get("confidence_of", {})
