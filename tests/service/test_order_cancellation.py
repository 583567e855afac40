"""Whoever withdraws over HTTP before the order leaves gets no installer; an order that has left is waited for."""

import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from nomos_mcp.client import NomosClient
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.service.running import running
from tests.service.wire import call, opened

ORDER = ("order_smart_meter", {"subscription_id": DEMO.subscriptions["can_order"]})
Message = MutableMapping[str, Any]


class Held:
    """The simulator, which holds one kind of request back until it is let go.

    Args:
        method: Requests to `/meter-orders` with this method are held; of the reads the second, which is the last look
            before the order leaves.
    """

    def __init__(self, method: str) -> None:
        self.simulator = Simulator()
        self.arrived, self.let_go = threading.Event(), threading.Event()
        self._method = method
        self._passing = 1 if method == "GET" else 0

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if (scope["method"], scope["path"]) == (self._method, "/meter-orders"):
            if not self._passing:
                self.arrived.set()
                await anyio.to_thread.run_sync(self.let_go.wait)
            else:
                self._passing -= 1
        await self.simulator(scope, receive, send)

    def client(self) -> NomosClient:
        return NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=self)


@pytest.mark.parametrize("modern", [True, False], ids=["2026-07-28", "older"])
def test_a_connection_that_is_closed_before_the_order_leaves_orders_nothing(*, modern: bool, tmp_path: Path) -> None:
    upstream, audit = Held("GET"), tmp_path / "audit.jsonl"
    with running(Settings(confirm="none", audit_file=str(audit)), client=upstream.client()) as server:
        gone = opened(server.url, *ORDER, modern=modern)
        assert upstream.arrived.wait(10)
        gone.close()
        call(server.url)  # answered after the server has seen the other connection close
        upstream.let_go.set()
        server.end()
    assert not upstream.simulator.ledger
    assert '"outcome":"cancelled"' in audit.read_text() or '"reason":"not_sent"' in audit.read_text()


def test_a_server_that_is_told_to_end_before_the_order_leaves_orders_nothing() -> None:
    upstream, answers = Held("GET"), []
    with running(Settings(confirm="none"), client=upstream.client()) as server:
        caller = threading.Thread(target=lambda: answers.append(call(server.url, *ORDER)))
        caller.start()
        assert upstream.arrived.wait(10)
        server.begin_to_end()
        server.wait_until_ending()
        upstream.let_go.set()
        caller.join()
    assert not upstream.simulator.ledger
    answer = answers[0].json()["result"]["structuredContent"]
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_sent")


@pytest.mark.parametrize("modern", [True, False], ids=["2026-07-28", "older"])
def test_an_order_that_has_left_is_brought_to_its_end_although_the_caller_and_the_server_go(
    *, modern: bool, tmp_path: Path
) -> None:
    upstream, audit = Held("POST"), tmp_path / "audit.jsonl"
    with running(Settings(confirm="none", audit_file=str(audit)), client=upstream.client()) as server:
        gone = opened(server.url, *ORDER, modern=modern)
        assert upstream.arrived.wait(10)
        assert '"outcome":"begun"' in audit.read_text()
        gone.close()
        server.begin_to_end()
        server.wait_until_ending()
        upstream.let_go.set()
        server.end()
    assert len(upstream.simulator.ledger) == 1
    assert '"outcome":"ordered"' in audit.read_text()


def test_an_order_that_takes_longer_than_the_server_may_is_on_record_as_unknown(tmp_path: Path) -> None:
    upstream, audit = Held("POST"), tmp_path / "audit.jsonl"
    settings = Settings(confirm="none", audit_file=str(audit))
    with running(settings, client=upstream.client(), stop_within=1) as server:
        gone = opened(server.url, *ORDER)
        assert upstream.arrived.wait(10)
        threading.Timer(3, upstream.let_go.set).start()  # lets the thread end that holds the request
        server.end()
        gone.close()
    line = json.loads(audit.read_text())
    assert (line["subscription"], line["outcome"]) == (DEMO.subscriptions["can_order"], "outcome_unknown")
