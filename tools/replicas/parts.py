"""The two parts with all callers: one in which nothing is disturbed, and one with kills."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.to_thread import run_sync

from tools.replicas import promises
from tools.replicas.callers import Call, Caller
from tools.replicas.deployment import Deployment
from tools.replicas.disturbances import Disturbances
from tools.replicas.orders import Orders
from tools.replicas.promises import Line
from tools.replicas.readiness import Readiness
from tools.replicas.upstream import ORDERS, SUBSCRIPTIONS, arrivals, listed

_TO_CONNECT: Final = 5.0
"""Seconds until everybody is connected and each replica has the part of the budget that it needs."""
_TO_FINISH: Final = 210.0
"""Seconds for the calls that are under way at the end; the longest deadline is shorter."""
_ORDERING: Final = 6  # one of so many callers orders


class Load:
    """What callers do in one part.

    Attributes:
        calls: Those that have ended.
        unfinished: Whether a call that was under way at the end did not end in time.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.calls: list[Call] = []
        self.unfinished = False
        tokens = enumerate(deployment.tokens)
        *self._callers, self._extra = (Caller(number, deployment.nginx, token, self.calls) for number, token in tokens)
        self._orders = listed(deployment.folder, ORDERS)
        self._subscriptions = listed(deployment.folder, SUBSCRIPTIONS)

    @asynccontextmanager
    async def running(self, ordering: int = 0) -> AsyncIterator[None]:
        """Call for as long as the block lasts, `ordering` of the callers to order, and finish what is under way.

        Two callers order for the same subscriptions: they meet at different replicas.
        """
        most = len(self._subscriptions) // max(1, ordering)
        async with anyio.create_task_group() as tasks:
            for number, caller in enumerate(self._callers):
                if number < ordering:
                    first = number // 2 * most
                    tasks.start_soon(caller.order, self._subscriptions[first : first + most])
                else:
                    tasks.start_soon(caller.read, self._orders)
            yield
            for caller in (*self._callers, self._extra):
                caller.stop()
            tasks.cancel_scope.deadline = anyio.current_time() + _TO_FINISH
        self.unfinished = tasks.cancel_scope.cancelled_caught


async def undisturbed(deployment: Deployment, seconds: float) -> Sequence[Line]:
    """Let everybody read for so many seconds, more than upstream allows."""
    load, readiness = Load(deployment), Readiness(deployment.replicas)
    async with load.running(), anyio.create_task_group() as watching:
        watching.start_soon(readiness.watch)
        await anyio.sleep(_TO_CONNECT)
        began = time.monotonic()
        await anyio.sleep(seconds)
        ended = time.monotonic()
        watching.cancel_scope.cancel()
    moments = [each.at for each in arrivals(deployment.folder)]
    return [
        promises.rate_limit(moments, "undisturbed"),
        promises.throughput(moments, load.calls, began, ended),
        promises.fairness([call for call in load.calls if call.ended >= began], len(deployment.tokens) - 1),
        promises.waits(load.calls),
        readiness.undisturbed(began),
        promises.endings(load.calls, "undisturbed"),
        promises.nothing_hangs(load.calls, unfinished=load.unfinished),
        promises.losses_explained(load.calls, []),
    ]


async def disturbed(deployment: Deployment, seconds: float) -> Sequence[Line]:
    """Let some order and the others read, and kill meanwhile."""
    load = Load(deployment)
    before = len(arrivals(deployment.folder))
    disturbances = Disturbances(deployment, seconds)
    async with load.running(ordering=max(2, len(deployment.tokens) // _ORDERING)):
        await anyio.sleep(_TO_CONNECT)
        await disturbances.run()
        ended = time.monotonic()
        await run_sync(deployment.reconcile)  # while everybody goes on
    await run_sync(deployment.reconcile)
    arrived = arrivals(deployment.folder)[before:]
    orders = await Orders.read(deployment, load.calls)
    return [
        promises.rate_limit([each.at for each in arrived], "with kills"),
        *disturbances.lines(load.calls, arrived, ended),
        promises.endings(load.calls, "with kills"),
        promises.nothing_hangs(load.calls, unfinished=load.unfinished),
        promises.losses_explained(load.calls, disturbances.when_connections_break),
        *orders.lines(),
    ]
