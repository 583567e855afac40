"""How many walks go side by side: as many as use the rate budget, as far away as upstream is."""

from typing import Any

import anyio
import pytest

from nomos_mcp.client import NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from tests.client.times import VIRTUAL, virtually


@pytest.mark.parametrize(
    ("seconds_away", "per_second", "walks"), [(0.0, 10, 1), (0.05, 10, 1), (0.35, 10, 4), (0.05, 1000, 50)]
)
def test_one_walk_is_enough_where_it_uses_the_rate_budget(seconds_away: float, per_second: int, walks: int) -> None:
    async def main() -> int:
        simulator = Simulator()

        async def far(scope: Any, receive: Any, send: Any) -> None:
            await anyio.sleep(seconds_away)
            await simulator(scope, receive, send)

        async with NomosClient(
            access_token=DEMO.access_token,
            base_url="http://127.0.0.1",
            app=far,
            timing=VIRTUAL,
            requests_per_second=per_second,
        ) as client:
            assert client.walks_abreast == 1  # nothing is known of the way yet
            await client.meter_orders.get(DEMO.orders["placed"])
            return client.walks_abreast

    assert virtually(main) == walks
