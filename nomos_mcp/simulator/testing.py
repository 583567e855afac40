"""Pytest fixtures for integrators: `pytest_plugins = ["nomos_mcp.simulator.testing"]`."""

from collections.abc import Iterator

import pytest

from nomos_mcp.simulator import Simulator
from nomos_mcp.simulator.simulator_server import served


@pytest.fixture
def nomos_simulator() -> Simulator:
    """A new simulator for each test: an ASGI application whose time moves by `advance` as well as by the clock."""
    return Simulator()


@pytest.fixture
def nomos_simulator_url(nomos_simulator: Simulator) -> Iterator[str]:
    """The base URL of `nomos_simulator` on a loopback port, for clients that need a socket."""
    with served(nomos_simulator) as url:
        yield url
