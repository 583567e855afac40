"""The examples of the vendor's documentation pass through the models unchanged in meaning."""

import json

import pytest

from nomos_mcp.client import BATMAN, EDISON, ApiVersion, CurieMeterOrder, EdisonMeterOrder
from tests.client.fake_upstream import answering, client_of, page

CURIE_ORDER = {
    "object": "meter_order",
    "id": "prdo_mi4f0oda6x9m7gcsvjk0ole1",
    "subscription": "sub_mi4f0oda6x9m7gcsvjk0ole1",
    "customer": "cus_mi4f0oda6x9m7gcsvjk0ole1",
    "provider": "energy-metering",
    "status": "created",
    "created_at": "2026-06-30T12:00:00Z",
    "installed_at": None,
    "activated_at": None,
    "cancelled_at": None,
    "cancelled_reason": None,
    "blocked_at": None,
    "blocked_reason": None,
    "appointment_at": None,
}
EDISON_ORDER = {
    "object": "meter_order",
    "id": "prdo_x83bmixgdcktlpxli778vvgo",
    "subscription": "sub_vzyqxohw546im28zwyhn04ei",
    "customer": "cus_qacki3zcrkc9r41qt44ngl9d",
    "provider": "energy-metering",
    "status": "waiting",
    "created_at": "2024-03-14T12:00:00Z",
    "updated_at": "2024-03-14T12:00:00Z",
}
BATMAN_SUBSCRIPTION = {
    "object": "subscription",
    "id": "sub_1",
    "plan": "pln_1",
    "customer": "cus_1",
    "address": "adr_1",
    "meter": "mtr_1",
    "payment_method": "pm_1",
    "supplier": "mp_1",
    "number": "4X44EMKX",
    "status": "active",
    "direction": "consumption",
    "estimated_usage": 2500,
    "created_at": "2024-03-14T12:00:00Z",
    "updated_at": "2024-03-14T12:00:00Z",
    "start_at": "2024-03-14T12:00:00Z",
    "terminated_at": "2024-03-14T12:00:00Z",
    "end_at": "2024-03-14T12:00:00Z",
    "metadata": {"utm_source": "google", "utm_campaign": "campaign_name", "user_id": "1234567890"},
}


async def test_the_curie_order_comes_through_field_by_field() -> None:
    app, _ = answering((200, json.dumps(CURIE_ORDER).encode()))
    async with client_of(app) as client:
        order = await client.meter_orders.get(str(CURIE_ORDER["id"]))
    assert isinstance(order, CurieMeterOrder)
    assert order.model_dump(mode="json") == CURIE_ORDER


async def test_the_edison_order_comes_through_field_by_field() -> None:
    app, _ = answering((200, json.dumps(EDISON_ORDER).encode()), version=EDISON)
    async with client_of(app, EDISON) as client:
        order = await client.meter_orders.get(EDISON_ORDER["id"])
    assert isinstance(order, EdisonMeterOrder)
    assert order.model_dump(mode="json", exclude_none=True) == EDISON_ORDER


async def test_the_subscription_list_comes_through_without_metadata() -> None:
    app, asked = answering((200, page([BATMAN_SUBSCRIPTION], has_more=False, next_page=None)), version=BATMAN)
    async with client_of(app, BATMAN) as client:
        subscriptions = (await client.subscriptions.list(status="active", limit=1)).items
    fields = subscriptions[0].model_dump(mode="json", exclude_none=True)
    assert fields == {name: BATMAN_SUBSCRIPTION[name] for name in fields}
    assert subscriptions[0].direction == "consumption"
    assert asked == ["/subscriptions?limit=1&filter%5Bstatus%5D%5Beq%5D=active"]


@pytest.mark.parametrize(
    ("topic", "context"),
    [
        ("subscription.created", {"subscription": "sub_1", "lead": "lead_1"}),
        ("subscription.created", {"subscription": "sub_1"}),
        ("subscription.confirmed", {"subscription": "sub_1"}),
        ("subscription.activated", {"subscription": "sub_1"}),
        ("subscription.ended", {"subscription": "sub_1"}),
        ("subscription.terminated", {"subscription": "sub_1"}),
        ("invoice.created", {"invoice": "inv_1"}),
        ("invoice.paid", {"invoice": "inv_1"}),
        ("invoice.payment_failed", {"invoice": "inv_1"}),
        ("invoice.voided", {"invoice": "inv_1", "voiding_invoice": "inv_2"}),
        ("invoice.uncollectible", {"invoice": "inv_1"}),
    ],
)
@pytest.mark.parametrize("version", [EDISON, BATMAN])
async def test_every_topic_of_events_comes_through(version: ApiVersion, topic: str, context: dict[str, str]) -> None:
    body = {"id": "evt_1", "topic": topic, "timestamp": "2024-03-14T12:00:00Z", "context": context}
    app, _ = answering((200, json.dumps(body).encode()), version=version)
    async with client_of(app, version) as client:
        event = await client.events.get("evt_1")
    assert event.model_dump(mode="json", exclude_none=True) == body
