"""The API used at random, compared with a small model: what was ordered, its status, and what may follow."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nomos_mcp.simulator import DEMO, Fault, Simulator, TargetState

NOW: Final = datetime(2026, 6, 15, 10, tzinfo=UTC)
PATH: Final = ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated")
MAY_ORDER: Final = ("can_order", "can_order_metrify", "can_order_pending", "smart_already", "untrusted_metadata")
MAY_NOT: Final = ("no_product", "feed_in", "ended")


class Api(RuleBasedStateMachine):
    """Orders, advances, cancels, loses answers, lists and filters; the model knows what must come of it."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.sim = Simulator(seed, now=lambda: NOW)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.sim),
            base_url="http://simulator",
            headers={"Authorization": f"Bearer {DEMO.access_token}"},
        )
        self.ordered: list[str] = []
        """Subscriptions that were ordered for through the API, in this order."""
        self.status = {order["id"]: order["status"] for order in self.listed({})}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.client.aclose())
        self.loop.close()

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.loop.run_until_complete(self.client.request(method, path, **options))

    def listed(self, query: dict[str, str], limit: int = 100) -> list[dict[str, Any]]:
        """Read a whole list."""
        found: list[dict[str, Any]] = []
        page = {"limit": str(limit)}
        while True:
            body = self.call("GET", "/meter-orders", params={**query, **page}).json()
            found += body["items"]
            assert len(body["items"]) <= limit
            if not body["has_more"]:
                return found
            page["cursor"] = body["next_page"]

    @rule(name=st.sampled_from(MAY_ORDER), lost=st.booleans())
    def order(self, name: str, lost: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        """The first order is accepted, every other one is a conflict, whether or not the answer arrives."""
        subscription = DEMO.subscriptions[name]
        fault = self.sim.faults.add(Fault(kind="reset", after_commit=True)) if lost else None
        try:
            answer = self.call("POST", "/meter-orders", json={"subscription": subscription})
        except httpx.TransportError:
            assert lost
        else:
            assert answer.status_code == (409 if subscription in self.ordered else 200)
        if fault is not None:
            self.sim.faults.remove(fault)
        if subscription not in self.ordered:
            self.ordered.append(subscription)
            (order,) = self.listed({"filter[subscription][eq]": subscription})
            self.status[order["id"]] = order["status"]
            assert order["status"] == "created"

    @rule(name=st.sampled_from(MAY_NOT))
    def order_against_the_rules(self, name: str) -> None:
        answer = self.call("POST", "/meter-orders", json={"subscription": DEMO.subscriptions[name]})
        assert answer.status_code == 400

    @rule(days=st.floats(0, 40))
    def advance(self, days: float) -> None:
        """An order goes forward, or is cancelled before it is installed; what is over stays over."""
        self.sim.advance(days)
        for order in self.listed({}):
            before, after = self.status.get(order["id"], "created"), order["status"]
            if after == "cancelled":
                assert before not in {"installed", "activated"}
            else:
                assert before != "cancelled"
                assert PATH.index(before) <= PATH.index(after)
            self.status[order["id"]] = after

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A cancelled order stays in its place, and its subscription gets no other one."""
        order_id = data.draw(st.sampled_from(sorted(self.status)))
        self.sim.put_order(order_id, TargetState(status="cancelled"))
        self.status[order_id] = "cancelled"
        subscription = self.call("GET", f"/meter-orders/{order_id}").json()["subscription"]
        assert self.call("POST", "/meter-orders", json={"subscription": subscription}).status_code == 409

    @rule(limit=st.integers(1, 30))
    def read_all(self, limit: int) -> None:
        """All pages together have each order once, newest first, whatever the size of a page."""
        found = self.listed({}, limit)
        assert len(found) == len({order["id"] for order in found})
        assert all(newer["created_at"] >= older["created_at"] for newer, older in pairwise(found))
        assert {order["id"]: order["status"] for order in found} == self.status

    @rule(status=st.sampled_from((*PATH, "cancelled")), limit=st.integers(1, 30))
    def filter(self, status: str, limit: int) -> None:
        found = self.listed({"filter[status][eq]": status}, limit)
        assert {order["id"] for order in found} == {
            order_id for order_id, known in self.status.items() if known == status
        }

    @invariant()
    def the_ledger_holds_what_was_ordered(self) -> None:
        if hasattr(self, "sim"):
            assert [entry.subscription_id for entry in self.sim.ledger] == self.ordered


TestApi = pytest.mark.slow(Api.TestCase)
# As often as it takes a second or two; deterministic, so that nobody's change fails on somebody else's find.
TestApi.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
