"""The documented error bodies."""

from uuid import UUID

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator


async def test_an_error_has_code_message_request_id_and_docs(curie: httpx.AsyncClient) -> None:
    body = (await curie.get("/meter-orders/prdo_unknown")).json()
    assert body.keys() == {"code", "message", "requestId", "docs"}
    assert body["code"] == "NOT_FOUND"
    assert body["docs"] == "https://docs.nomos.energy/api-references/errors/NOT_FOUND"
    UUID(body["requestId"])


async def test_each_request_has_an_id_of_its_own(curie: httpx.AsyncClient) -> None:
    seen = {(await curie.get("/nowhere")).json()["requestId"] for _ in range(3)}
    assert len(seen) == 3


async def test_structured_errors_exist_from_curie_on(curie: httpx.AsyncClient, edison: httpx.AsyncClient) -> None:
    new, old = (await curie.get("/meter-orders?limit=0")).json(), (await edison.get("/meter-orders?limit=0")).json()
    assert [error.keys() for error in new["errors"]] == [{"code", "field", "message"}]
    assert old.keys() == {"code", "message", "requestId", "docs"}
    assert new["message"] == old["message"]


@pytest.mark.parametrize("path", ["/nowhere", "/meter-orders/", "/meter-orders/a/b", "/subscriptions/sub_unknown"])
async def test_what_is_not_there_is_404(curie: httpx.AsyncClient, path: str) -> None:
    assert (await curie.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/meter-orders", "GET, HEAD, POST"),
        ("PATCH", "/meter-orders/prdo_x", "GET, HEAD"),
        ("GET", "/oauth/token", "POST"),
    ],
)
async def test_an_unknown_method_is_405_and_lists_the_known_ones(
    curie: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    answer = await curie.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "path",
    [
        f"/meter-orders/{DEMO.orders['other_organisation']}",
        f"/subscriptions/{DEMO.subscriptions['other_organisation']}",
        f"/customers/{DEMO.customers['other_organisation']}",
    ],
)
async def test_another_organisations_object_looks_like_a_missing_one(curie: httpx.AsyncClient, path: str) -> None:
    theirs, nobodys = (await curie.get(path)).json(), (await curie.get(path[:-1] + "x")).json()
    assert {**theirs, "requestId": ""} == {**nobodys, "requestId": ""}


async def test_another_organisations_event_is_404(sim: Simulator, curie: httpx.AsyncClient) -> None:
    (theirs, *_) = (event for event in sim.world.events.values() if event.organisation != DEMO.organisation)
    assert (await curie.get(f"/events/{theirs.id}")).status_code == 404


async def test_health_is_a_plain_ok_without_a_token(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/health")
    assert (answer.status_code, answer.text) == (200, "OK")
