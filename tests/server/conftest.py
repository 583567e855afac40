"""A client of the SDK, connected in process to the real server, in both protocol eras."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from nomos_mcp.client import CURIE, ApiVersion
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import Simulator
from tests.conftest import NOW, client_for

Era = Literal["auto", "legacy"]
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> Era:
    """Run the test in the current protocol revision and in the handshake of the older ones."""
    return "auto" if request.param == "auto" else "legacy"


@pytest.fixture
def connect(simulator: Simulator, era: Era) -> Connect:
    """Return what opens a connection to a server that is pinned to a version."""

    @asynccontextmanager
    async def connected(api_version: ApiVersion = CURIE, **more: Any) -> AsyncIterator[Client]:
        async with client_for(simulator, api_version) as nomos:
            server = create_server(Settings(), client=nomos, clock=lambda: NOW)
            async with Client(server, mode=era, **more) as client:
                yield client

    return connected


@pytest.fixture
async def assistant(connect: Connect) -> AsyncIterator[Client]:
    """Return a client of a server that is pinned to curie.

    The connection lives in a task of its own: a fixture is set up and torn down by different tasks, and a connection
    has to be closed by the task that opened it.
    """
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    finished = asyncio.Event()

    async def live() -> None:
        async with connect() as client:
            opened.set_result(client)
            await finished.wait()

    connection = asyncio.create_task(live())
    connection.add_done_callback(lambda _: opened.cancel())  # one that ends before it is open must not be waited for
    yield await opened
    finished.set()
    await connection


def answer_of(result: CallToolResult) -> dict[str, Any]:
    """Return the structured answer of a call that succeeded."""
    assert not result.is_error, error_of(result)
    answer: dict[str, Any] | None = result.structured_content
    assert answer is not None
    return answer


def error_of(result: CallToolResult) -> str:
    """Return the text of a result."""
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


def asked_of(simulator: Simulator) -> list[str]:
    """Return what upstream was asked, tokens aside: whether the tool that orders is listed depends on the token."""
    return [request.path for request in simulator.requests if request.path != "/oauth/token"]
