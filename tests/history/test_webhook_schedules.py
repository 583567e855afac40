"""Random schedules: orders move, events come late, twice and reordered, reads lag, processes die. The truth stays."""

import json
from random import Random
from typing import Final

import pytest

from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.history.events import WebhookEvent
from nomos_mcp.history.store import History
from nomos_mcp.history.webhook_worker import WebhookWorker
from nomos_mcp.simulator import DEMO, Simulator, TargetState
from nomos_mcp.simulator.views import CURIE_STATUS, render_event
from tests.conftest import client_for
from tests.databases import Clock

pytestmark = pytest.mark.slow

_PATH: Final = ("check_submitted", "check_reviewed", "scheduled", "installed", "activated")
_ORDERS: Final = tuple(DEMO.orders[name] for name in ("placed", "created", "no_malo_no_melo"))
_STEPS: Final = 40
_MAX_LAG: Final = 120.0  # seconds until a read shows a move


class Schedule:
    """One random schedule. Events are those of `upstream`; reads are answered by `replica`, which lags behind it."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.rng = Random(seed)  # noqa: S311  has to repeat
        self.clock = clock
        self.upstream, self.replica = Simulator(now=clock), Simulator(now=clock)
        self.moves = dict.fromkeys(_ORDERS, 0)
        self.outbox: list[WebhookEvent] = []
        self._to_replicate: list[tuple[float, str, TargetState]] = []

    def move(self) -> None:
        order_id = self.rng.choice(_ORDERS)
        if self.moves[order_id] == len(_PATH):
            return
        state = TargetState.model_validate({"status": _PATH[self.moves[order_id]]})
        self.moves[order_id] += 1
        self.upstream.put_order(order_id, state)
        event = WebhookEvent.parse(_body(self.upstream))
        assert event
        self.outbox += [event] * self.rng.choice((1, 1, 2))
        # A later move is never shown before an earlier one.
        shown_at = max([self._now() + self.rng.uniform(0, _MAX_LAG), *(at for at, *_ in self._to_replicate)])
        self._to_replicate.append((shown_at, order_id, state))

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)
        while self._to_replicate and self._to_replicate[0][0] <= self._now():
            _, order_id, state = self._to_replicate.pop(0)
            self.replica.put_order(order_id, state)

    def _now(self) -> float:
        return self.clock.now.timestamp()


def _body(simulator: Simulator) -> bytes:
    return json.dumps(render_event(list(simulator.world.events.values())[-1])).encode()


@pytest.mark.parametrize("seed", range(30))
async def test_what_is_recorded_ends_as_the_truth_and_tells_nothing_twice(seed: int, clock: Clock) -> None:
    schedule, history = Schedule(seed, clock), History(IN_MEMORY, clock)
    rng = schedule.rng
    async with client_for(schedule.replica) as client:
        worker = WebhookWorker(history, client)
        for _ in range(_STEPS):
            match rng.randrange(5):
                case 0 | 1:
                    schedule.move()
                case 2 if schedule.outbox:
                    await history.events.add(schedule.outbox.pop(rng.randrange(len(schedule.outbox))))
                case 3:
                    await worker.read_next()
                case _ if rng.random() < 0.2:  # a process that dies before its read
                    await history.events.claim()
            schedule.wait(rng.choice((0, 1, 10, 100, 1000)))
        for event in rng.sample(schedule.outbox, len(schedule.outbox)):
            await history.events.add(event)
        for _ in range(120):
            while await worker.read_next():
                pass
            schedule.wait(30)
    for order_id, moves in schedule.moves.items():
        seen = [look.status for look in await history.looks(order_id)]
        assert seen == sorted(set(seen), key=(*CURIE_STATUS.values(),).index)
        truth = CURIE_STATUS[schedule.upstream.world.orders[order_id].stage]
        assert (seen[-1:] or [truth]) == [truth]
        assert bool(seen) == bool(moves)
    assert not await history.events.due()
    changes = await history.changes(limit=1000)
    assert len({(change.order_id, change.kind, change.after) for change in changes}) == len(changes)
    await history.aclose()
