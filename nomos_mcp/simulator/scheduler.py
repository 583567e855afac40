"""The world in motion: every open order's next happening, in the order in which they fall due.

What happens follows from the seed, the order and how many things have happened to it, so that a world that is moved
by ten days once and one that is moved by a day ten times are the same.
"""

from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from random import Random

from nomos_mcp.simulator.order_transitions import Transition, next_transition
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import EventRecord, OrderRecord


class Scheduler:
    """Moves a world.

    Args:
        world: What is moved.
        seed: Of the happenings.
        start: When the world began to move; what is older waits from then on.
    """

    def __init__(self, world: World, seed: int, start: datetime) -> None:
        self._world = world
        self._seed = seed
        self._start = start
        self._due: list[tuple[datetime, str, int]] = []
        self._happened: dict[str, int] = {}
        self._still: set[str] = set()
        self._begun = False

    def run_until(self, moment: datetime) -> None:
        """Let everything happen that falls due until a moment, that moment included."""
        if not self._begun:  # not at construction: whoever never moves the world does not pay for it
            self._begin()
        while self._due and self._due[0][0] <= moment:
            _, subject_id, number = heappop(self._due)
            if subject_id.startswith("sub_"):
                self._activate(subject_id)
            else:
                self._happen(subject_id, number)

    def interrupt(self, order: OrderRecord, *, moves_on: bool) -> None:
        """Take note that an order was changed from outside.

        Args:
            order: The order after the change.
            moves_on: Whether things happen to it from now on, or it stays as it is.
        """
        self._happened[order.id] = self._happened.get(order.id, 0) + 1
        self._still.discard(order.id)
        if not moves_on:
            self._still.add(order.id)
        elif self._begun:
            self._plan(order)

    def _begin(self) -> None:
        self._begun = True
        for order in self._world.orders:
            self._plan(order)
        for subscription in self._world.subscriptions:
            if subscription.status == "pending" and subscription.start_at is not None:
                heappush(self._due, (subscription.start_at, subscription.id, 0))
        self._world.listen(self._notice)

    def _notice(self, event: EventRecord) -> None:
        if event.topic == "meter_order.created" and event.order_id not in self._happened:
            self._plan(self._world.orders.get(event.order_id or ""))

    def _plan(self, order: OrderRecord | None) -> None:
        happening = self._next(order) if order is not None and order.id not in self._still else None
        if happening is not None:
            heappush(self._due, (happening.at, happening.order.id, self._happened.get(happening.order.id, 0)))

    def _next(self, order: OrderRecord) -> Transition | None:
        rng = Random(f"{self._seed}/{order.id}/{self._happened.get(order.id, 0)}")  # noqa: S311 - must repeat
        return next_transition(order, max(self._start, order.updated_at), rng)

    def _happen(self, order_id: str, number: int) -> None:
        order = self._world.orders.get(order_id)
        if order is None or number != self._happened.get(order_id, 0) or order_id in self._still:
            return  # it was changed from outside since this was planned
        happening = self._next(order)
        if happening is not None:
            self._happened[order_id] = number + 1
            self._world.change_order(happening.order)
            self._plan(happening.order)

    def _activate(self, subscription_id: str) -> None:
        subscription = self._world.subscriptions.get(subscription_id)
        if subscription is not None and subscription.status == "pending" and subscription.start_at is not None:
            active = replace(subscription, status="active", updated_at=subscription.start_at)
            self._world.subscriptions.put(active)
            self._world.tell_of_subscription("subscription.activated", active, subscription.start_at)
