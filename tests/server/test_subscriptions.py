"""`subscriptions/listen`: who is told of a change, and who is not."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated, Subscription

from nomos_mcp.client import CURIE
from nomos_mcp.database.database import IN_MEMORY, DatabaseError
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.server import create_server
from nomos_mcp.server.nomos_server import NomosServer
from nomos_mcp.server.request_context import Caller
from nomos_mcp.server.subscriptions import CHANGES, MAX_ADDRESSES, Subscriptions
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Fault, Simulator
from tests.conftest import client_for
from tests.service.running import running
from tests.serving import served

OWN, FOREIGN = "placed", "created"
OWN_CUSTOMER = DEMO.customers[OWN]
OWN_ORDER, FOREIGN_ORDER = (f"nomos://meter-orders/{DEMO.orders[name]}" for name in (OWN, FOREIGN))


def look(name: str, status: str, days: float = 0) -> OrderLook:
    """Return a look at a named order, so many days from now."""
    return OrderLook(
        order_id=DEMO.orders[name],
        subscription_id=DEMO.subscriptions[name],
        customer_id=DEMO.customers[name],
        api_version=CURIE,
        status=status,
        seen_at=datetime.now(UTC) + timedelta(days=days),
        seen_by="poll",
    )


@pytest.fixture
async def history() -> AsyncIterator[History]:
    kept = History(IN_MEMORY, lambda: datetime.now(UTC))
    await kept.record([look(OWN, "placed", -9), look(FOREIGN, "created", -9)])
    yield kept
    await kept.aclose()


@asynccontextmanager
async def listening(
    history: History, caller: Caller, simulator: Simulator
) -> AsyncIterator[tuple[Client, NomosServer]]:
    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos, history=history, caller=caller)
        assert server.subscriptions is not None
        server.subscriptions = Subscriptions(server.context, history, period=0.01)
        server._lowlevel_server._request_handlers["subscriptions/listen"] = replace(
            server._lowlevel_server._request_handlers["subscriptions/listen"], handler=server.subscriptions
        )
        with anyio.fail_after(30):
            async with Client(server) as client:
                yield client, server


async def told(stream: Subscription) -> str:
    event = await anext(stream)
    assert isinstance(event, ResourceUpdated)
    return event.uri


async def refusal(client: Client, *addresses: str) -> tuple[int, str]:
    with pytest.raises(MCPError) as refused:
        async with client.listen(resource_subscriptions=addresses):
            pytest.fail("it was acknowledged")
    return refused.value.error.code, refused.value.error.message


async def test_a_caller_of_the_organisation_is_told_of_every_order(history: History, simulator: Simulator) -> None:
    async with (
        listening(history, Caller.local(), simulator) as (client, _),
        client.listen(resource_subscriptions=[CHANGES, FOREIGN_ORDER]) as stream,
    ):
        await history.record([look(FOREIGN, "placed")])
        assert {await told(stream), await told(stream)} == {CHANGES, FOREIGN_ORDER}
        await history.record([look(OWN, "check_submitted")])
        assert await told(stream) == CHANGES


async def test_a_customer_is_told_of_their_own_orders_only(history: History, simulator: Simulator) -> None:
    async with (
        listening(history, Caller.customer(OWN_CUSTOMER), simulator) as (client, server),
        client.listen(resource_subscriptions=[CHANGES, OWN_ORDER]) as stream,
    ):
        await history.record([look(FOREIGN, "placed")])
        await history.record([look(OWN, "check_submitted")])
        assert {await told(stream), await told(stream)} == {CHANGES, OWN_ORDER}
        await history.record([look(FOREIGN, "check_submitted", 0.5)])
        server.begin_shutdown()
        assert [event async for event in stream] == []


@pytest.mark.parametrize(
    "caller", [Caller(scopes=frozenset({"orders:read"})), Caller.customer(OWN_CUSTOMER, scopes=())]
)
async def test_who_may_read_no_orders_is_not_told_when_they_move(
    history: History, simulator: Simulator, caller: Caller
) -> None:
    async with listening(history, caller, simulator) as (client, _):
        assert "Nothing was sent to Nomos" in (await refusal(client, CHANGES))[1]


async def test_what_is_somebody_elses_looks_like_what_does_not_exist(history: History, simulator: Simulator) -> None:
    async with listening(history, Caller.customer(OWN_CUSTOMER), simulator) as (client, _):
        refusals = {
            await refusal(client, CHANGES, address)
            for address in (
                FOREIGN_ORDER,
                f"nomos://meter-orders/{DEMO.orders['other_organisation']}",
                f"nomos://meter-orders/prdo_{'0' * 24}",
                "nomos://meter-orders/prdo_!",
                f"nomos://meter-orders/{DEMO.subscriptions[OWN]}",
                f"nomos://subscriptions/{DEMO.subscriptions[OWN]}",
                "nomos://changes/",
                DEMO.orders[OWN],
                "",
            )
        }
        assert len(refusals) == 1
        assert refusals.pop()[0] == -32602


async def test_one_stream_has_a_bounded_number_of_addresses(history: History, simulator: Simulator) -> None:
    async with listening(history, Caller.local(), simulator) as (client, _):
        many = [f"nomos://meter-orders/prdo_{number}" for number in range(MAX_ADDRESSES + 1)]
        asked = len(simulator.requests)
        assert f"at most {MAX_ADDRESSES}" in (await refusal(client, *many))[1]
        assert len(simulator.requests) == asked


async def test_nothing_is_acknowledged_while_nomos_cannot_say_whose_an_order_is(
    history: History, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="status", status=503, path="/meter-orders/*"))
    async with listening(history, Caller.local(), simulator) as (client, _):
        assert "Nomos did not answer" in (await refusal(client, OWN_ORDER))[1]


async def test_a_change_is_told_although_the_database_was_away_in_between(
    history: History, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        listening(history, Caller.local(), simulator) as (client, _),
        client.listen(resource_subscriptions=[CHANGES]) as stream,
    ):
        failed, ask = anyio.Event(), history.changes_after

        async def away(*_: int) -> object:
            failed.set()
            raise DatabaseError("away")

        monkeypatch.setattr(history, "changes_after", away)
        await history.record([look(OWN, "check_submitted")])
        await failed.wait()
        assert "does not answer" in (await refusal_while_away(client, history, monkeypatch))
        monkeypatch.setattr(history, "changes_after", ask)
        assert await told(stream) == CHANGES


async def refusal_while_away(client: Client, history: History, monkeypatch: pytest.MonkeyPatch) -> str:
    async def away() -> int:
        raise DatabaseError("away")

    monkeypatch.setattr(history, "last_number", away)
    return (await refusal(client, CHANGES))[1]


async def test_orders_can_be_listened_to_and_lists_cannot(history: History, simulator: Simulator) -> None:
    async with listening(history, Caller.local(), simulator) as (client, _):
        said = client.server_capabilities
        assert said.resources
        assert said.resources.subscribe is True
        assert [said.resources.list_changed, said.tools and said.tools.list_changed] == [False, False]
        assert said.prompts
        assert said.prompts.list_changed is False


async def test_without_a_database_there_is_nothing_to_listen_to(simulator: Simulator) -> None:
    async with client_for(simulator) as nomos, Client(create_server(Settings(), client=nomos)) as client:
        assert client.server_capabilities.resources is not None
        assert client.server_capabilities.resources.subscribe is False
        assert (await refusal(client, CHANGES))[0] == -32601


@pytest.mark.slow
async def test_over_stdio_a_change_is_told_that_another_process_recorded(tmp_path: Path, simulator: Simulator) -> None:
    file = tmp_path / "history.db"
    history = History(str(file), lambda: datetime.now(UTC))
    await history.record([look(OWN, "placed", -9)])
    with served(simulator) as url:
        environment = {
            "NOMOS_BASE_URL": url,
            "NOMOS_ACCESS_TOKEN": DEMO.access_token,
            "NOMOS_MCP_DATABASE": str(file),
        }
        server = StdioServerParameters(command=sys.executable, args=["-m", "nomos_mcp"], env=environment)
        with anyio.fail_after(60):
            async with (
                Client(stdio_client(server)) as client,
                client.listen(resource_subscriptions=[OWN_ORDER]) as stream,
            ):
                await history.record([look(OWN, "check_submitted")])
                assert await told(stream) == OWN_ORDER
                # A stream that is open does not keep calls from being answered.
                assert not (await client.call_tool("explain_status", {"status": "placed"})).is_error
    await history.aclose()


async def test_a_stream_ends_when_its_token_is_revoked(tmp_path: Path, simulator: Simulator) -> None:
    history = History(str(tmp_path / "history.db"), lambda: datetime.now(UTC))
    await history.record([look(OWN, "placed", -9)])
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("chat", ["orders:read"], OWN_CUSTOMER)
    settings = Settings(
        database=str(tmp_path / "history.db"), http=HttpSettings(tokens_file=str(tmp_path / "tokens.json"))
    )
    http = httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"})
    with anyio.fail_after(60):
        async with client_for(simulator) as nomos:
            with running(settings, client=nomos) as service:
                transport = streamable_http_client(f"{service.url}/mcp", http_client=http)
                async with http, Client(transport) as client:
                    assert (await refusal(client, FOREIGN_ORDER))[0] == -32602
                    async with client.listen(resource_subscriptions=[OWN_ORDER]) as stream:
                        await history.record([look(OWN, "check_submitted")])
                        assert await told(stream) == OWN_ORDER
                        tokens.revoke("chat")
                        assert [event async for event in stream] == []
    await history.aclose()


async def test_a_stream_over_http_ends_when_the_server_stops(tmp_path: Path, simulator: Simulator) -> None:
    settings = Settings(database=str(tmp_path / "history.db"))
    with anyio.fail_after(60):
        async with client_for(simulator) as nomos:
            with running(settings, client=nomos) as service:
                async with (
                    Client(f"{service.url}/mcp") as client,
                    client.listen(resource_subscriptions=[CHANGES]) as stream,
                ):
                    service.begin_to_end()
                    assert [event async for event in stream] == []
