"""Moves the world: keeps each open order's next transition, and carries them out as they fall due.

A transition follows from the seed, the order, and how many transitions it had. So a world that is moved by ten days at
once and one that is moved ten times by a day are the same.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from random import Random

from nomos_mcp.simulator.order_transitions import next_transition
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import EventRecord, OrderRecord


class Scheduler:
    """Moves a world from `start` on: orders that are older wait from then on. The seed decides what happens."""

    def __init__(self, world: World, seed: int, start: datetime) -> None:
        self._world = world
        self._seed = seed
        self._start = start
        self._due: list[tuple[datetime, str, int]] = []
        self._transitions: Counter[str] = Counter()
        self._still: set[str] = set()
        self._begun = False

    def run_until(self, moment: datetime) -> None:
        """Carry out everything that falls due until a moment, that moment included."""
        if not self._begun:  # not at construction: a world that never moves does not pay for it
            self._begin()
        while self._due and self._due[0][0] <= moment:
            _, subject_id, number = heappop(self._due)
            if subject_id.startswith("sub_"):
                self._activate(subject_id)
            else:
                self._transition(subject_id, number)

    def order_was_put(self, order: OrderRecord, *, moves_on: bool) -> None:
        """Drop the plan of an order that was changed from outside; plan anew only if it moves on."""
        self._transitions[order.id] += 1
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
        self._world.listeners.append(self._plan_new_order)

    def _plan_new_order(self, event: EventRecord) -> None:
        if event.topic == "meter_order.created" and event.order_id and event.order_id not in self._transitions:
            self._plan(self._world.orders[event.order_id])

    def _plan(self, order: OrderRecord) -> None:
        after = None if order.id in self._still else self._next(order)
        if after is not None:
            heappush(self._due, (after.updated_at, order.id, self._transitions[order.id]))

    def _next(self, order: OrderRecord) -> OrderRecord | None:
        rng = Random(f"{self._seed}/{order.id}/{self._transitions[order.id]}")  # noqa: S311 - must repeat
        return next_transition(order, max(self._start, order.updated_at), rng)

    def _transition(self, order_id: str, number: int) -> None:
        if number != self._transitions[order_id] or order_id in self._still:
            return  # it was changed from outside since this was planned
        after = self._next(self._world.orders[order_id])
        if after is not None:
            self._transitions[order_id] = number + 1
            self._world.change_order(after)
            self._plan(after)

    def _activate(self, subscription_id: str) -> None:
        subscription = self._world.subscriptions[subscription_id]
        if subscription.status == "pending" and subscription.start_at is not None:
            active = replace(subscription, status="active", updated_at=subscription.start_at)
            self._world.subscriptions.put(active)
            self._world.add_event("subscription.activated", active, subscription.start_at)
