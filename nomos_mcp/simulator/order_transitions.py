"""How an order changes: into a given state, and by itself as time passes.

The stages follow the documented path. How long each takes, and how often an order is blocked or cancelled, is
invented: the vendor publishes neither.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from random import Random
from typing import Final, get_args

from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import CancelReason, EventRecord, Hold, HoldReason, OrderRecord, Stage

PATH: Final[Sequence[Stage]] = get_args(Stage)[1:-1]
"""The stages of an order that nothing stops: all but `intended` and `cancelled`."""

INSTALLED: Final = frozenset(PATH[PATH.index("installed") :])
_WITH_APPOINTMENT: Final = frozenset(PATH[PATH.index("appointed") :])
_NEXT: Final[Mapping[Stage, Stage]] = {"intended": PATH[0], **dict(pairwise(PATH))}
_HOLDS: Final[Mapping[Stage, Sequence[HoldReason]]] = {
    "requested": ("check_missing", "manual_review"),
    "with_partner": ("check_missing", "grid_operator_registration"),
    "confirmed": ("grid_operator_registration",),
    "planning": ("grid_operator_registration",),
    "installed": ("grid_operator_registration",),
}
_CANCELS: Final[Mapping[Stage, Sequence[CancelReason]]] = {
    "requested": ("customer_request",),
    "with_partner": ("customer_request", "pre_existing"),
    "check_submitted": ("customer_request", "pre_existing"),
    "confirmed": ("customer_request",),
    "planning": ("customer_request",),
    "appointed": ("customer_request",),
}
_HELD_SHARE: Final = 0.15
_CANCELLED_SHARE: Final = 0.03
_STEP_DAYS: Final = (1, 7)
_HELD_DAYS: Final = (2, 14)
_APPOINTMENT_DAYS: Final = (3, 21)
_DEFAULT_APPOINTMENT: Final = timedelta(days=10)


def moved(
    order: OrderRecord,
    stage: Stage,
    at: datetime,
    *,
    appointment_at: datetime | None = None,
    cancelled_reason: CancelReason = "customer_request",
) -> OrderRecord:
    """Return the order at a stage, with the dates that belong to it.

    Without `appointment_at` the present appointment stays, or one is invented where the stage needs it.
    """
    installed = (order.installed_at or at) if stage in INSTALLED else None
    appointment = appointment_at or order.appointment_at
    if stage not in _WITH_APPOINTMENT:
        appointment = None
    elif appointment is None:
        appointment = installed or (at + _DEFAULT_APPOINTMENT).replace(hour=9, minute=0, second=0)
    cancelled = stage == "cancelled"
    return replace(
        order,
        stage=stage,
        updated_at=at,
        appointment_at=appointment,
        installed_at=installed,
        activated_at=(order.activated_at or at) if stage == "activated" else None,
        cancelled_at=at if cancelled else None,
        cancelled_reason=cancelled_reason if cancelled else None,
    )


def held(order: OrderRecord, reason: HoldReason, at: datetime) -> OrderRecord:
    """A hold for the same reason keeps its date."""
    if order.hold is not None and order.hold.reason == reason:
        return order
    return replace(order, hold=Hold(reason, at), updated_at=at)


def released(order: OrderRecord, at: datetime) -> OrderRecord:
    return order if order.hold is None else replace(order, hold=None, updated_at=at)


def next_transition(order: OrderRecord, since: datetime, rng: Random) -> OrderRecord | None:
    """Draw what happens to an order that has been waiting since a moment; None: nothing will.

    The `updated_at` of the order that is returned says when, always later than `since`.
    """
    if order.hold is not None:
        return released(order, since + _days(*_HELD_DAYS, rng))
    following = _NEXT.get(order.stage)
    if following is None:
        return None
    at, chance = since + _days(*_STEP_DAYS, rng), rng.random()
    if order.stage in _HOLDS and chance < _HELD_SHARE:
        return held(order, rng.choice(_HOLDS[order.stage]), at)
    if order.stage in _CANCELS and chance > 1 - _CANCELLED_SHARE:
        return moved(order, "cancelled", at, cancelled_reason=rng.choice(_CANCELS[order.stage]))
    if order.stage in {"appointed", "awaiting_installer"}:
        return _towards_appointment(order, following, at, rng)
    return moved(order, following, at, appointment_at=_appointment(at, rng) if following == "appointed" else None)


def _towards_appointment(order: OrderRecord, following: Stage, at: datetime, rng: Random) -> OrderRecord:
    appointment = order.appointment_at
    if appointment is None or appointment < at:  # it passed without an installation
        return moved(order, order.stage, at, appointment_at=_appointment(at, rng))
    return moved(order, following, appointment + timedelta(hours=2) if following == "installed" else at)


def _appointment(at: datetime, rng: Random) -> datetime:
    day = at + timedelta(days=rng.randint(*_APPOINTMENT_DAYS))
    return day.replace(hour=rng.randint(8, 15), minute=0, second=0)


def _days(least: int, most: int, rng: Random) -> timedelta:
    return timedelta(seconds=rng.randint(least * 86_400, most * 86_400))


class Scheduler:
    """Moves a world from `start` on: keeps each open order's next transition, and carries it out when it falls due.

    A transition follows from the seed, the order, and how many transitions it had. So a world that is moved by ten days
    at once and one that is moved ten times by a day are the same.
    """

    def __init__(self, world: World, seed: int, start: datetime) -> None:
        self._world = world
        self._seed = seed
        self._start = start
        self._due: list[tuple[datetime, str, int]] = []
        self._transitions: Counter[str] = Counter()
        self._still: set[str] = set()
        self._begun = False

    def run_until(self, moment: datetime) -> None:
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
