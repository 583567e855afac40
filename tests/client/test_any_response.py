"""Whatever JSON, headers or bytes upstream sends, the caller gets a record, a page, or an error of the tree."""

import json
from collections.abc import Awaitable, Callable, Mapping

import pytest
from hypothesis import given, strategies as st

from nomos_mcp.client import CURIE, Event, MeterOrder, NomosClient, NomosError, Page, Subscription
from nomos_mcp.client.http_messages import AsgiApp
from tests.client.fake_time import VIRTUAL, virtually
from tests.client.faults.wire_server import ORDER
from tests.client.test_personal_data import WHOLE

EVENT = {"id": "evt_1", "topic": "invoice.paid", "timestamp": "2026-01-01T00:00:00Z", "context": {"invoice": "inv_1"}}


async def _page(listing: Awaitable[object]) -> object:
    return await listing


CALLS: dict[str, Callable[[NomosClient], Awaitable[object]]] = {
    "order": lambda client: client.meter_orders.get("prdo_1"),
    "orders": lambda client: _page(client.meter_orders.list(status="placed")),
    "subscription": lambda client: client.subscriptions.get("sub_1"),
    "subscriptions": lambda client: _page(client.subscriptions.list(status="active")),
    "event": lambda client: client.events.get("evt_1"),
    "creation": lambda client: client.meter_orders.create("sub_1"),
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-02-30T00:00:00Z")
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


def bent(record: Mapping[str, object]) -> st.SearchStrategy[object]:
    """Records in which some fields hold anything."""
    changes = st.dictionaries(st.sampled_from([*record, "direction", "meter"]), anything, max_size=4)
    return changes.map(lambda changed: {**record, **changed})


records = st.one_of(anything, bent(ORDER), bent(WHOLE), bent(EVENT))
pages = st.fixed_dictionaries({"items": st.lists(records, max_size=3) | anything, "has_more": anything})
pages_with_cursor = st.fixed_dictionaries({"items": st.lists(records, max_size=3), "next_page": anything})
errors = st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "message", "requestId", "errors"), anything))
bodies = st.one_of(records, pages, pages_with_cursor, errors).map(lambda body: json.dumps(body).encode()) | st.binary()
headers = st.dictionaries(
    st.sampled_from(
        ["retry-after", "date", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-request-id"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255)).map(lambda text: text.encode("latin-1"))
    | st.integers().map(lambda number: str(number).encode()),
)


def telling(status: int, body: bytes, told: dict[str, bytes]) -> AsgiApp:
    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001  ASGI
        named = {"content-type": b"application/json", "x-api-version": CURIE.encode(), **told}
        start = {"status": status, "headers": [(name.encode(), value) for name, value in named.items()]}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.parametrize("call", CALLS)
@given(status=st.sampled_from([200, 200, 200, 201, 204, 400, 409, 429, 503]), body=bodies, told=headers)
def test_nothing_else_comes_out(call: str, status: int, body: bytes, told: dict[str, bytes]) -> None:
    async def main() -> object:
        async with NomosClient(
            access_token="t", base_url="http://127.0.0.1", app=telling(status, body, told), timing=VIRTUAL
        ) as client:
            try:
                return await CALLS[call](client)
            except NomosError as failure:
                return failure

    came = virtually(main)
    assert isinstance(came, MeterOrder | Subscription | Event | Page | NomosError)
    assert str(came)
