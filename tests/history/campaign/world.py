"""The world of the campaign: a simulator whose every move is known, reads that lag, and mail that is tampered with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from nomos_mcp.client import CURIE
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.views import TargetState, order_shown, render_order
from nomos_mcp.simulator.webhooks import WebhookEndpoint
from nomos_mcp.simulator.world_records import OrderRecord
from tests.databases import Clock

SECRET: Final = "whsec_campaign_of_the_history"
NAMES: Final = ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "blocked_check_missing")
"""The orders that move; new ones come up besides."""

ORDERABLE: Final = ("can_order", "can_order_metrify", "can_order_pending")
_PATH: Final = ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated")
_MOVES: Final = {"next": 8, "skip": 2, "block": 5, "unblock": 6, "appointment": 2, "cancel": 1, "back": 1}
"""What may happen to an order, and how often; what does not fit its state becomes "next"."""
_REASONS: Final = ("check_missing", "grid_operator_registration")


@dataclass(frozen=True, slots=True)
class Move:
    """A state that an order entered, as the API shows it."""

    at: datetime
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that the simulator would make."""

    event_id: str
    body: bytes
    headers: Mapping[str, str]


class World:
    """The simulator, with a ledger of what every order ever was.

    Attributes:
        moves: Order ID to its states, oldest first. The judge's truth.
        mail: Deliveries that nobody has carried out yet.
        lag: How long reads lag behind, drawn for each request.
    """

    def __init__(self, rng: Random, clock: Clock) -> None:
        self._rng = rng
        self._clock = clock
        self.simulator = Simulator(now=clock, orders=0)
        self.moves: dict[str, list[Move]] = {}
        self._records: dict[str, list[tuple[datetime, OrderRecord]]] = {}
        self.mail: list[Letter] = []
        self.lag = timedelta()
        self.lagged = 0
        for order in self.simulator.world.orders:
            if order.organisation == DEMO.organisation and order_shown(order, CURIE):
                self._remember(order)
        self.simulator.webhooks.send = self._take
        self.simulator.webhooks.add(WebhookEndpoint(url="http://127.0.0.1/webhooks/nomos", secret=SECRET))

    async def _take(self, _: str, body: bytes, headers: Mapping[str, str]) -> int:
        event_id = body.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode()
        self.mail.append(Letter(event_id, body, headers))
        return 200

    def _remember(self, order: OrderRecord) -> None:
        rendered = render_order(order, CURIE)
        assert rendered is not None
        entered = Move(self._clock(), rendered)
        states = self.moves.setdefault(order.id, [])
        if not states or states[-1].state != rendered:
            states.append(entered)
        self._records.setdefault(order.id, []).append((self._clock(), order))

    async def move(self) -> None:
        """Let something happen to some order, and the vendor write about it."""
        free = [name for name in ORDERABLE if self.simulator.world.order_of(DEMO.subscriptions[name]) is None]
        if free and self._rng.random() < 0.06:
            subscription = self.simulator.world.subscriptions[DEMO.subscriptions[free[0]]]
            order = self.simulator.world.create_order(subscription)
        else:
            order = self._moved()
        self._remember(order)
        await self.simulator.webhooks.deliver()

    def _moved(self) -> OrderRecord:
        ids = [each for each in self.moves if self.moves[each][-1].state["status"] not in {"activated", "cancelled"}]
        mine = [each for each in ids if each in {DEMO.orders[name] for name in NAMES}] or ids
        order_id = self._rng.choice(mine)
        state = self.moves[order_id][-1].state
        status, blocked = state["status"], state["blocked_reason"]
        place = _PATH.index(status)
        kind = self._rng.choices(list(_MOVES), list(_MOVES.values()))[0]
        if kind == "unblock" and blocked:
            target = TargetState(status=status)
        elif kind == "block":
            target = TargetState(status=status, blocked_reason=self._rng.choice(_REASONS))
        elif kind == "appointment" and status == "scheduled":
            target = TargetState(
                status=status, blocked_reason=blocked, appointment_at=self._clock() + timedelta(days=9)
            )
        elif kind == "cancel":
            target = TargetState(status="cancelled")
        elif kind == "back" and 0 < place <= _PATH.index("scheduled"):
            target = TargetState(status=_PATH[place - 1])
        else:
            steps = 2 if kind == "skip" else 1
            target = TargetState(status=_PATH[min(place + steps, len(_PATH) - 1)])
        return self.simulator.put_order(order_id, target)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as of some time ago if reads lag."""
        lag = self.lag * self._rng.random() if scope["method"] == "GET" else timedelta()
        with self._as_of(self._clock() - lag):
            await self.simulator(scope, receive, send)

    @contextmanager
    def _as_of(self, moment: datetime) -> Iterator[None]:
        orders = self.simulator.world.orders._records
        now = dict(orders)
        for order_id, states in self._records.items():
            past = [order for at, order in states if at <= moment]
            if past and past[-1] is not orders[order_id]:
                orders[order_id] = past[-1]
                self.lagged += 1
        try:
            yield
        finally:
            orders.update(now)
