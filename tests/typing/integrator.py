"""The client as an integrator's type checker sees it. Checked by mypy and basedpyright in strict mode, never run."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import assert_type

from pydantic import SecretStr

from nomos_mcp import APIError, AuthenticationError, LocalRateLimitError, NomosClient, NomosError, RateLimitError
from nomos_mcp.client import (
    CURIE,
    ApiVersion,
    CurieMeterOrder,
    EdisonMeterOrder,
    Event,
    MeterOrder,
    Page,
    RateLimitHeaders,
    Subscription,
)


async def orders(client: NomosClient) -> None:
    order = await client.meter_orders.get("prdo_1")
    assert_type(order, MeterOrder)
    assert_type(order.status, str)
    assert_type(order.created_at, datetime | None)
    assert_type(order.blocked_reason, str | None)
    match order:
        case CurieMeterOrder(blocked_reason=reason):
            assert_type(reason, str | None)
        case EdisonMeterOrder():
            assert_type(order.updated_at, datetime | None)
        case _:
            assert_type(order, MeterOrder)
    assert_type(await client.meter_orders.of_subscription("sub_1"), MeterOrder | None)
    assert_type(await client.meter_orders.create("sub_1"), MeterOrder)


async def lists(client: NomosClient) -> None:
    page = await client.meter_orders.list(status=["placed"], limit=10)
    assert_type(page.next_cursor, str | None)
    assert_type(page, Page[MeterOrder])
    assert_type(page.items, tuple[MeterOrder, ...])
    assert_type(page.filter_honoured, bool)
    async for order in client.meter_orders.list(product="smart-meter-metrify", created_after=datetime.now(UTC)):
        assert_type(order, MeterOrder)
    async for one in client.subscriptions.list(status="active").pages(max_pages=2):
        assert_type(one, Page[Subscription])
    assert_type(aiter(client.subscriptions.list()), AsyncIterator[Subscription])
    client.meter_orders.list(product="smart-meter-nobody")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def personal(client: NomosClient) -> None:
    subscription = await client.subscriptions.get("sub_1")
    assert_type(subscription.direction, str | None)
    assert_type(subscription.personal.email, SecretStr | None)
    if subscription.personal.metadata is not None:
        assert_type(subscription.personal.metadata.get_secret_value(), Mapping[str, object])
    subscription.status = "ended"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def the_rest(version: ApiVersion = CURIE) -> None:
    async with NomosClient(client_id="me", client_secret=SecretStr("s"), api_version=version) as client:
        assert_type(client, NomosClient)
        assert_type(await client.events.get("evt_1"), Event)
        assert_type(await client.granted_scopes(), frozenset[str] | None)
        assert_type(client.with_options(timeout=3, max_retries=0), NomosClient)
        assert_type(client.rate_limit, RateLimitHeaders | None)
        try:
            await client.aclose()
        except LocalRateLimitError as error:
            assert_type(error.retry_after, float)
        except RateLimitError as error:
            assert_type(error.retry_after, float | None)
        except AuthenticationError as error:
            assert_type(error.status_code, int)
        except APIError as error:
            assert_type(error.request_id, str | None)
            assert_type(error.detail_codes, tuple[str, ...])
        except NomosError:
            pass
    assert_type(NomosClient.from_env(), NomosClient)
    assert_type(NomosClient.from_env({"NOMOS_ACCESS_TOKEN": "t"}, timeout=3, max_retries=0), NomosClient)
    NomosClient(api_version="curie")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
