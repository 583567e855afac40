"""`nomos://statistics/durations`: for callers of the whole organisation only."""

import json
from typing import Any

import pytest
from mcp import Client, MCPError

from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE
from nomos_mcp.server import create_server
from nomos_mcp.server.request_context import Caller
from nomos_mcp.server.resource_uris import DURATIONS
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.conftest import NOW
from tests.server.test_resources import text_of

UNKNOWN = "nomos://statistics/duration"


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


async def test_it_tells_each_step_in_lifecycle_order_with_its_cases_and_percentiles() -> None:
    server = create_server(Settings(demo=True))
    async with Client(server) as client:
        assert server.context.history
        await server.context.history.durations(60)
        said = _read(text_of(await client.read_resource(DURATIONS)))
        assert DURATIONS in [str(each.uri) for each in (await client.list_resources()).resources]
    steps = [step["step"] for step in said["steps"]]
    assert steps[:3] == ["created", "placed", "check_submitted"]
    assert "blocked: check_missing" in steps
    placed = said["steps"][1]
    assert placed["api_version"] == CURIE
    assert placed["cases"] == placed["finished"] + placed["waiting"] + placed["cancelled"]
    assert 0 < placed["p10"] <= placed["median"]
    assert "observation, not a promise" in said["note"]


async def test_a_customer_is_told_that_it_is_unknown_as_any_other_address_is() -> None:
    server = create_server(Settings(demo=True), caller=Caller.customer(DEMO.customers["two_subscriptions"]))
    errors = []
    async with Client(server) as client:
        for uri in (DURATIONS, UNKNOWN):
            with pytest.raises(MCPError) as failure:
                await client.read_resource(uri)
            error = failure.value.error
            errors.append((error.code, error.message.replace(uri, ""), str(error.data).replace(uri, "")))
        listed = (await client.list_resources()).model_dump_json()
    assert errors[0] == errors[1]
    assert "statistics" not in listed


async def test_a_list_that_depends_on_the_caller_may_be_kept_by_the_caller_only() -> None:
    async with Client(create_server(Settings(demo=True))) as client:
        assert (await client.list_resources()).cache_scope == "private"
    async with Client(create_server(Settings())) as client:
        listed = await client.list_resources()
    assert listed.cache_scope == "public"
    assert DURATIONS not in [str(each.uri) for each in listed.resources]


async def test_a_database_that_does_not_answer_is_said() -> None:
    server = create_server(Settings(), history=History("/nowhere/at/all.db", lambda: NOW))
    async with Client(server) as client:
        said = _read(text_of(await client.read_resource(DURATIONS)))
    assert said["note"].startswith("The history cannot be read now. The database file cannot be opened")
    assert "steps" not in said
