"""Pages, cursors and limits, which all lists share."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from nomos_mcp.simulator import DEMO, Simulator

LISTS = ["/meter-orders", "/subscriptions", "/customers"]


async def read_all(client: httpx.AsyncClient, path: str, query: str = "limit=7") -> list[dict[str, Any]]:
    """Read all pages of a list."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = (await client.get(f"{path}?{query}{cursor}")).json()
        items += body["items"]
        if not body["has_more"]:
            assert body["next_page"] is None
            return items
        cursor = f"&cursor={quote(body['next_page'])}"


@pytest.mark.parametrize("path", LISTS)
async def test_a_page_has_ten_items_and_a_cursor_by_default(curie: httpx.AsyncClient, path: str) -> None:
    body = (await curie.get(path)).json()
    assert body.keys() == {"object", "items", "has_more", "next_page"}
    assert (body["object"], len(body["items"]), body["has_more"]) == ("list", 10, True)


@pytest.mark.parametrize("path", LISTS)
async def test_the_pages_have_everything_of_the_organisation_once_and_newest_first(
    sim: Simulator, curie: httpx.AsyncClient, path: str
) -> None:
    items = await read_all(curie, path)
    order = [(item["created_at"], item["id"]) for item in items]
    assert order == sorted(set(order), reverse=True)
    everything = {
        "/meter-orders": [(record.id, record.organisation) for record in sim.world.orders],
        "/subscriptions": [(record.id, record.organisation) for record in sim.world.subscriptions],
        "/customers": [(record.id, record.organisation) for record in sim.world.customers],
    }
    theirs = {record_id for record_id, organisation in everything[path] if organisation == DEMO.organisation}
    assert {item["id"] for item in items} == theirs - {DEMO.orders["intended"]}


async def test_a_new_order_does_not_change_the_next_page(curie: httpx.AsyncClient) -> None:
    first = (await curie.get("/meter-orders?limit=5")).json()
    expected = (await curie.get(f"/meter-orders?limit=5&cursor={quote(first['next_page'])}")).json()["items"]
    await curie.post("/meter-orders", json={"subscription": DEMO.subscriptions["can_order"]})
    again = (await curie.get(f"/meter-orders?limit=5&cursor={quote(first['next_page'])}")).json()["items"]
    assert again == expected


async def test_a_page_with_exactly_the_rest_is_the_last(curie: httpx.AsyncClient) -> None:
    total = len(await read_all(curie, "/meter-orders"))
    body = (await curie.get(f"/meter-orders?limit={total}")).json()
    assert (len(body["items"]), body["has_more"], body["next_page"]) == (total, False, None)


@pytest.mark.parametrize(
    "other",
    [
        "limit=6",
        "limit=5&filter[status][eq]=placed",
        "limit=5&anything=else",
    ],
)
async def test_a_cursor_of_another_query_is_400(curie: httpx.AsyncClient, other: str) -> None:
    cursor = (await curie.get("/meter-orders?limit=5")).json()["next_page"]
    answer = await curie.get(f"/meter-orders?{other}&cursor={quote(cursor)}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


async def test_a_cursor_of_another_list_is_400(curie: httpx.AsyncClient) -> None:
    cursor = (await curie.get("/meter-orders?limit=5")).json()["next_page"]
    assert (await curie.get(f"/subscriptions?limit=5&cursor={quote(cursor)}")).status_code == 400


async def test_a_cursor_of_another_version_is_400(curie: httpx.AsyncClient, edison: httpx.AsyncClient) -> None:
    cursor = (await curie.get("/meter-orders?limit=5")).json()["next_page"]
    assert (await edison.get(f"/meter-orders?limit=5&cursor={quote(cursor)}")).status_code == 400


async def test_the_order_of_the_parameters_does_not_matter_to_a_cursor(curie: httpx.AsyncClient) -> None:
    mine = f"filter[customer][eq]={DEMO.customers['housing_company']}"
    cursor = (await curie.get(f"/meter-orders?limit=5&{mine}")).json()["next_page"]
    assert (await curie.get(f"/meter-orders?cursor={quote(cursor)}&{mine}&limit=5")).status_code == 200


@pytest.mark.parametrize("tamper", ["!{}", "{}!", "x{}", "{}AAAA", "nonsense", "ü", "AAAA"])
async def test_a_tampered_cursor_is_400(curie: httpx.AsyncClient, tamper: str) -> None:
    cursor = (await curie.get("/meter-orders")).json()["next_page"]
    answer = await curie.get("/meter-orders", params={"cursor": tamper.format(cursor)})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


async def test_an_empty_cursor_starts_at_the_newest(curie: httpx.AsyncClient) -> None:
    assert (await curie.get("/meter-orders?cursor=")).json()["items"] == (await curie.get("/meter-orders")).json()[
        "items"
    ]


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("0", "too_small"),
        ("-1", "too_small"),
        ("0.5", "too_small"),
        ("101", "too_big"),
        ("100.5", "too_big"),
        ("ten", "invalid_type"),
        ("", "invalid_type"),
        ("1_0", "invalid_type"),
        ("nan", "invalid_type"),
    ],
)
async def test_a_limit_out_of_bounds_is_400(curie: httpx.AsyncClient, limit: str, code: str) -> None:
    answer = await curie.get("/subscriptions", params={"limit": limit})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


@pytest.mark.parametrize(("limit", "items"), [("1", 1), ("3.0", 3), ("100", 52)])
async def test_a_limit_within_bounds_is_applied(curie: httpx.AsyncClient, limit: str, items: int) -> None:
    assert len((await curie.get("/meter-orders", params={"limit": limit})).json()["items"]) == items
