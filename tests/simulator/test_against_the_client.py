"""Client and simulator share no model, so each shows the mistakes of the other."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nomos_mcp.simulator
from nomos_mcp.client import (
    CURIE,
    EDISON,
    APIConnectionError,
    ApiVersion,
    NomosClient,
    UnreadableResponseError,
    VersionMismatchError,
)
from nomos_mcp.simulator import DEMO, Fault, Simulator
from nomos_mcp.simulator.simulator_server import served
from nomos_mcp.simulator.views import render_order
from nomos_mcp.simulator.world_records import OrderRecord

PLACED = DEMO.orders["placed"]
NEEDED = ("id", "subscription", "customer", "provider", "status")

Break = Callable[[dict[str, object], str], None]


def renamed(body: dict[str, object], field: str) -> None:
    body[field + "_"] = body.pop(field)


def of_another_type(body: dict[str, object], field: str) -> None:
    body[field] = 42


def client(simulator: Simulator, version: ApiVersion = CURIE) -> NomosClient:
    return NomosClient(access_token=DEMO.access_token, api_version=version, base_url="http://127.0.0.1", app=simulator)


@pytest.mark.parametrize("breaking", [renamed, of_another_type])
@pytest.mark.parametrize("field", NEEDED)
@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_the_client_notices_a_field_that_the_simulator_breaks(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, version: ApiVersion, field: str, breaking: Break
) -> None:
    right = render_order

    def wrong(order: OrderRecord, asked: Any) -> dict[str, object]:
        body = right(order, asked)
        breaking(body, field)
        return body

    monkeypatch.setattr("nomos_mcp.simulator.api_routes.render_order", wrong)
    async with client(sim, version) as nomos:
        with pytest.raises(UnreadableResponseError, match=field):
            await nomos.meter_orders.get(PLACED)


async def test_the_client_notices_an_answer_in_another_version(sim: Simulator) -> None:
    sim.faults.add(Fault(kind="wrong_version"))
    async with client(sim) as nomos:
        with pytest.raises(VersionMismatchError):
            await nomos.meter_orders.get(PLACED)


async def test_the_client_notices_an_ignored_filter(sim: Simulator) -> None:
    sim.faults.add(Fault(kind="ignored_filter"))
    async with client(sim) as nomos:
        page = await nomos.meter_orders.list(status="activated")
    assert page.dropped > 0
    assert {order.status for order in page.items} == {"activated"}


async def test_only_the_ledger_shows_whether_an_order_with_a_lost_answer_exists(sim: Simulator) -> None:
    fault = sim.faults.add(Fault(kind="reset", method="POST", path="/meter-orders"))
    async with client(sim) as nomos:
        with pytest.raises(APIConnectionError):
            await nomos.meter_orders.create(DEMO.subscriptions["can_order"])
        assert sim.ledger == []
        sim.faults.remove(fault)
        sim.faults.add(Fault(kind="reset", method="POST", path="/meter-orders", after_commit=True))
        with pytest.raises(APIConnectionError):
            await nomos.meter_orders.create(DEMO.subscriptions["can_order"])
    assert len(sim.ledger) == 1


async def test_the_client_works_on_a_port_with_the_printed_credentials(
    sim: Simulator,
) -> None:
    with served(sim) as url:
        async with NomosClient(client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url) as nomos:
            order = await nomos.meter_orders.get(PLACED)
    assert order.status == "placed"


async def test_a_new_status_does_not_break_a_list(sim: Simulator) -> None:
    sim.faults.add(Fault(kind="new_enum_value", value="dismantled"))
    async with client(sim) as nomos:
        page = await nomos.meter_orders.list()
    assert {order.status for order in page.items} == {"dismantled"}


def test_the_simulator_imports_no_other_part_of_the_package() -> None:
    package = Path(nomos_mcp.simulator.__file__).parent
    imported = {
        name
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    ours = {name for name in imported if name.split(".")[0] == "nomos_mcp"}
    assert ours
    assert all(name.startswith("nomos_mcp.simulator") for name in ours)
