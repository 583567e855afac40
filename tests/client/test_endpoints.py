"""The client against the simulator: reading, listing, ordering."""

import gc
from contextlib import aclosing

import anyio
import pytest

from nomos_mcp.client import (
    BATMAN,
    CHUCKY,
    CURIE,
    ApiVersion,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    CredentialsError,
    CurieMeterOrder,
    EdisonMeterOrder,
    InvalidRequestError,
    MissingScopeError,
    NomosClient,
    NotFoundError,
    UnsupportedVersionError,
)
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for


async def test_a_curie_order_carries_the_overlay_and_aware_times(curie: NomosClient) -> None:
    order = await curie.meter_orders.get(DEMO.orders["blocked_check_missing"])
    assert isinstance(order, CurieMeterOrder)
    assert (order.status, order.blocked_reason) == ("placed", "check_missing")
    assert order.blocked_at is not None
    assert order.blocked_at.utcoffset() is not None
    assert order.blocked_at < NOW


async def test_an_edison_order_carries_its_own_words_and_no_overlay(edison: NomosClient) -> None:
    order = await edison.meter_orders.get(DEMO.orders["blocked_grid_operator"])
    assert isinstance(order, EdisonMeterOrder)
    assert order.status == "blocked_wim"
    assert order.updated_at is not None


async def test_an_unknown_order_is_not_found_and_names_its_request(curie: NomosClient) -> None:
    with pytest.raises(NotFoundError) as caught:
        await curie.meter_orders.get("prdo_nobodyhasthisidentifier")
    assert caught.value.code == "NOT_FOUND"
    assert caught.value.request_id
    assert caught.value.request_id in str(caught.value)


@pytest.mark.parametrize(
    "order_id", ["", "prdo_", "prdo_../admin", "prdo_a?b=c", "sub_abc", "prod_abc", "prdo_" + "a" * 65, "prdo_ä"]
)
async def test_a_malformed_id_is_refused_before_anything_is_sent(
    curie: NomosClient, simulator: Simulator, order_id: str
) -> None:
    with pytest.raises(InvalidRequestError, match="valid meter order ID"):
        await curie.meter_orders.get(order_id)
    assert not simulator.requests


async def test_a_list_is_one_page_when_awaited(curie: NomosClient) -> None:
    page = await curie.meter_orders.list(limit=5)
    assert len(page.items) == 5
    assert page.has_more
    assert page.next_cursor
    assert page.filter_honoured


async def test_iterating_finds_every_order_once_newest_first(curie: NomosClient, simulator: Simulator) -> None:
    orders = [order async for order in curie.meter_orders.list(limit=7)]
    ours = {order.id for order in simulator.world.orders if order.organisation == DEMO.organisation}
    assert {order.id for order in orders} == ours - {DEMO.orders["intended"]}  # which is no order under curie
    assert len({order.id for order in orders}) == len(orders)
    created = [order.created_at for order in orders if order.created_at]
    assert len(created) == len(orders)
    assert created == sorted(created, reverse=True)
    listed = [request for request in simulator.requests if request.path.startswith("/meter-orders")]
    assert len(listed) == -(-len(orders) // 7)


async def test_iterating_can_be_bounded_in_items_and_pages(curie: NomosClient) -> None:
    assert len([order async for order in curie.meter_orders.list(limit=5).items(max_items=8)]) == 8
    assert len([order async for order in curie.meter_orders.list(limit=5).items(max_pages=2)]) == 10
    assert [order async for order in curie.meter_orders.list(limit=5).items(max_items=0)] == []


async def test_filters_select_by_status_and_by_customer(curie: NomosClient) -> None:
    scheduled = await curie.meter_orders.list(status=["scheduled", "installed"])
    assert {order.status for order in scheduled.items} == {"scheduled", "installed"}
    customer = DEMO.customers["two_subscriptions"]
    own = await curie.meter_orders.list(customer=customer)
    assert {order.id for order in own.items} == {DEMO.orders["two_first"], DEMO.orders["two_second"]}


async def test_edison_filters_by_product_and_by_time(edison: NomosClient) -> None:
    metrify = await edison.meter_orders.list(product="smart-meter-metrify")
    assert {order.provider for order in metrify.items} == {"metrify"}
    assert metrify.filter_honoured
    recent = await edison.meter_orders.list(created_after=NOW.replace(month=6, day=1))
    assert recent.items
    assert all(order.created_at and order.created_at >= NOW.replace(day=1) for order in recent.items)


async def test_a_filter_that_the_version_does_not_know_is_refused(curie: NomosClient, simulator: Simulator) -> None:
    with pytest.raises(UnsupportedVersionError, match="would ignore the filter"):
        curie.meter_orders.list(product="smart-meter-metrify")
    assert not simulator.requests


@pytest.mark.parametrize("limit", [0, 101, -1])
async def test_a_limit_out_of_range_is_refused(curie: NomosClient, limit: int) -> None:
    with pytest.raises(InvalidRequestError, match="between 1 and 100"):
        curie.meter_orders.list(limit=limit)


async def test_the_order_of_a_subscription_is_found_or_none(curie: NomosClient) -> None:
    found = await curie.meter_orders.of_subscription(DEMO.subscriptions["placed"])
    assert found is not None
    assert found.id == DEMO.orders["placed"]
    assert await curie.meter_orders.of_subscription(DEMO.subscriptions["can_order"]) is None


async def test_an_order_is_created_once_and_a_second_is_a_conflict(curie: NomosClient, simulator: Simulator) -> None:
    subscription = DEMO.subscriptions["can_order"]
    order = await curie.meter_orders.create(subscription)
    assert (order.subscription, order.status) == (subscription, "created")
    with pytest.raises(ConflictError) as caught:
        await curie.meter_orders.create(subscription)
    assert caught.value.detail_codes == ("duplicate_meter_order",)
    assert len(simulator.ledger) == 1


async def test_a_plan_without_a_smart_meter_product_is_a_bad_request(curie: NomosClient) -> None:
    with pytest.raises(BadRequestError) as caught:
        await curie.meter_orders.create(DEMO.subscriptions["no_product"])
    assert "unsupported_product" in caught.value.detail_codes


async def test_a_write_with_a_read_only_token_is_refused_before_it_is_sent(simulator: Simulator) -> None:
    async with client_for(simulator, client_id=DEMO.read_only_client_id) as client:
        assert await client.granted_scopes() == frozenset({"read:*"})
        with pytest.raises(MissingScopeError, match=r"write:\*"):
            await client.meter_orders.create(DEMO.subscriptions["can_order"])
    assert all(request.method != "POST" or request.path == "/oauth/token" for request in simulator.requests)


async def test_a_subscription_tells_its_direction_and_meter_and_no_personal_data(curie: NomosClient) -> None:
    subscription = await curie.subscriptions.get(DEMO.subscriptions["feed_in"])
    assert (subscription.direction, subscription.meter_type) == ("feed_in", "smart")
    assert subscription.customer.startswith("cus_")
    assert (subscription.has_malo, subscription.has_melo) == (True, True)
    shown = repr(subscription) + subscription.model_dump_json()
    assert not any(word in shown for word in ("email", "iban", "first_name", "malo'", 'malo":"', "metadata"))
    assert subscription.personal.malo is not None
    assert subscription.personal.malo.get_secret_value() not in shown


@pytest.mark.parametrize("version", [BATMAN, CURIE])
async def test_subscriptions_are_listed_by_status_in_each_versions_spelling(
    simulator: Simulator, version: ApiVersion
) -> None:
    async with client_for(simulator, version) as client:
        page = await client.subscriptions.list(status="ended")
    assert DEMO.subscriptions["ended"] in {subscription.id for subscription in page.items}
    assert {subscription.direction for subscription in page.items} == {"consumption"}


@pytest.mark.parametrize("version", [BATMAN, CHUCKY])
async def test_versions_before_edison_have_no_meter_orders(simulator: Simulator, version: ApiVersion) -> None:
    async with client_for(simulator, version) as client:
        with pytest.raises(UnsupportedVersionError, match="no meter orders"):
            await client.meter_orders.get(DEMO.orders["placed"])
    assert not simulator.requests


async def test_an_event_carries_ids_only(curie: NomosClient) -> None:
    event = await curie.events.get(DEMO.events["meter_order.blocked"])
    assert event.topic == "meter_order.blocked"
    assert event.context.meter_order == DEMO.orders["blocked_check_missing"]
    assert event.context.subscription == DEMO.subscriptions["blocked_check_missing"]


async def test_many_calls_at_once_ask_for_one_token(curie: NomosClient, simulator: Simulator) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(curie.meter_orders.get, DEMO.orders["placed"])
    assert [request.path for request in simulator.requests].count("/oauth/token") == 1


async def test_wrong_client_credentials_are_said_to_be_refused(simulator: Simulator) -> None:
    async with NomosClient(
        client_id="nobody", client_secret="wrong", base_url="http://127.0.0.1", app=simulator
    ) as client:
        with pytest.raises(CredentialsError, match="refused the client credentials") as caught:
            await client.meter_orders.get(DEMO.orders["placed"])
    assert "wrong" not in str(caught.value)


async def test_a_static_token_is_used_as_it_is(simulator: Simulator) -> None:
    async with NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=simulator) as client:
        assert (await client.meter_orders.get(DEMO.orders["placed"])).status == "placed"
        assert await client.granted_scopes() is None
    assert [request.path for request in simulator.requests if request.path == "/oauth/token"] == []


async def test_a_refused_static_token_is_unauthorized(simulator: Simulator) -> None:
    async with NomosClient(access_token="nom_unknown", base_url="http://127.0.0.1", app=simulator) as client:
        with pytest.raises(AuthenticationError):
            await client.meter_orders.get(DEMO.orders["placed"])


async def test_without_credentials_every_call_says_so(simulator: Simulator) -> None:
    async with NomosClient(base_url="http://127.0.0.1", app=simulator) as client:
        with pytest.raises(CredentialsError, match="No Nomos credentials"):
            await client.events.get(DEMO.events["meter_order.blocked"])
    assert not simulator.requests


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"client_id": "a"}, "client_secret is missing"),
        ({"client_secret": "a"}, "client_id is missing"),
        ({"access_token": "a", "client_id": "b", "client_secret": "c"}, "not both"),
        ({"base_url": "http://api.nomos.energy"}, "loopback only"),
        ({"base_url": "ftp://api.nomos.energy"}, "https://"),
        ({"base_url": "https://user:pw@api.nomos.energy"}, "no credentials"),
        ({"base_url": "https://[broken"}, "malformed"),
        ({"base_url": "https://"}, "name a host"),
        ({"api_version": "2099-01-01.nobody"}, "Unknown API version"),
    ],
)
def test_contradictory_arguments_are_refused(arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        NomosClient(**arguments)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_iterating_that_ends_early_leaves_nothing_open(simulator: Simulator, backend: str) -> None:
    async def iterate() -> None:
        async with client_for(simulator) as client:
            assert await client.meter_orders.of_subscription(DEMO.subscriptions["placed"]) is not None
            assert len([order async for order in client.meter_orders.list(limit=2).items(max_items=3)]) == 3
            async with aclosing(client.meter_orders.list(limit=2).items()) as orders:
                assert (await anext(orders)).id

    anyio.run(iterate, backend=backend)
    gc.collect()  # what was left open warns here


def test_the_client_runs_on_trio(simulator: Simulator) -> None:
    async def ask() -> str:
        async with client_for(simulator) as client:
            return (await client.meter_orders.get(DEMO.orders["placed"])).status

    assert anyio.run(ask, backend="trio") == "placed"


async def test_the_orders_of_several_subscriptions_take_one_request(curie: NomosClient, simulator: Simulator) -> None:
    wanted = [DEMO.subscriptions["placed"], DEMO.subscriptions["can_order"], DEMO.subscriptions["installed"]]
    page = await curie.meter_orders.list(subscription=wanted)
    assert {order.id for order in page.items} == {DEMO.orders["placed"], DEMO.orders["installed"]}
    assert page.filter_honoured
    assert len([request for request in simulator.requests if request.path != "/oauth/token"]) == 1


async def test_one_malformed_subscription_among_several_is_refused(curie: NomosClient, simulator: Simulator) -> None:
    with pytest.raises(InvalidRequestError, match="is not a valid subscription ID"):
        curie.meter_orders.list(subscription=[DEMO.subscriptions["placed"], "cus_1"])
    assert not simulator.requests
