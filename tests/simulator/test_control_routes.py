"""`/_simulator/`: the simulator's own routes, apart from the API."""

from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator

CONTROL = "/_simulator"
PLACED = DEMO.orders["placed"]


async def test_the_state_says_first_that_the_data_is_invented(anonymous: httpx.AsyncClient) -> None:
    body = (await anonymous.get(f"{CONTROL}/")).json()
    assert next(iter(body)) == "notice"
    assert body["notice"].startswith("All data is invented")


async def test_the_state_has_time_counts_credentials_and_names(sim: Simulator, anonymous: httpx.AsyncClient) -> None:
    body = (await anonymous.get(f"{CONTROL}/")).json()
    assert (body["now"], body["seed"]) == ("2026-06-30T12:00:00Z", 0)
    assert sum(body["orders"].values()) == len(sim.world.orders)
    assert body["credentials"]["client_id"] == DEMO.client_id
    assert [item["id"] for item in body["named"]] == [item.id for item in DEMO.describe()]


async def test_the_ledger_has_an_order_whose_answer_was_lost(
    anonymous: httpx.AsyncClient, curie: httpx.AsyncClient
) -> None:
    fault = {"kind": "reset", "after_commit": True, "method": "POST", "path": "/meter-orders", "count": 1}
    await anonymous.post(f"{CONTROL}/faults", json=fault)
    with pytest.raises(httpx.ReadError):
        await curie.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order"]})
    await curie.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order_metrify"]})
    body = (await anonymous.get(f"{CONTROL}/ledger")).json()
    assert [(entry["subscription_id"], entry["answered"]) for entry in body["orders"]] == [
        (DEMO.subscriptions["can_order"], None),
        (DEMO.subscriptions["can_order_metrify"], 200),
    ]
    assert [request["status"] for request in body["requests"]] == [None, 200]


async def test_advancing_returns_the_events(sim: Simulator, anonymous: httpx.AsyncClient) -> None:
    body = (await anonymous.post(f"{CONTROL}/advance", json={"days": 7})).json()
    assert (body["now"], body["deliveries"]) == ("2026-07-07T12:00:00Z", [])
    known = [event["id"] for event in body["events"]]
    assert body["happened"] == len(known)
    assert known == list(sim.world.events)[-len(known) :]


async def test_an_order_is_put_and_shown_in_both_versions(anonymous: httpx.AsyncClient) -> None:
    path = f"{CONTROL}/orders/{PLACED}"
    put = (await anonymous.put(path, json={"status": "blocked_wim"})).json()
    assert put["2026-05-27.curie"]["blocked_reason"] == "grid_operator_registration"
    assert put["2026-01-29.edison"]["status"] == "blocked_wim"
    assert (await anonymous.get(path)).json() == put


async def test_what_curie_has_no_word_for_is_null(anonymous: httpx.AsyncClient) -> None:
    body = (await anonymous.get(f"{CONTROL}/orders/{DEMO.orders['intended']}")).json()
    assert (body["2026-05-27.curie"], body["2026-01-29.edison"]["status"]) == (None, "intended")


async def test_faults_are_added_counted_and_removed(anonymous: httpx.AsyncClient, curie: httpx.AsyncClient) -> None:
    added = await anonymous.post(f"{CONTROL}/faults", json={"kind": "status", "status": 503})
    assert (added.status_code, added.json()) == (
        201,
        {"id": "fault_1", "kind": "status", "status": 503, "struck": 0},
    )
    assert (await curie.get("/health")).status_code == 503
    assert (await anonymous.get(f"{CONTROL}/faults")).json() == {"faults": [added.json() | {"struck": 1}]}
    assert (await anonymous.delete(f"{CONTROL}/faults/fault_1")).status_code == 204
    await anonymous.post(f"{CONTROL}/faults", json={"kind": "reset"})
    assert (await anonymous.delete(f"{CONTROL}/faults")).status_code == 204
    assert (await curie.get("/health")).status_code == 200


async def test_the_control_routes_are_not_part_of_the_api(sim: Simulator, anonymous: httpx.AsyncClient) -> None:
    """No token, no version, no rate limit, no record, and no fault can lock one out."""
    await anonymous.post(f"{CONTROL}/faults", json={"kind": "status", "status": 500})
    answer = await anonymous.get(f"{CONTROL}/")
    assert answer.status_code == 200
    assert "x-api-version" not in answer.headers
    assert sim.requests == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/advance", {"days": -1}, 400, "days: Input should be greater than or equal to 0"),
        ("POST", "/advance", {"day": 1}, 400, "days: Field required; day: Extra inputs"),
        ("POST", "/advance", None, 400, "Invalid JSON"),
        ("POST", "/faults", {"kind": "status"}, 400, "'status' needs 'status'"),
        ("POST", "/webhooks", {"url": "http://example.com/"}, 400, "on loopback only"),
        ("PUT", f"/orders/{PLACED}", {"status": "lost"}, 400, "status: Input should be"),
        ("PUT", "/orders/prdo_unknown", {"status": "placed"}, 404, "no order with this ID"),
        ("GET", "/orders/prdo_unknown", None, 404, "no order with this ID"),
        ("DELETE", "/faults/fault_9", None, 404, "no fault with this ID"),
        ("DELETE", "/webhooks/endpoint_9", None, 404, "no endpoint with this ID"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("GET", "/advance", None, 405, "Method Not Allowed"),
    ],
)
async def test_a_mistake_is_answered_with_what_is_wrong(
    anonymous: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, status: int, said: str
) -> None:
    answer = await anonymous.request(method, CONTROL + path, json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize("path", ["/webhooks", "/advance", "/faults"])
async def test_a_web_page_controls_nothing(sim: Simulator, anonymous: httpx.AsyncClient, path: str) -> None:
    headers = {"Origin": "http://page.example", "Content-Type": "text/plain"}
    body = {"/webhooks": '{"url":"http://127.0.0.1:9/"}', "/advance": '{"days":1}', "/faults": '{"kind":"reset"}'}[path]
    before = sim.now
    answer = await anonymous.post(CONTROL + path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"][:9]) == (403, "web pages")
    assert (sim.now, dict(sim.faults.active), dict(sim.webhooks.endpoints)) == (before, {}, {})


async def test_a_bug_in_the_simulator_is_the_documented_500(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.world, "orders", None)
    transport = httpx.ASGITransport(app=sim, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {DEMO.access_token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as client:
        answer = await client.get("/meter-orders")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_SERVER_ERROR")


async def test_a_bug_in_a_control_route_is_reported_as_the_simulators_own(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.world, "orders", None)
    transport = httpx.ASGITransport(app=sim, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        answer = await client.get(f"{CONTROL}/")
    assert answer.status_code == 500
    assert "a mistake of the simulator's own: TypeError" in answer.json()["error"]


async def test_where_tokens_come_from_can_be_discovered(anonymous: httpx.AsyncClient) -> None:
    body = (await anonymous.get("/.well-known/oauth-authorization-server")).json()
    assert body["token_endpoint"] == "http://simulator/oauth/token"
    assert body["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
