"""The shapes of the vendor's documents, checked on the whole data set."""

import re
from typing import Any, Final

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator

MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CURIE_ORDER: Final = {
    "object",
    "id",
    "subscription",
    "customer",
    "provider",
    "status",
    "created_at",
    "installed_at",
    "activated_at",
    "cancelled_at",
    "cancelled_reason",
    "blocked_at",
    "blocked_reason",
    "appointment_at",
}
CURIE_STATUSES: Final = {
    "created",
    "placed",
    "check_submitted",
    "check_reviewed",
    "scheduled",
    "installed",
    "activated",
    "cancelled",
}
EDISON_ORDER: Final = {"object", "id", "subscription", "customer", "provider", "status", "created_at", "updated_at"}
EDISON_STATUSES: Final = {
    "waiting",
    "ordered",
    "checked",
    "installation_planning",
    "installation_scheduled",
    "installation_waiting",
    "installation_finished",
    "activated",
    "installed",
    "pre_installed",
    "cancelled",
    "intended",
    "blocked",
    "blocked_wim",
}
BATMAN_SUBSCRIPTION: Final = {
    "object",
    "id",
    "plan",
    "customer",
    "address",
    "meter",
    "payment_method",
    "supplier",
    "number",
    "status",
    "direction",
    "estimated_usage",
    "created_at",
    "updated_at",
    "start_at",
    "terminated_at",
    "end_at",
    "metadata",
}
CURIE_SUBSCRIPTION: Final = BATMAN_SUBSCRIPTION - {"direction"} | {"type", "billing_address"}


async def items(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """Read a list of up to a hundred items."""
    found: list[dict[str, Any]] = (await client.get(path, params={"limit": 100})).json()["items"]
    assert found
    return found


def moments(item: dict[str, Any]) -> list[str]:
    """Take all times that are known."""
    return [value for name, value in item.items() if name.endswith("_at") and value is not None]


async def test_curies_orders_have_its_fields_statuses_and_reasons(curie: httpx.AsyncClient) -> None:
    orders = await items(curie, "/meter-orders")
    assert all(order.keys() == CURIE_ORDER and order["object"] == "meter_order" for order in orders)
    assert {order["status"] for order in orders} == CURIE_STATUSES
    assert {order["provider"] for order in orders} == {"energy-metering", "metrify", "inexogy"}
    assert {order["blocked_reason"] for order in orders} == {None, "check_missing", "grid_operator_registration"}
    assert {order["cancelled_reason"] for order in orders} == {None, "pre_existing", "customer_request"}


async def test_in_curie_a_reason_and_its_date_go_together(curie: httpx.AsyncClient) -> None:
    for order in await items(curie, "/meter-orders"):
        assert (order["blocked_reason"] is None) == (order["blocked_at"] is None)
        assert (
            (order["cancelled_reason"] is None) == (order["cancelled_at"] is None) == (order["status"] != "cancelled")
        )
        assert (order["installed_at"] is not None) == (order["status"] in {"installed", "activated"})
        assert (order["activated_at"] is not None) == (order["status"] == "activated")
        assert (order["appointment_at"] is not None) == (order["status"] in {"scheduled", "installed", "activated"})


async def test_edisons_orders_have_its_fields_and_statuses(edison: httpx.AsyncClient) -> None:
    orders = await items(edison, "/meter-orders")
    assert all(order.keys() == EDISON_ORDER and order["created_at"] <= order["updated_at"] for order in orders)
    assert {order["status"] for order in orders} == EDISON_STATUSES


async def test_times_are_utc_in_whole_seconds(curie: httpx.AsyncClient) -> None:
    shown = [
        moment
        for path in ("/meter-orders", "/subscriptions")
        for item in await items(curie, path)
        for moment in moments(item)
    ]
    assert all(MOMENT.fullmatch(moment) for moment in shown)


async def test_ids_have_their_prefix_and_24_characters(curie: httpx.AsyncClient) -> None:
    for path, prefix in (("/meter-orders", "prdo"), ("/subscriptions", "sub"), ("/customers", "cus")):
        assert all(re.fullmatch(rf"{prefix}_[a-z0-9]{{24}}", item["id"]) for item in await items(curie, path))


async def test_a_listed_subscription_names_what_belongs_to_it_by_id(curie: httpx.AsyncClient) -> None:
    for item in await items(curie, "/subscriptions"):
        assert item.keys() == CURIE_SUBSCRIPTION
        prefixes = {"customer": "cus_", "address": "adr_", "meter": "mtr_", "payment_method": "pm_", "plan": "pln_"}
        assert all(item[name].startswith(prefix) for name, prefix in prefixes.items())


async def test_a_single_subscription_carries_whole_objects(curie: httpx.AsyncClient) -> None:
    body = (await curie.get(f"/subscriptions/{DEMO.subscriptions['activated']}")).json()
    assert body.keys() == CURIE_SUBSCRIPTION
    assert {"first_name", "last_name", "email"} <= body["customer"].keys()
    assert {"street", "house_number", "zip", "city"} <= body["address"].keys()
    assert body["billing_address"] == body["address"]
    assert (body["meter"]["type"], body["meter"]["melo"][:2]) == ("smart", "DE")
    assert body["payment_method"]["sepa_debit"]["iban"].startswith("DE00")
    assert body["supplier"]["country"] == "DE"


async def test_a_feed_in_subscription_has_no_previous_supplier(curie: httpx.AsyncClient) -> None:
    path = f"/subscriptions/{DEMO.subscriptions['feed_in']}"
    assert (await curie.get(path)).json()["supplier"] is None


async def test_older_subscriptions_have_a_direction_and_no_feed_in(batman: httpx.AsyncClient) -> None:
    found = await items(batman, "/subscriptions")
    assert all(item.keys() == BATMAN_SUBSCRIPTION and item["direction"] == "consumption" for item in found)
    feed_in = await batman.get(f"/subscriptions/{DEMO.subscriptions['feed_in']}")
    assert feed_in.status_code == 404
    whole = (await batman.get(f"/subscriptions/{DEMO.subscriptions['can_order']}")).json()
    assert whole.keys() == BATMAN_SUBSCRIPTION


async def test_subscriptions_are_of_every_status_and_type(curie: httpx.AsyncClient) -> None:
    found = await items(curie, "/subscriptions")
    assert {item["status"] for item in found} == {"pending", "active", "ended"}
    assert {item["type"] for item in found} == {"consumption", "feed_in"}


async def test_a_customer_is_a_person_or_a_company(curie: httpx.AsyncClient) -> None:
    person = (await curie.get(f"/customers/{DEMO.customers['created']}")).json()
    company = (await curie.get(f"/customers/{DEMO.customers['housing_company']}")).json()
    common = {"object", "id", "type", "first_name", "last_name", "email", "vat_id", "created_at"}
    assert (person.keys(), person["type"]) == (common, "person")
    assert (company.keys(), company["type"]) == (common | {"company_name"}, "company")


async def test_an_event_names_its_subjects_by_id(curie: httpx.AsyncClient) -> None:
    body = (await curie.get(f"/events/{DEMO.events['meter_order.blocked']}")).json()
    assert body.keys() == {"id", "topic", "timestamp", "context"}
    assert body["topic"] == "meter_order.blocked"
    assert body["context"] == {
        "meter_order": DEMO.orders["blocked_check_missing"],
        "subscription": DEMO.subscriptions["blocked_check_missing"],
    }


async def test_every_named_event_has_its_topic(curie: httpx.AsyncClient) -> None:
    shown = {topic: (await curie.get(f"/events/{event}")).json()["topic"] for topic, event in DEMO.events.items()}
    assert shown == {topic: topic for topic in DEMO.events}


async def test_events_of_meter_orders_exist_from_curie_on(edison: httpx.AsyncClient) -> None:
    assert (await edison.get(f"/events/{DEMO.events['meter_order.created']}")).status_code == 404
    assert (await edison.get(f"/events/{DEMO.events['subscription.created']}")).status_code == 200


async def test_events_happened_when_the_order_says(sim: Simulator, curie: httpx.AsyncClient) -> None:
    order = (await curie.get(f"/meter-orders/{DEMO.orders['activated']}")).json()
    path = [event for event in sim.world.events.values() if event.order_id == order["id"]]
    assert [event.topic.removeprefix("meter_order.") for event in path] == [
        "created",
        "placed",
        "check_submitted",
        "check_reviewed",
        "scheduled",
        "installed",
        "activated",
    ]
    last = (await curie.get(f"/events/{path[-1].id}")).json()
    assert last["timestamp"] == order["activated_at"]


@pytest.mark.parametrize(("name", "missing"), [("no_malo_no_melo", {"malo", "melo"}), ("created", set())])
async def test_an_order_waits_for_locations_that_its_meter_lacks(
    curie: httpx.AsyncClient, edison: httpx.AsyncClient, name: str, missing: set[str]
) -> None:
    for client, status in ((curie, "created"), (edison, "waiting")):
        order = (await client.get(f"/meter-orders/{DEMO.orders[name]}")).json()
        meter = (await client.get(f"/subscriptions/{order['subscription']}")).json()["meter"]
        assert order["status"] == status
        assert {location for location in ("malo", "melo") if meter[location] is None} == missing
