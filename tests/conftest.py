"""What the tests share: the simulator with a clock that stands still, and clients that talk to it."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from jsonschema.validators import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from tests.databases import clock, database_url, engine, history, postgresql_url  # noqa: F401  fixtures

# A busy machine is no reason to fail, and what fails once has to fail again.
settings.register_profile("reproducible", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("reproducible")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a process or a clock."""
    return (os.cpu_count() or 1) + 1


NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


def client_for(simulator: Simulator, api_version: ApiVersion = CURIE, client_id: str = DEMO.client_id) -> NomosClient:
    """Return a client that the simulator answers, in process."""
    return NomosClient(
        client_id=client_id,
        client_secret=DEMO.client_secret,
        api_version=api_version,
        base_url="http://127.0.0.1",
        requests_per_second=1000,  # this simulator counts none
        app=simulator,
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on PostgreSQL need a server: `make test-slow` runs them."""
    for item in items:
        called_with = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if called_with.get("engine") == "postgresql":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def _each_schema_is_checked_once() -> Iterator[None]:
    """Every client checks the schema of a result that it reads. Ours are the same in all tests, and it takes long."""
    check, checked = Draft202012Validator.check_schema, set[str]()

    def check_once(schema: Any, **options: Any) -> None:
        text = json.dumps([schema, sorted(options)], sort_keys=True)
        if text not in checked:
            check(schema, **options)
            checked.add(text)

    with patch.object(Draft202012Validator, "check_schema", check_once):
        yield


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(now=lambda: NOW)


@pytest.fixture
async def curie(simulator: Simulator) -> AsyncIterator[NomosClient]:
    async with client_for(simulator, CURIE) as client:
        yield client


@pytest.fixture
async def edison(simulator: Simulator) -> AsyncIterator[NomosClient]:
    async with client_for(simulator, EDISON) as client:
        yield client


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have counted, at the end, whichever process they ran in."""
    for report in terminalreporter.getreports("passed"):
        for name, figures in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(str(figures))
