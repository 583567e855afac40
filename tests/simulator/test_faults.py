"""What goes wrong on demand, for which requests, and what is committed all the same."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from nomos_mcp.simulator import DEMO, Fault, Simulator

CURIE = "2026-05-27.curie"
ORDER = {"subscription": DEMO.subscriptions["can_order"]}
PLACED = f"/meter-orders/{DEMO.orders['placed']}"

Connect = Callable[..., httpx.AsyncClient]


@pytest.mark.parametrize(
    ("status", "code"), [(500, "INTERNAL_SERVER_ERROR"), (422, "UNPROCESSABLE_ENTITY"), (402, "PAYMENT_REQUIRED")]
)
async def test_a_documented_status_comes_with_its_documented_body(
    sim: Simulator, curie: httpx.AsyncClient, status: int, code: str
) -> None:
    sim.faults.add(Fault(kind="status", status=status))
    answer = await curie.get(PLACED)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["x-api-version"] == CURIE
    assert {"message", "requestId", "docs"} <= answer.json().keys()


async def test_a_429_says_how_long_to_wait(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="status", status=429))
    answer = await curie.get(PLACED)
    assert (answer.headers["retry-after"], answer.json()["message"]) == ("30", "Wait 30 seconds before retrying.")


async def test_an_undocumented_status_looks_like_a_proxys(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="status", status=502))
    answer = await curie.get(PLACED)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


@pytest.mark.parametrize("fault", [Fault(kind="status", status=500), Fault(kind="reset")])
async def test_before_the_commit_nothing_is_ordered(sim: Simulator, curie: httpx.AsyncClient, fault: Fault) -> None:
    sim.faults.add(fault)
    with suppress(httpx.TransportError):
        await curie.post("/meter-orders", json=ORDER)
    assert sim.ledger == []


@pytest.mark.parametrize("kind", ["status", "reset"])
async def test_after_the_commit_the_order_exists_although_its_answer_is_lost(
    sim: Simulator, curie: httpx.AsyncClient, kind: str
) -> None:
    sim.faults.add(
        Fault.model_validate({"kind": kind, "after_commit": True, **({"status": 500} if kind == "status" else {})})
    )
    with suppress(httpx.TransportError):
        await curie.post("/meter-orders", json=ORDER)
    (entry,) = sim.ledger
    assert entry.subscription_id == ORDER["subscription"]
    (request,) = sim.requests
    assert (request.request_id, request.status) == (entry.request_id, 500 if kind == "status" else None)


async def test_in_process_a_reset_is_a_transport_error_of_the_client(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="reset"))
    with pytest.raises(httpx.ReadError, match="on demand"):
        await curie.get(PLACED)


@pytest.mark.parametrize(("after_commit", "ordered"), [(False, 0), (True, 1)])
async def test_a_delay_happens_before_or_after_the_commit(
    clock: Any, connect: Connect, *, after_commit: bool, ordered: int
) -> None:
    waited: list[float] = []

    async def time_out(seconds: float) -> None:
        waited.append(seconds)
        raise httpx.ReadTimeout("without waiting")

    sim = Simulator(now=clock, sleep=time_out)
    sim.faults.add(Fault(kind="delay", seconds=60, after_commit=after_commit))
    with pytest.raises(httpx.ReadTimeout):
        await connect(sim).post("/meter-orders", json=ORDER)
    assert (waited, len(sim.ledger)) == ([60], ordered)


async def test_a_delayed_answer_is_the_right_one(clock: Any, connect: Connect) -> None:
    async def no_time(_: float) -> None: ...

    sim = Simulator(now=clock, sleep=no_time)
    sim.faults.add(Fault(kind="delay", seconds=1))
    assert (await connect(sim).get(PLACED)).json()["id"] == DEMO.orders["placed"]


async def test_a_truncated_body_is_half_of_the_real_one(sim: Simulator, curie: httpx.AsyncClient) -> None:
    whole = (await curie.get(PLACED)).content
    sim.faults.add(Fault(kind="truncated_body"))
    half = await curie.get(PLACED)
    assert half.content == whole[: len(whole) // 2]
    assert int(half.headers["content-length"]) == len(half.content)


async def test_a_body_of_the_wrong_type_is_a_list(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_type_body"))
    assert isinstance((await curie.get(PLACED)).json(), list)


@pytest.mark.parametrize(("field", "value"), [("status", 42), ("installed_at", "not what it was")])
async def test_a_field_can_have_the_wrong_type(
    sim: Simulator, curie: httpx.AsyncClient, field: str, value: object
) -> None:
    right = (await curie.get(PLACED)).json()
    sim.faults.add(Fault(kind="wrong_type_body", field=field))
    assert (await curie.get(PLACED)).json() == right | {field: value}


async def test_in_a_list_every_item_has_the_undocumented_word(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="new_enum_value", value="dismantled"))
    items = (await curie.get("/meter-orders")).json()["items"]
    assert {item["status"] for item in items} == {"dismantled"}


async def test_without_a_value_the_new_enum_value_is_recognisable(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="new_enum_value", field="provider"))
    assert (await curie.get(PLACED)).json()["provider"] == "undocumented_by_now"


async def test_a_lists_own_fields_can_be_changed_too(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_type_body", field="items"))
    assert (await curie.get("/meter-orders")).json()["items"] == "not what it was"


async def test_a_body_without_the_field_is_unchanged(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_type_body", field="colour"))
    sim.faults.add(Fault(kind="new_enum_value"))
    assert (await curie.get("/health")).text == "OK"
    error = await curie.get("/meter-orders/prdo_unknown")
    assert error.json()["code"] == "NOT_FOUND"


async def test_in_a_list_only_items_that_have_the_field_are_changed(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_type_body", field="company_name"))
    items = (await curie.get("/customers?limit=100")).json()["items"]
    assert {item.get("company_name") for item in items} == {42, None}


async def test_a_json_body_that_is_no_object_is_unchanged(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_type_body"))
    sim.faults.add(Fault(kind="new_enum_value"))
    assert isinstance((await curie.get(PLACED)).json(), list)


@pytest.mark.parametrize(
    ("value", "echo"), [(None, "2026-01-29.edison"), ("2025-12-01.chucky", "2025-12-01.chucky"), ("", None)]
)
async def test_the_echoed_version_can_be_wrong_or_missing(
    sim: Simulator, curie: httpx.AsyncClient, value: str | None, echo: str | None
) -> None:
    sim.faults.add(Fault(kind="wrong_version", value=value))
    answer = await curie.get(PLACED)
    assert answer.headers.get("x-api-version") == echo
    assert answer.json()["status"] == "placed"


async def test_an_expired_token_stays_expired_and_a_new_one_works(sim: Simulator, anonymous: httpx.AsyncClient) -> None:
    async def token() -> dict[str, str]:
        form = {"grant_type": "client_credentials"}
        answer = await anonymous.post("/oauth/token", data=form, auth=(DEMO.client_id, DEMO.client_secret))
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    old = await token()
    sim.faults.add(Fault(kind="expired_token", path="/meter-orders*", count=1))
    assert [(await anonymous.get(PLACED, headers=old)).status_code for _ in range(2)] == [401, 401]
    assert (await anonymous.get(PLACED, headers=await token())).status_code == 200


async def test_an_ignored_filter_gives_the_unfiltered_list_on_every_page(
    sim: Simulator, curie: httpx.AsyncClient
) -> None:
    everything = [item["id"] for item in (await curie.get("/meter-orders?limit=4")).json()["items"]]
    query = {"filter[status][eq]": "activated", "limit": "2"}
    sim.faults.add(Fault(kind="ignored_filter", count=1))
    first = (await curie.get("/meter-orders", params=query)).json()
    sim.faults.add(Fault(kind="ignored_filter"))
    second = (await curie.get("/meter-orders", params={**query, "cursor": first["next_page"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == everything


async def test_a_fault_affects_its_path_and_method_only(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="status", status=500, method="POST", path="/meter-orders"))
    statuses = [
        (await curie.get("/meter-orders")).status_code,
        (await curie.post("/meter-orders/x", json=ORDER)).status_code,
        (await curie.post("/meter-orders", json=ORDER)).status_code,
    ]
    assert statuses == [200, 405, 500]


async def test_a_fault_can_skip_requests_and_stop_after_a_count(sim: Simulator, curie: httpx.AsyncClient) -> None:
    fault_id = sim.faults.add(Fault(kind="status", status=500, skip=1, count=2))
    assert [(await curie.get(PLACED)).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert sim.faults.struck(fault_id) == 2


async def test_the_same_seed_affects_the_same_requests(clock: Any, connect: Connect) -> None:
    async def statuses(seed: int) -> list[int]:
        sim = Simulator(seed, now=clock)
        sim.faults.add(Fault(kind="status", status=500, probability=0.5))
        client = connect(sim)
        return [(await client.get("/health")).status_code for _ in range(30)]

    first = await statuses(1)
    assert first == await statuses(1)
    assert first != await statuses(2)
    assert set(first) == {200, 500}


async def test_several_faults_can_affect_one_request(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.faults.add(Fault(kind="wrong_version"))
    sim.faults.add(Fault(kind="new_enum_value", value="dismantled"))
    answer = await curie.get(PLACED)
    assert (answer.json()["status"], answer.headers["x-api-version"]) == ("dismantled", "2026-01-29.edison")


async def test_a_removed_fault_has_no_effect(sim: Simulator, curie: httpx.AsyncClient) -> None:
    one, _ = (sim.faults.add(Fault(kind="status", status=status)) for status in (500, 502))
    sim.faults.remove(one)
    assert (await curie.get(PLACED)).status_code == 502
    sim.faults.clear()
    assert (await curie.get(PLACED)).status_code == 200
    assert not sim.faults.active


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "status"}, "'status' needs 'status'"),
        ({"kind": "delay"}, "'delay' needs 'seconds'"),
        ({"kind": "reset", "status": 500}, "'status' means nothing to 'reset'"),
        ({"kind": "truncated_body", "after_commit": True}, "belongs to status, delay, reset"),
        ({"kind": "explosion"}, "Input should be 'status'"),
        ({"kind": "reset", "path": "meter-orders"}, "String should match pattern"),
        ({"kind": "reset", "probability": 0}, "greater than 0"),
        ({"kind": "wrong_version", "value": "2026-05-27.ć"}, "has to be ASCII"),
        ({"kind": "wrong_version", "value": "a\r\nb"}, "String should match pattern"),
        ({"kind": "reset", "colour": "red"}, "Extra inputs"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Fault.model_validate(fields)


async def test_a_thousand_answers_can_be_lost(sim: Simulator, curie: httpx.AsyncClient) -> None:
    """Not timed, so that no slow machine fails it: it is here to be run as often as a campaign runs it."""
    sim.faults.add(Fault(kind="reset", after_commit=True))
    for _ in range(1000):
        with pytest.raises(httpx.TransportError):
            await curie.post("/meter-orders", json=ORDER)
    assert len(sim.ledger) == 1
