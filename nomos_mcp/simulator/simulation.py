"""The simulated world in time, without HTTP: moved by the clock, changed by hand, and what was done to it."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from nomos_mcp.simulator.api_format import ApiVersion
from nomos_mcp.simulator.demo_world import populate
from nomos_mcp.simulator.faults import Faults
from nomos_mcp.simulator.order_views import TargetState
from nomos_mcp.simulator.scheduler import Scheduler
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_clock import Clock, WorldClock
from nomos_mcp.simulator.world_records import EventRecord, OrderRecord

if TYPE_CHECKING:
    from nomos_mcp.simulator.webhooks import Webhooks


class LedgerEntry(NamedTuple):
    order_id: str
    subscription_id: str
    client_id: str
    at: datetime
    request_id: str


class RequestRecord(NamedTuple):
    method: str
    path: str  # with its query, as it came
    api_version: ApiVersion  # it was processed with
    status: int | None  # of the answer; None when the answer was lost
    request_id: str  # as in an error's body, and in the ledger


class Simulation:
    """A world with its clock, faults and webhooks; the arguments are those of `Simulator`."""

    def __init__(self, seed: int, now: Clock, days_per_second: float, orders: int) -> None:
        self.seed = seed
        self.faults = Faults(seed)
        self._outside = now
        self._clock = WorldClock(now, days_per_second)
        self._callers_clock = WorldClock(now)  # tokens expire by it: `advance` moves it, a fast clock does not
        self._moves_by_itself = days_per_second > 0
        self._ledger: list[LedgerEntry] = []
        self._requests: deque[RequestRecord] = deque(maxlen=10_000)
        self.world = World(seed, self._clock)
        start = self._clock()
        populate(self.world, start, seed, orders)
        self._scheduler = Scheduler(self.world, seed, start)

    @property
    def now(self) -> datetime:
        """The present in the simulator, in UTC and whole seconds."""
        return self._clock()

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Every order created through `POST /meter-orders`, oldest first, whether or not the answer arrived."""
        return list(self._ledger)

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 requests to the API, oldest first."""
        return list(self._requests)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """The receivers of events; none at first."""
        from nomos_mcp.simulator.webhooks import Webhooks  # noqa: PLC0415  loads the HTTP library

        return Webhooks(self.world, self._clock, self._outside, self.seed)

    def record(self, entry: LedgerEntry | RequestRecord) -> None:
        if isinstance(entry, LedgerEntry):
            self._ledger.append(entry)
        else:
            self._requests.append(entry)

    def advance(self, days: float) -> Sequence[EventRecord]:
        """Let days pass: orders move on, get blocked and unblocked, are cancelled; subscriptions begin.

        Webhooks that fall due are sent by `await simulator.webhooks.deliver()`, not by this.

        Returns:
            The events of that time, in the order in which they happened.

        Raises:
            ValueError: `days` is negative, or more than 10,000.
        """
        if not 0 <= days <= 10_000:  # noqa: PLR2004  27 years
            raise ValueError(f"Time can advance by 0 to 10000 days at once, not by {days}.")
        known = len(self.world.events)
        self._clock.skip(timedelta(days=days))
        self._callers_clock.skip(timedelta(days=days))
        self._scheduler.run_until(self._clock())
        return list(islice(self.world.events.values(), known, None))

    def put_order(self, order_id: str, state: TargetState) -> OrderRecord:
        """Put an order into any state, reachable or not, and add the events that follow from the change.

        Raises:
            KeyError: There is no such order.
        """
        changed = state.applied(self.world.orders[order_id], self._clock())
        self.world.change_order(changed)
        self._scheduler.order_was_put(changed, moves_on=state.moves_on)
        return changed

    def catch_up(self) -> None:
        """Carry out what has fallen due, in a world that moves by itself."""
        if self._moves_by_itself:
            self._scheduler.run_until(self._clock())

    async def tend(self) -> None:
        """Do what has fallen due while a server is idle: move a world that moves by itself, send webhooks."""
        self.catch_up()
        if "webhooks" in self.__dict__:  # nobody asked for any so far
            await self.webhooks.deliver()
