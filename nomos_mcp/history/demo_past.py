"""The invented past of a demo: what daily looks at the simulated orders would have seen in the last sixty days.

The simulated world knows when its orders reached each stage. That is replayed, and a few blocks that are over are
invented, so that a demo shows blocks that come back and how long they take. The last look sees the world as it is.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, Final

import anyio
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from nomos_mcp.client.models import CurieMeterOrder, EdisonMeterOrder, MeterOrder
from nomos_mcp.database.database import IN_MEMORY, Database
from nomos_mcp.database.tables import changes, observations, runs
from nomos_mcp.history.changes import Change, OrderLook, changes_between
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE, ApiVersion, is_final
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.order_transitions import INSTALLED, PATH
from nomos_mcp.simulator.views import order_shown, render_order
from nomos_mcp.simulator.world_records import STAGE_TOPICS, Hold, HoldReason, OrderRecord, Stage

_DAY: Final = timedelta(days=1)
_DAYS: Final = 60
_HOUR: Final = 4  # of the daily run, UTC
_EARLIER_BLOCKS: Final[tuple[tuple[Stage, HoldReason], ...]] = (
    ("with_partner", "check_missing"),
    ("confirmed", "grid_operator_registration"),
)


def demo_history(simulator: Simulator, version: ApiVersion, now: Callable[[], datetime]) -> History:
    """Make the history of a demo. Its past is invented when it is first used."""
    return History(_DemoDatabase(simulator, version), now)


class _DemoDatabase(Database):
    def __init__(self, simulator: Simulator, version: ApiVersion) -> None:
        super().__init__(IN_MEMORY)
        self._simulator = simulator
        self._version = version

    async def _migrate(self, engine: AsyncEngine, scope: anyio.CancelScope) -> None:
        await super()._migrate(engine, scope)
        with anyio.CancelScope(shield=True):
            async with engine.connect() as connection, connection.begin():
                await _fill(connection, self._simulator, self._version)


async def _fill(connection: AsyncConnection, simulator: Simulator, version: ApiVersion) -> None:
    run_starts = _run_starts(simulator.now)
    seen: list[dict[str, Any]] = []
    told: list[Change] = []
    for states in _states(simulator, version):
        looks = _looks(states, run_starts, version)
        seen += [_row(look, is_final=is_final(look.order_state), is_latest=False) for look in looks]
        if looks:
            seen[-1]["is_latest"] = True
        told += _told(looks, run_starts)
    told.sort(key=lambda change: (change.seen_at, change.latest))
    if seen:
        await connection.execute(insert(observations), sorted(seen, key=lambda row: row["seen_at"]))
    rows = [_row(change, earliest=change.earliest, latest=change.latest) for change in told]
    for row in rows:
        del row["number"]
    if rows:
        await connection.execute(insert(changes), rows)
    await connection.execute(insert(runs), [_run(start, seen, told) for start in run_starts])


def _run_starts(now: datetime) -> list[datetime]:
    """One run a day, and one now."""
    daily = [(now - days * _DAY).replace(hour=_HOUR, minute=0, second=0) for days in range(_DAYS, -1, -1)]
    return [*(start for start in daily if start < now), now]


def _run(start: datetime, seen: Iterable[dict[str, Any]], told: Iterable[Change]) -> dict[str, Any]:
    return {
        "started_at": start,
        "holder": "",
        "heartbeat_at": start,
        "requests": 1,
        "orders_read": len({row["order_id"] for row in seen if row["seen_at"] <= start}),
        "changes": sum(change.seen_at == start for change in told),
        "finished_at": start,
        "not_covered": "",
    }


def _states(simulator: Simulator, version: ApiVersion) -> Iterator[list[OrderRecord]]:
    """The states that each order went through, the present one last; `updated_at` says since when."""
    reached: dict[str, list[tuple[datetime, Stage]]] = {}
    stages = {topic: stage for stage, topic in STAGE_TOPICS.items()}
    for event in simulator.world.events.values():
        if event.order_id and event.topic in stages:
            reached.setdefault(event.order_id, []).append((event.at, stages[event.topic]))
    for order in simulator.world.orders:
        if order.organisation == DEMO.organisation and order_shown(order, version):
            past = [_at(order, moment, stage) for moment, stage in sorted(reached.get(order.id, ()))]
            yield _with_earlier_blocks([*past, order])


def _at(order: OrderRecord, moment: datetime, stage: Stage) -> OrderRecord:
    """An order as it was when it reached a stage."""
    has_appointment = stage in PATH and PATH.index(stage) >= PATH.index("appointed")
    return replace(
        order,
        stage=stage,
        updated_at=moment,
        hold=None,
        appointment_at=order.appointment_at if has_appointment else None,
        installed_at=order.installed_at if stage in INSTALLED else None,
        activated_at=order.activated_at if stage == "activated" else None,
        cancelled_at=order.cancelled_at if stage == "cancelled" else None,
        cancelled_reason=order.cancelled_reason if stage == "cancelled" else None,
    )


def _with_earlier_blocks(states: Sequence[OrderRecord]) -> list[OrderRecord]:
    """Invent a block that is over, wherever an order stayed long enough in a stage that knows one."""
    reasons = dict(_EARLIER_BLOCKS)
    found = []
    for state, following in pairwise(states):
        found.append(state)
        room = (following.updated_at - state.updated_at) / _DAY - 2
        if state.stage in reasons and state.hold is None and room > 1:
            rng = Random(state.id)  # noqa: S311  must repeat; nothing secret is drawn from it
            since = state.updated_at + timedelta(hours=rng.randint(6, 24))
            until = since + timedelta(hours=rng.randint(24, int(24 * min(room, 12))))
            found.append(replace(state, hold=Hold(reasons[state.stage], since), updated_at=since))
            found.append(replace(state, updated_at=until))
    return [*found, states[-1]]


def _looks(states: Sequence[OrderRecord], run_starts: Sequence[datetime], version: ApiVersion) -> list[OrderLook]:
    """What the runs saw: each state that lasted until one, and is not what the run before saw."""
    kind: type[MeterOrder] = CurieMeterOrder if version == CURIE else EdisonMeterOrder
    looks: list[OrderLook] = []
    until = [*(state.updated_at for state in states[1:]), run_starts[-1] + _DAY]
    for state, end in zip(states, until, strict=True):
        run = bisect_left(run_starts, min(state.updated_at, run_starts[-1]))
        if run_starts[run] < end and order_shown(state, version):
            shown = kind.model_validate(render_order(state, version))
            look = OrderLook.of(shown, version, seen_at=run_starts[run], seen_by="poll")
            if not looks or looks[-1].state != look.state:
                looks.append(look)
    return looks


def _told(looks: Sequence[OrderLook], run_starts: Sequence[datetime]) -> list[Change]:
    told: list[Change] = []
    before: OrderLook | None = None
    for look in looks:
        run = run_starts.index(look.seen_at)
        told += changes_between(
            before,
            look,
            not_before=run_starts[run - 1] if before else None,
            watched_since=run_starts[0] if run else None,
        )
        before = look
    return told


def _row(of: OrderLook | Change, **more: object) -> dict[str, Any]:
    return {**{each.name: getattr(of, each.name) for each in fields(of)}, **more}
