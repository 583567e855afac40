"""`POST /meter-orders`: what is accepted, what is refused, and what is recorded."""

from collections.abc import Callable

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator


def order_for(name: str) -> dict[str, str]:
    """Write the body that orders for a named subscription."""
    return {"subscription": DEMO.subscriptions[name]}


async def test_creating_an_order_returns_200_and_the_order(curie: httpx.AsyncClient) -> None:
    answer = await curie.post("/meter-orders", json=order_for("can_order_metrify"))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["subscription"], body["customer"], body["provider"], body["status"], body["created_at"]) == (
        DEMO.subscriptions["can_order_metrify"],
        DEMO.customers["can_order_metrify"],
        "metrify",
        "created",
        "2026-06-30T12:00:00Z",
    )


async def test_a_new_order_can_be_fetched_and_is_first_in_the_list(curie: httpx.AsyncClient) -> None:
    created = (await curie.post("/meter-orders", json=order_for("can_order"))).json()
    assert (await curie.get(f"/meter-orders/{created['id']}")).json() == created
    assert (await curie.get("/meter-orders?limit=1")).json()["items"] == [created]


async def test_a_new_order_is_answered_in_the_callers_version(edison: httpx.AsyncClient) -> None:
    body = (await edison.post("/meter-orders", json=order_for("can_order"))).json()
    assert (body["status"], body["updated_at"]) == ("waiting", body["created_at"])


async def test_the_ledger_holds_what_was_created_and_by_whom(sim: Simulator, curie: httpx.AsyncClient) -> None:
    created = (await curie.post("/meter-orders", json=order_for("can_order"))).json()
    await curie.post("/meter-orders", json=order_for("no_product"))
    assert [(entry.order_id, entry.subscription_id, entry.client_id) for entry in sim.ledger] == [
        (created["id"], DEMO.subscriptions["can_order"], DEMO.client_id)
    ]


async def test_a_new_order_adds_an_event(sim: Simulator, curie: httpx.AsyncClient) -> None:
    created = (await curie.post("/meter-orders", json=order_for("can_order"))).json()
    topics = [event.topic for event in sim.world.events.values() if event.order_id == created["id"]]
    assert topics == ["meter_order.created"]


async def test_the_same_seed_gives_a_new_order_the_same_id(connect: Callable[..., httpx.AsyncClient]) -> None:
    ids = [
        (await connect(Simulator(seed)).post("/meter-orders", json=order_for("can_order"))).json()["id"]
        for seed in (7, 7, 8)
    ]
    assert ids[0] == ids[1] != ids[2]


async def test_a_second_order_for_a_subscription_is_409(sim: Simulator, curie: httpx.AsyncClient) -> None:
    await curie.post("/meter-orders", json=order_for("can_order"))
    refused = await curie.post("/meter-orders", json=order_for("can_order"))
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert [error["code"] for error in refused.json()["errors"]] == ["duplicate_meter_order"]
    assert len(sim.ledger) == 1


@pytest.mark.parametrize("name", ["cancelled_by_customer", "pre_existing", "activated", "blocked_check_missing"])
async def test_an_order_of_any_status_forbids_another_one(curie: httpx.AsyncClient, name: str) -> None:
    assert (await curie.post("/meter-orders", json=order_for(name))).status_code == 409


@pytest.mark.parametrize(
    ("name", "code"),
    [("no_product", "unsupported_product"), ("feed_in", "unsupported_meter_order"), ("ended", "ended_subscription")],
)
async def test_a_subscription_that_may_have_no_order_is_400_with_the_rule(
    sim: Simulator, curie: httpx.AsyncClient, name: str, code: str
) -> None:
    refused = await curie.post("/meter-orders", json=order_for(name))
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_REQUEST")
    assert [(error["code"], error["field"]) for error in refused.json()["errors"]] == [(code, "subscription")]
    assert sim.ledger == []


@pytest.mark.parametrize("name", ["can_order_pending", "smart_already", "untrusted_metadata"])
async def test_what_no_rule_forbids_is_accepted(curie: httpx.AsyncClient, name: str) -> None:
    assert (await curie.post("/meter-orders", json=order_for(name))).status_code == 200


@pytest.mark.parametrize("subscription", ["sub_unknown", DEMO.subscriptions["other_without_order"], ""])
async def test_a_subscription_that_the_caller_cannot_see_is_404(curie: httpx.AsyncClient, subscription: str) -> None:
    assert (await curie.post("/meter-orders", json={"subscription": subscription})).status_code == 404


async def test_a_feed_in_subscription_does_not_exist_for_edison(edison: httpx.AsyncClient) -> None:
    assert (await edison.post("/meter-orders", json=order_for("feed_in"))).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
        (b"[]", "body"),
        (b"{}", "subscription"),
        (b'{"subscription": 1}', "subscription"),
        (b'{"subscription": null}', "subscription"),
    ],
    ids=["empty", "cut off", "no text", "too deep", "a list", "without subscription", "a number", "null"],
)
async def test_a_body_that_cannot_be_read_is_400_and_names_the_field(
    curie: httpx.AsyncClient, body: bytes, field: str
) -> None:
    answer = await curie.post("/meter-orders", content=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_unknown_fields_of_the_body_are_ignored(curie: httpx.AsyncClient) -> None:
    answer = await curie.post("/meter-orders", json={**order_for("can_order"), "colour": "blue"})
    assert answer.status_code == 200
