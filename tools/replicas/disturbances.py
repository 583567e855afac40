"""What is killed during the second part, and what each replica says of itself meanwhile."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
from anyio.to_thread import run_sync

from tools.replicas.callers import ANSWERED, ORDER, READ, Call
from tools.replicas.deployment import Deployment
from tools.replicas.promises import LEAST_THROUGHPUT, PER_SECOND, Line, Span
from tools.replicas.readiness import TO_RECOVER, Readiness
from tools.replicas.upstream import Arrival

_LONGEST_AWAY: Final = 10.0
_SHARE_AWAY: Final = 1 / 6  # of the time there is, if that is shorter
_NGINX_AVOIDS: Final = 3.0  # seconds for which nginx may take a replica for dead whose connection broke
_LEAST_READS: Final = 0.5
_IN_FLIGHT: Final = 0.5  # seconds in which an order arrives that was on its way
_TO_SETTLE: Final = 5.0
_ENOUGH: Final = 5.0  # seconds; in fewer, a rate means nothing
_DATABASE: Final = re.compile(r"\b(PostgreSQL|database)\b", re.IGNORECASE)


@dataclass
class Disturbances:
    """Kills each of three kinds of things twice, at fixed parts of the time.

    Args:
        deployment: What they are done to.
        seconds: How long all of it may take.

    Attributes:
        replicas: From a kill of a replica to the moment when it listens again.
        cuts: When the connections of nginx were cut, and how many.
        away: From a kill of PostgreSQL to the moment when it accepts connections again.
        readiness: What replicas said of themselves.
    """

    deployment: Deployment
    seconds: float
    replicas: list[Span] = field(default_factory=list)
    cuts: list[tuple[Span, int]] = field(default_factory=list)
    away: list[Span] = field(default_factory=list)
    readiness: Readiness = field(init=False)

    def __post_init__(self) -> None:
        self.readiness = Readiness(self.deployment.replicas)

    @property
    def when_connections_break(self) -> list[Span]:
        """When a caller may lose a connection."""
        return [*self.replicas, *(span for span, _ in self.cuts)]

    @property
    def _back(self) -> list[float]:
        """When PostgreSQL was back, and every replica that was killed before."""
        return [
            max([span.ended, *(each.ended for each in self.replicas if each.began < span.ended)]) for span in self.away
        ]

    async def run(self) -> None:
        """Do all of it, and return at the end of the time, or once everything runs again if that is later."""
        plan: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (0.05, partial(self._kill_replica, 0)),
            (0.15, self._kill_postgresql),
            (0.40, self._cut_connections),
            (0.48, partial(self._kill_replica, 1)),
            (0.56, self._kill_postgresql),
            (0.66, self._cut_connections),  # while PostgreSQL is away
        ]

        async def later(share: float, disturb: Callable[[], Awaitable[None]]) -> None:
            await anyio.sleep(share * self.seconds)
            await disturb()

        async with anyio.create_task_group() as watching:
            watching.start_soon(self.readiness.watch)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep, self.seconds)
                for share, disturb in plan:
                    tasks.start_soon(later, share, disturb)
            self.readiness.end_after(self._back)
            watching.cancel_scope.deadline = anyio.current_time() + TO_RECOVER

    async def _kill_replica(self, number: int) -> None:
        replica = self.deployment.replicas[number]
        began = time.monotonic()
        await run_sync(replica.kill)
        replica.start()
        await run_sync(replica.wait_until_it_listens)
        self.replicas.append(Span(began, time.monotonic()))

    async def _kill_postgresql(self) -> None:
        assert self.deployment.database
        began = time.monotonic()
        await run_sync(self.deployment.kill_postgresql)
        await anyio.sleep(min(_LONGEST_AWAY, _SHARE_AWAY * self.seconds))
        await run_sync(self.deployment.database.start)
        self.away.append(Span(began, time.monotonic()))

    async def _cut_connections(self) -> None:
        began = time.monotonic()
        count = await run_sync(self.deployment.cut_connections)
        self.cuts.append((Span(began, time.monotonic() + _NGINX_AVOIDS), count))

    def lines(self, calls: Sequence[Call], arrived: Sequence[Arrival], ended: float) -> list[Line]:
        """Judge what was possible while PostgreSQL was away, and how soon everything was as before."""
        kills = f"{len(self.replicas)} replicas, PostgreSQL {len(self.away)} times for "
        kills += f"{' and '.join(f'{span.ended - span.began:.0f} s' for span in self.away)}, "
        kills += f"{' and '.join(str(count) for _, count in self.cuts)} connections of nginx"
        return [
            Line("killed", kills),
            self._reads_away(calls),
            self._orders_away(calls, arrived),
            self.readiness.while_away(self.away, self.replicas),
            self.readiness.after(self._back),
            self._as_before(arrived, ended),
        ]

    def _reads_away(self, calls: Sequence[Call]) -> Line:
        rates = [
            sum(call.kind == ANSWERED and call.tool == READ and span.has(call.ended) for call in calls)
            / (span.ended - span.began)
            for span in self.away
        ]
        return Line(
            "reads a second that were answered while PostgreSQL was away",
            " and ".join(f"{rate:.1f}" for rate in rates),
            f"at least {_LEAST_READS:g}",
            bool(rates) and min(rates) >= _LEAST_READS,
        )

    def _orders_away(self, calls: Sequence[Call], arrived: Sequence[Arrival]) -> Line:
        sent = [each for each in arrived if each.method == "POST" and each.path == "/meter-orders"]
        away = [Span(span.began + _IN_FLIGHT, span.ended) for span in self.away]
        left = sum(span.has(each.at) for each in sent for span in away)
        tried = [call for call in calls if call.tool == ORDER and any(span.has(call.ended) for span in self.away)]
        refused = [call for call in tried if call.outcome == "refused" and _DATABASE.search(call.text)]
        example = f": {refused[0].text[:150]!r}" if refused else ""
        return Line(
            "orders that were sent while PostgreSQL was away, and calls refused with that reason",
            f"{left}, and {len(refused)} of {len(tried)} calls to order that ended then{example}",
            "0, and at least 1",
            left == 0 and bool(refused),
        )

    def _as_before(self, arrived: Sequence[Arrival], ended: float) -> Line:
        began = max((span.ended for span in (*self.away, *self.replicas)), default=ended) + _TO_SETTLE
        seconds = ended - began
        if seconds < _ENOUGH:
            return Line("requests a second that upstream saw afterwards", "not measured: too short")
        rate = sum(began <= each.at < ended for each in arrived) / seconds
        return Line(
            f"requests a second that upstream saw, from {_TO_SETTLE:g} s after the last kill on",
            f"{rate:.2f}, in {seconds:.0f} s",
            f"at least {LEAST_THROUGHPUT:.0%} of {PER_SECOND}",
            rate >= LEAST_THROUGHPUT * PER_SECOND,
        )
