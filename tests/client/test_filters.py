"""Filters: refused where the pinned version does not know them, checked on what comes back, and bounds of iterating."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from nomos_mcp.client import (
    BATMAN,
    CHUCKY,
    EDISON,
    ApiVersion,
    BadRequestError,
    InvalidRequestError,
    NomosClient,
    UnsupportedVersionError,
)
from nomos_mcp.client.session import CallOptions
from nomos_mcp.simulator import Simulator
from tests.client.fake_upstream import answering, client_of, page
from tests.client.faults.wire_server import ORDER as CURIE_ORDER
from tests.client.test_documented_examples import EDISON_ORDER
from tests.conftest import NOW, client_for


@pytest.mark.parametrize("status", ["blocked", "waiting", ["placed", "installation_waiting"]])
async def test_a_status_of_the_other_version_is_refused(
    curie: NomosClient, simulator: Simulator, status: str | list[str]
) -> None:
    with pytest.raises(UnsupportedVersionError, match="of another one"):
        curie.meter_orders.list(status=status)
    assert not simulator.requests


async def test_blocked_is_a_status_of_edison_and_check_submitted_is_not(edison: NomosClient) -> None:
    assert {order.status for order in (await edison.meter_orders.list(status="blocked_wim")).items} == {"blocked_wim"}
    with pytest.raises(UnsupportedVersionError):
        edison.meter_orders.list(status="check_submitted")


async def test_a_status_that_no_version_documents_is_left_to_upstream(curie: NomosClient) -> None:
    with pytest.raises(BadRequestError):
        await curie.meter_orders.list(status="paused")


async def test_what_a_status_is_not_is_a_filter_of_its_own_for_each(curie: NomosClient, simulator: Simulator) -> None:
    found = await curie.meter_orders.list(status_not=("activated", "cancelled"))
    asked = parse_qs(simulator.requests[-1].path.partition("?")[2])
    assert asked["filter[status][ne]"] == ["activated", "cancelled"]
    assert {order.status for order in found.items}.isdisjoint({"activated", "cancelled"})
    assert found.filter_honoured


async def test_what_a_status_is_not_is_checked_on_what_comes_back() -> None:
    app, _ = answering((200, page([CURIE_ORDER, {**CURIE_ORDER, "id": "prdo_2", "status": "activated"}])))
    async with client_of(app) as client:
        found = await client.meter_orders.list(status_not="activated")
    assert (len(found.items), found.dropped, found.filter_honoured) == (1, 1, False)


async def test_a_status_of_the_other_version_cannot_be_left_out_either(curie: NomosClient) -> None:
    with pytest.raises(UnsupportedVersionError, match="of another one"):
        curie.meter_orders.list(status_not="pre_installed")


async def test_several_statuses_may_come_from_a_generator(curie: NomosClient) -> None:
    page = await curie.meter_orders.list(status=(status for status in ("placed", "installed", "")))
    assert {order.status for order in page.items} == {"placed", "installed"}


@pytest.mark.parametrize("version", [BATMAN, CHUCKY])
async def test_subscriptions_can_be_filtered_from_batman_on(simulator: Simulator, version: ApiVersion) -> None:
    async with client_for(simulator, version) as client:
        if version == CHUCKY:
            with pytest.raises(UnsupportedVersionError, match="can filter by nothing"):
                client.subscriptions.list(status="active")
        else:
            page = await client.subscriptions.list(status="active", updated_after=NOW.replace(year=2025))
            assert {item.status for item in page.items} == {"active"}
            assert all(item.updated_at and item.updated_at >= NOW.replace(year=2025) for item in page.items)


@pytest.mark.parametrize("created", ["unreadable", None])
async def test_both_ends_of_a_time_filter_are_checked_on_what_comes_back(created: str | None) -> None:
    orders: list[object] = [{**EDISON_ORDER, "created_at": f"2026-0{month}-01T00:00:00Z"} for month in (1, 2, 3)]
    orders.append({**EDISON_ORDER, "created_at": created})
    app, _ = answering((200, page(orders)), version=EDISON)
    async with client_of(app, EDISON) as client:
        found = await client.meter_orders.list(
            created_after=datetime(2026, 1, 15, tzinfo=UTC), created_before=datetime(2026, 2, 15, tzinfo=UTC)
        )
    assert [order.created_at and order.created_at.month for order in found.items] == [2]
    assert (found.dropped, found.filter_honoured) == (2, False)
    assert found.unreadable == (EDISON_ORDER["id"],), "it may match, so nobody may think that it does not"


async def test_a_value_with_a_comma_and_a_time_without_zone_are_refused(curie: NomosClient) -> None:
    with pytest.raises(InvalidRequestError, match="holds a comma"):
        curie.meter_orders.list(status="placed,installed")
    with pytest.raises(InvalidRequestError, match="with a zone"):
        curie.subscriptions.list(created_after=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:00:00-02:00"])
def test_a_time_that_is_none_in_utc_is_refused(curie: NomosClient, moment: str) -> None:
    with pytest.raises(InvalidRequestError, match="years 1 and 9999"):
        curie.subscriptions.list(created_after=datetime.fromisoformat(moment))


@pytest.mark.parametrize("bound", ["max_items", "max_pages"])
async def test_a_negative_bound_of_iterating_is_refused(curie: NomosClient, bound: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{bound} is -1"):
        async for _ in curie.meter_orders.list().items(**{bound: -1}):
            pass


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"requests_per_second": 0}, "more than 0"),
        ({"requests_per_second": float("nan")}, "more than 0"),
        ({"requests_per_second": float("inf")}, "more than 0"),
        ({"timeout": 0}, "more than 0"),
        ({"timeout": float("nan")}, "more than 0"),
        ({"max_retries": -1}, "at least 0"),
    ],
)
def test_a_rate_timeout_or_number_of_retries_of_nothing_is_refused(arguments: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        NomosClient(**arguments)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("cursor", ["x" * 70_000, "\ud800"])
async def test_a_cursor_that_no_url_can_carry_is_refused(curie: NomosClient, cursor: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be written as a URL"):
        await curie.meter_orders.list(cursor=cursor)


@pytest.mark.parametrize("cursor", ["a&limit=1", "a#b", "../admin", "ä€", "%00", "\x00"])
async def test_a_cursor_can_inject_nothing(cursor: str) -> None:
    app, asked = answering((200, page([])))
    async with client_of(app) as client:
        await client.meter_orders.list(limit=7, cursor=cursor)
    assert parse_qs(asked[0].partition("?")[2]) == {"limit": ["7"], "cursor": [cursor]}


@pytest.mark.parametrize("url", ["http://localhost:4010", "http://127.0.0.1", "http://[::1]:4010"])
def test_plain_http_is_for_this_machine(url: str) -> None:
    assert NomosClient(base_url=url).base_url == url


async def test_a_path_cannot_lead_to_another_host(curie: NomosClient, simulator: Simulator) -> None:
    with pytest.raises(InvalidRequestError, match="another host"):
        await curie._session.get("@elsewhere.test/x", (), CallOptions())
    assert [request.path for request in simulator.requests] == ["/oauth/token"]
