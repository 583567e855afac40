"""Which of the changes that a poll finds had been told by webhooks."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from nomos_mcp.client import CURIE, EDISON
from nomos_mcp.database.tables import events
from nomos_mcp.history.changes import Change
from nomos_mcp.history.store import History
from nomos_mcp.history.untold import Tally, first_event, topic_of
from tests.conftest import NOW

DAY = timedelta(days=1)
PLACED = Change(
    order_id="prdo_1",
    subscription_id="sub_1",
    customer_id="cus_1",
    api_version=CURIE,
    kind="status",
    before="created",
    after="placed",
    of_status=True,
    not_before=NOW - DAY,
    seen_at=NOW,
    seen_by="poll",
)


async def _heard(history: History, topic: str, at: datetime, order_id: str = "prdo_1") -> None:
    values = {"event_id": f"evt_{topic}{at:%d}{order_id}", "topic": topic, "happened_at": at, "received_at": at}
    async with history.database.writing() as connection:
        await connection.execute(insert(events).values(**values, order_id=order_id, attempts=0))


async def _tally(history: History, *told: Change) -> Tally:
    async with history.database.reading() as connection:
        return await Tally().with_(connection, told, await first_event(connection))


async def test_a_change_that_an_event_tells_was_told(history: History) -> None:
    await _heard(history, "meter_order.placed", NOW - DAY / 2)
    assert await _tally(history, PLACED) == Tally({"status": 1}, untold=0)


@pytest.mark.parametrize(
    ("topic", "at", "order_id"),
    [
        ("meter_order.placed", NOW - DAY / 2, "prdo_2"),
        ("meter_order.created", NOW - DAY / 2, "prdo_1"),
        ("meter_order.placed", NOW - 2 * DAY, "prdo_1"),
    ],
    ids=["of another order", "of another topic", "of another time"],
)
async def test_an_event_tells_nothing_else(history: History, topic: str, at: datetime, order_id: str) -> None:
    await _heard(history, topic, at, order_id)
    assert (await _tally(history, PLACED)).untold == 1


async def test_what_changed_before_the_first_webhook_is_not_counted(history: History) -> None:
    await _heard(history, "meter_order.created", NOW + DAY, "prdo_9")
    assert (await _tally(history, PLACED)).untold == 0


async def test_unblocking_and_appointments_have_no_topic_and_are_counted_apart(history: History) -> None:
    await _heard(history, "meter_order.created", NOW - DAY, "prdo_9")
    told = [replace(PLACED, kind="unblocked"), replace(PLACED, kind="appointment"), PLACED]
    assert await _tally(history, *told) == Tally(
        {"unblocked": 1, "appointment": 1, "status": 1}, untold=1, without_topic=2
    )


@pytest.mark.parametrize(
    ("change", "topic"),
    [
        (PLACED, "meter_order.placed"),
        (replace(PLACED, kind="blocked", after="blocked: check_missing"), "meter_order.blocked"),
        (replace(PLACED, kind="cancelled", after="cancelled: customer_request"), "meter_order.cancelled"),
        (replace(PLACED, kind="created", after="created"), "meter_order.created"),
        (replace(PLACED, after="shipped"), None),
        (replace(PLACED, api_version=EDISON, after="installation_planning"), None),
        (replace(PLACED, api_version=EDISON, kind="blocked", after="blocked_wim"), None),
        (replace(PLACED, api_version=EDISON, kind="activated", after="activated"), "meter_order.activated"),
    ],
)
def test_the_topic_of_a_change(change: Change, topic: str | None) -> None:
    assert topic_of(change) == topic
