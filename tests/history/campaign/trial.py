"""One schedule: moves, polls, deliveries, reads, kills, drawn from a seed and carried out for real."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import anyio
import httpx
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nomos_mcp.client import CURIE, NomosClient
from nomos_mcp.database.database import DatabaseError
from nomos_mcp.database.tables import events, runs
from nomos_mcp.history.changes import Change, OrderLook
from nomos_mcp.history.lagging_reads import LAG
from nomos_mcp.history.polling import poll
from nomos_mcp.history.runs import LEASE, WatchError
from nomos_mcp.history.store import History
from nomos_mcp.history.webhook_worker import WebhookWorker
from nomos_mcp.service.access_log import RequestLog
from nomos_mcp.service.webhook_receiver import WebhookEndpoint, WebhookReceiver
from nomos_mcp.simulator import DEMO
from nomos_mcp.simulator.webhooks import _signature
from tests.databases import Clock
from tests.history.campaign.world import SECRET, Letter, Move, World

STEPS: Final = 30
MAX_LAG: Final = timedelta(minutes=10)
START: Final = datetime.fromisoformat("2026-06-15T10:00:00+00:00")


class Killed(BaseException):
    """The process was killed here: whatever it had not committed is lost, and it does nothing more."""


@dataclass(slots=True)
class Look:
    """A run that looked at everything, without lag: when, and what the history held for each order right after."""

    at: datetime
    recorded: Mapping[str, OrderLook]


@dataclass(slots=True)
class Trial:
    """What happened in one schedule."""

    seed: int
    moves: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    told: Sequence[Change] = ()
    looks: list[Look] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)  # IDs of events of which a delivery was answered 2xx
    forged_accepted: int = 0
    kept: set[str] = field(default_factory=set)  # IDs of events in the database at the end
    skew: timedelta = timedelta()
    counts: Counter[str] = field(default_factory=Counter)


class _Process:
    """One process: its own connections to the database and to Nomos. It may be killed at any use of either."""

    def __init__(self, world: World, url: str, clock: Callable[[], datetime]) -> None:
        self._world = world
        self.lives: int | None = None  # how many more uses before it is killed
        self.history = History(url, clock)
        self.client = NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            api_version=CURIE,
            base_url="http://127.0.0.1",
            requests_per_second=100_000,
            app=self._upstream,
        )
        writing, reading = self.history.database.writing, self.history.database.reading

        @asynccontextmanager
        async def mortal(transaction: Callable[[], Any]) -> AsyncIterator[AsyncConnection]:
            self.use()
            async with transaction() as connection:
                yield connection
                self.use()  # not committed yet
            self.use()

        self.history.database.writing = lambda: mortal(writing)  # type: ignore[method-assign]
        self.history.database.reading = lambda: mortal(reading)  # type: ignore[method-assign]

    def use(self) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Killed

    async def _upstream(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.use()
        await self._world(scope, receive, send)
        self.use()

    async def aclose(self) -> None:
        self.lives = None
        await self.client.aclose()
        await self.history.aclose()


async def run(seed: int, url: str) -> Trial:
    """Carry out the schedule of a seed on an empty database."""
    rng = Random(seed)  # noqa: S311  must repeat
    clock = Clock(START)
    world = World(rng, clock)
    trial = Trial(seed, moves=world.moves, skew=timedelta(seconds=rng.choice((0, 0, 0, -120, 120))))
    schedule = _Schedule(rng, clock, world, url, trial)
    await schedule.poll()
    for _ in range(STEPS):
        await schedule.step()
    await schedule.end()
    return trial


class _Schedule:
    def __init__(self, rng: Random, clock: Clock, world: World, url: str, trial: Trial) -> None:
        self._rng = rng
        self._clock = clock
        self._world = world
        self._url = url
        self._trial = trial

    def _process(self) -> _Process:
        return _Process(self._world, self._url, lambda: self._clock() + self._trial.skew)

    async def step(self) -> None:
        self._clock.advance(minutes=self._rng.choice((1, 7, 45, 300, 900)))
        self._world.lag = MAX_LAG if self._rng.random() < 0.4 else timedelta()
        for _ in range(self._rng.choice((0, 1, 1, 2, 4))):
            await self._world.move()
            self._clock.advance(seconds=self._rng.choice((1, 40, 900)))
        actions: Mapping[Callable[[], Any], int] = {
            self.poll: 6,
            self.deliver: 8,
            self.read: 2,
            self.poll_killed: 4,
            self.two_polls: 1,
            self.work_killed: 3,
        }
        action = self._rng.choices(list(actions), list(actions.values()))[0]
        await action()

    async def end(self) -> None:
        """Let everything come to rest: polls without lag, of which the first may be the end of an earlier one."""
        self._world.lag = timedelta()
        await self._let_leases_end()
        for _ in range(3):
            self._clock.advance(seconds=2 * LAG.total_seconds())
            await self.poll()
        process = self._process()
        self._trial.told = sorted(await process.history.changes_after(0, 100_000), key=lambda each: each.number)
        async with process.history.database.reading() as connection:
            self._trial.kept = set((await connection.execute(select(events.c.event_id))).scalars())
        self._trial.counts["events kept"] += len(self._trial.kept)
        await process.aclose()

    async def poll(self) -> None:
        process = self._process()
        lagged = self._world.lagged
        self._trial.counts["lagging reads"] = lagged
        try:
            report = await poll(process.history, process.client)
        except WatchError:
            self._trial.counts["polls that found another"] += 1
        else:
            self._trial.counts["polls"] += 1
            self._trial.counts["polls resumed"] += report.resumed
            if report.complete and not report.resumed and self._world.lagged == lagged:
                latest = {each: (await process.history.looks(each))[-1] for each in self._world.moves}
                self._trial.looks.append(Look(self._clock(), latest))
        finally:
            await process.aclose()

    async def two_polls(self) -> None:
        processes = self._process(), self._process()

        async def one(process: _Process) -> None:
            try:
                await poll(process.history, process.client)
                self._trial.counts["polls"] += 1
            except WatchError:
                self._trial.counts["polls that found another"] += 1
            finally:
                await process.aclose()

        async with anyio.create_task_group() as tasks:
            for process in processes:
                tasks.start_soon(one, process)

    async def poll_killed(self) -> None:
        process = self._process()
        process.lives = self._rng.randint(0, 40)
        await self._to_death(process, lambda: poll(process.history, process.client))
        waited = timedelta(seconds=self._rng.choice((5, 31, 600)))
        self._clock.now += waited
        if waited > LEASE:
            await self._let_leases_end()

    async def _let_leases_end(self) -> None:
        """In PostgreSQL a lease lasts by the database's own clock, which does not follow this one."""
        process = self._process()
        async with process.history.database.writing() as connection:
            await connection.execute(update(runs).values(heartbeat_at=START - timedelta(days=1)))
        await process.aclose()

    async def work_killed(self) -> None:
        process = self._process()
        process.lives = self._rng.randint(0, 30)
        await self._to_death(process, lambda: self._work(process))

    async def _to_death(self, process: _Process, work: Callable[[], Any]) -> None:
        try:
            await work()
            self._trial.counts["ended before it was killed"] += 1
        except (WatchError, DatabaseError):
            self._trial.counts["polls that found another"] += 1
        except BaseException as error:
            if not _is_death(error):
                raise
            self._trial.counts["killed"] += 1
        finally:
            await process.aclose()

    async def read(self) -> None:
        """Read one order for an answer."""
        process = self._process()
        order_id = self._rng.choice(list(self._world.moves))
        seen_at = process.history.now()
        order = await process.client.meter_orders.get(order_id)
        self._clock.advance(seconds=self._rng.choice((0, 20)))
        await process.history.record([OrderLook.of(order, CURIE, seen_at=seen_at, seen_by="read")])
        self._trial.counts["reads"] += 1
        await process.aclose()

    async def deliver(self) -> None:
        """Deliver some of the mail: late, twice, in disorder, lost, forged; and let the worker read the orders."""
        process = self._process()
        worker = WebhookWorker(process.history, process.client)
        secrets = [SecretStr("whsec_another_endpoint"), SecretStr(SECRET)]
        receiver = WebhookReceiver([WebhookEndpoint(process.history, secrets, worker.wake)])
        app = RequestLog(Starlette(routes=[Route("/webhooks/nomos", receiver)]))
        self._rng.shuffle(self._world.mail)
        sent = [self._world.mail.pop() for _ in range(min(len(self._world.mail), self._rng.randint(0, 6)))]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            for letter in sent:
                await self._deliver(http, letter)
        await self._work(process, worker)
        await process.aclose()

    async def _deliver(self, http: httpx.AsyncClient, letter: Letter) -> None:
        fate = self._rng.choices(("once", "twice", "lost", "forged", "again later"), (6, 2, 1, 2, 2))[0]
        self._trial.counts[f"delivered: {fate}"] += 1
        body = letter.body if fate != "forged" else letter.body.replace(b"prdo_", b"prdx_")
        for _ in range({"twice": 2, "lost": 0}.get(fate, 1)):
            answer = await http.post("/webhooks/nomos", content=body, headers=self._signed(letter, body, fate))
            if fate == "forged":
                self._trial.forged_accepted += answer.is_success
            elif answer.is_success:
                self._trial.accepted.add(letter.event_id)
        if fate == "again later":
            self._world.mail.append(letter)

    def _signed(self, letter: Letter, body: bytes, fate: str) -> Mapping[str, str]:
        """Return the headers: the vendor signs each attempt anew, and a forger has no secret."""
        if fate == "forged":
            return letter.headers
        moment = int((self._clock() + self._trial.skew).timestamp())
        return {**letter.headers, "X-Nomos-Signature": _signature(SECRET, moment, body)}

    async def _work(self, process: _Process, worker: WebhookWorker | None = None) -> None:
        worker = worker or WebhookWorker(process.history, process.client)
        while await worker.read_next():
            self._trial.counts["orders read for webhooks"] += 1


def _is_death(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_death(each) for each in error.exceptions)
    return isinstance(error, Killed)
