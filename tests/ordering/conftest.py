"""Clients that answer a question in every way there is, and servers that ask in each way they can be set to."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from nomos_mcp.client import CURIE, ApiVersion
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.server.conftest import Era, assistant, connect, era  # noqa: F401  fixtures

TOOL = "order_smart_meter"
SUBSCRIPTION = DEMO.subscriptions["can_order"]
_ON_ANOTHER_PLAN = DEMO.subscriptions["can_order_metrify"]

Orders = Callable[..., AbstractAsyncContextManager[Client]]


class Person:
    """A client's user, who gives one answer and remembers the questions."""

    def __init__(self, action: str, content: dict[str, Any] | None = None) -> None:
        self.action = action
        self.content = content
        self.asked: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002  the SDK's
        self.asked.append(params.message)
        return ElicitResult.model_validate({"action": self.action, "content": self.content})


def yes() -> Person:
    return Person("accept", {"order": True})


def move_to_another_plan(simulator: Simulator) -> str:
    """Put the subscription that can order on another plan, and return that plan's ID."""
    ours, other = (simulator.world.subscriptions.get(each) for each in (SUBSCRIPTION, _ON_ANOTHER_PLAN))
    assert ours
    assert other
    assert ours.plan_id != other.plan_id
    simulator.world.subscriptions.put(replace(ours, plan_id=other.plan_id))
    return other.plan_id


@pytest.fixture
def orders(simulator: Simulator, era: Era) -> Orders:  # noqa: F811  the fixture
    """Return what opens a connection for a person, to a server with these settings."""

    @asynccontextmanager
    async def connected(
        person: Person | None = None,
        *,
        api_version: ApiVersion = CURIE,
        client_id: str = DEMO.client_id,
        **settings: Any,
    ) -> AsyncIterator[Client]:
        async with client_for(simulator, api_version, client_id) as nomos:
            server = create_server(Settings(**settings), client=nomos, clock=lambda: NOW)
            async with Client(server, mode=era, elicitation_callback=person) as client:
                yield client

    return connected
