"""Two hundred callers at once over real sockets, while tokens expire and 429s come."""

import json
import time
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from nomos_mcp.client import CURIE, MeterOrder, NomosClient
from nomos_mcp.simulator import DEMO, Simulator
from tests.client.test_rate_limiter import most_in_a_second
from tests.serving import served

CALLERS = 200
PER_SECOND = 60


class Upstream:
    """The simulator with its own rate limit, an eye on when requests arrive, and trouble at fixed points of the way."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.simulator = Simulator(
            now=lambda: datetime.now(UTC) + self.ahead, rate_limit=PER_SECOND, orders=2 * CALLERS
        )
        self.arrivals: list[float] = []
        self.expiries = [60, 180]  # after so many good answers; apart enough for a call not to meet both
        self.refusals = 5

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        if scope["type"] != "http":
            return  # the server's own start and end are no requests
        self.arrivals.append(time.monotonic())
        if scope["path"] != "/oauth/token":
            good = self.answered("/meter-orders", 200)
            if self.expiries and good >= self.expiries[0]:
                self.expiries.pop(0)
                self.ahead += timedelta(hours=2)  # every token there is has expired now
            if self.refusals and good >= 100:
                self.refusals -= 1
                await self._refuse(send)
                return
        await self.simulator(scope, receive, send)

    def answered(self, path: str, status: int) -> int:
        """Count the answers of the simulator below a path."""
        requests = self.simulator.requests
        return sum(request.path.startswith(path) and request.status == status for request in requests)

    async def _refuse(self, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        headers = [(b"content-type", b"application/json"), (b"x-api-version", CURIE.encode()), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"code": "TOO_MANY_REQUESTS"}).encode()})


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_call_is_lost_no_token_asked_for_twice_and_no_second_overfilled(backend: str) -> None:
    upstream = Upstream()
    answers: list[MeterOrder] = []
    visible = (order.id for order in upstream.simulator.world.orders if order.organisation == "demo")
    names = list(visible)[-CALLERS:]  # equal reads at once would be one read

    async def main(url: str) -> None:
        async with NomosClient(
            client_id=DEMO.client_id, client_secret=DEMO.client_secret, base_url=url, requests_per_second=PER_SECOND
        ) as client:

            async def call(order_id: str) -> None:
                answers.append(await client.meter_orders.get(order_id))

            with anyio.fail_after(120):
                async with anyio.create_task_group() as group:
                    for name in names:
                        group.start_soon(call, name)

    with served(upstream) as url:
        anyio.run(main, url, backend=backend)

    assert sorted(order.id for order in answers) == sorted(names)
    assert (upstream.expiries, upstream.refusals) == ([], 0)
    assert upstream.answered("/oauth/token", 200) == 3  # the first, and one for each time that they expired
    assert upstream.answered("/meter-orders", 200) == CALLERS
    assert upstream.answered("", 429) == 0  # but for those that were planted
    assert most_in_a_second(upstream.arrivals) <= PER_SECOND
