"""`examples/watch_orders.py`, as a user runs it."""

import asyncio
import sys
from pathlib import Path

import anyio
import pytest

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.views import TargetState
from tests.docs.blocks import ROOT
from tests.service.processes import Process
from tests.serving import served


@pytest.mark.slow
async def test_the_example_prints_a_change_that_a_poll_found(tmp_path: Path) -> None:
    simulator = Simulator()
    order_id = DEMO.orders["placed"]
    with served(simulator) as upstream:
        environment = {
            "NOMOS_BASE_URL": upstream,
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_MCP_DATABASE": str(tmp_path / "history.db"),
        }
        await _watch(environment)
        server = Process(**environment)
        example = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples/watch_orders.py"),
            f"{server.url}/mcp",
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert example.stdout is not None
            with anyio.fail_after(60):
                assert (await example.stdout.readline()).startswith(b"prdo_")  # what the orders themselves date
                simulator.put_order(order_id, TargetState(status="check_submitted"))
                await _watch(environment)
                async for line in example.stdout:
                    if "placed → check_submitted" in line.decode():
                        assert order_id in line.decode()
                        break
        finally:
            example.kill()
            await example.wait()
            server.end()


async def _watch(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "nomos_mcp", "watch", "--once"]
    run = await anyio.run_process(command, env={**environment, "PATH": ""})
    assert b'"complete": true' in run.stdout
