"""Runs the schedules: forks upstream and the replicas, looks how they end, and gathers what is true of them."""

import asyncio
import gc
import json
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import urlopen

from nomos_mcp.client import NomosClient
from nomos_mcp.database.database import Database
from nomos_mcp.replicas.order_attempts import OrderAttempts
from nomos_mcp.replicas.reconciliation import reconciled
from nomos_mcp.simulator import DEMO
from nomos_mcp.simulator.simulator_server import bound, url_of
from tests.databases import new_database
from tests.ordering.replicas import planted
from tests.ordering.replicas.judge import Course
from tests.ordering.replicas.replica import Replicas, name_of
from tests.ordering.replicas.schedules import drawn
from tests.ordering.replicas.upstream import JOURNAL, Post, serve

_AT_ONCE: Final = 12  # schedules; each replica holds a connection or two of PostgreSQL's sixty
_HANGS: Final = 90.0
_CUTS: Final = 0.7  # seconds between connections that are ended from PostgreSQL's side


@dataclass
class Campaign:
    """What all schedules led to.

    Attributes:
        courses: One for each schedule.
        happened: How often each thing happened at each step.
        open_before: How many attempts were open before they were reconciled.
        seconds: How long it took.
        said: What the replicas wrote on stderr.
    """

    courses: list[Course]
    happened: Counter[str] = field(default_factory=Counter)
    open_before: int = 0
    seconds: float = 0.0
    said: str = ""


def run(seed: int, schedules: int, server: str, folder: Path, plant: str = "") -> Campaign:
    """Run so many schedules on a PostgreSQL server; `folder` takes what the processes write."""
    drawn_ = [drawn(seed, number) for number in range(schedules + 1)]
    warm_up = Course(replace(drawn_.pop(), starts=(0.0,), troubles=(None,), codes=True))
    campaign = Campaign([Course(schedule) for schedule in drawn_])
    began = time.monotonic()
    with new_database(server) as database, bound(0) as listener:
        upstream = url_of(listener)
        asyncio.run(_made_tables(database))
        if plant:
            planted.FAULTS[plant](database)
        with _forked(lambda: serve([*drawn_, warm_up.schedule], listener)):
            # Whatever is loaded late is loaded here, and not again in each process.
            with _quiet(folder):
                asyncio.run(Replicas(database, upstream).order(warm_up.schedule))
            replicas = Replicas(database, upstream)
            gc.collect()
            gc.freeze()
            with _forked(lambda: asyncio.run(_cut(database, seed))):
                _run_all(campaign, replicas, folder, random.Random(seed))  # noqa: S311  no secret is made of it
            while not (journal := _journal(upstream))["done"]:
                time.sleep(0.1)
            asyncio.run(_reconcile(campaign, database, upstream))
            _note(campaign, journal)
    campaign.seconds = time.monotonic() - began
    return campaign


@contextmanager
def _forked(work: Any) -> Iterator[None]:
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


@contextmanager
def _quiet(folder: Path) -> Iterator[None]:
    """Keep what a server writes on stderr."""
    stderr = os.dup(2)
    with (folder / "warm-up.txt").open("w") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


async def _made_tables(database: str) -> None:
    opened = Database(database)
    await opened.open()
    await opened.aclose()


async def _cut(database: str, seed: int) -> None:
    """End a connection of somebody else's again and again."""
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415  it ships no types, and is slow to load

    connection, chance = await asyncpg.connect(database), random.Random(seed)  # noqa: S311  as above
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * _CUTS))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        )


def _run_all(campaign: Campaign, replicas: Replicas, folder: Path, chance: random.Random) -> None:
    """Run the schedules, a dozen at a time."""
    notes, errors = folder / "notes.jsonl", folder / "stderr.txt"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    into, said = os.open(notes, flags), os.open(errors, flags)
    waiting, running = list(reversed(campaign.courses)), Processes(chance)
    while waiting or running.of:
        while waiting and len({each.course.schedule.number for each in running.of.values()}) < _AT_ONCE:
            course = waiting.pop()
            for index in range(len(course.schedule.starts)):
                pid = replicas.fork(course.schedule, index, into, said)
                running.of[pid] = Process(course, name_of(course.schedule, index))
        running.look()
        time.sleep(0.01)
    os.close(into)
    os.close(said)
    campaign.said = errors.read_text()
    by_name = {name: course for course in campaign.courses for name in course.ended}
    for line in notes.read_text().splitlines():
        note = json.loads(line)
        if what := note.get("happened"):
            campaign.happened[what] += 1
        else:
            by_name[note["replica"]].answers[note.pop("replica")] = note


@dataclass
class Process:
    course: Course
    name: str
    began: float = field(default_factory=time.monotonic)
    goes_on: float = math.inf  # when it goes on, while it is stopped


class Processes:
    """The replicas that run now, by the numbers of their processes."""

    def __init__(self, chance: random.Random) -> None:
        self.of: dict[int, Process] = {}
        self._chance = chance

    def look(self) -> None:
        """See which have ended or were stopped, and let those go on that were stopped for long enough."""
        now = time.monotonic()
        for pid, process in list(self.of.items()):
            if process.goes_on <= now:
                process.goes_on = math.inf
                os.kill(pid, signal.SIGCONT)
            ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if ended and os.WIFSTOPPED(status):
                process.goes_on = now + self._chance.uniform(0.2, 1.5)
            elif ended:
                process.course.ended[process.name] = _end(status)
                del self.of[pid]
            elif now - process.began > _HANGS:
                process.course.ended[process.name] = "it hung"
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                del self.of[pid]


def _end(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else f"signal {os.WTERMSIG(status)}"
    return "answered" if os.WEXITSTATUS(status) == 0 else f"exit code {os.WEXITSTATUS(status)}"


async def _reconcile(campaign: Campaign, database: str, upstream: str) -> None:
    attempts = OrderAttempts(Database(database), urlsplit(upstream).netloc)
    client = NomosClient(access_token=DEMO.access_token, base_url=upstream, requests_per_second=1000)
    async with client:
        still_open = await attempts.newest(limit=10_000, only_open=True)
        campaign.open_before = len(still_open)
        for each in still_open:
            await reconciled(each, attempts, client)
    courses = {course.schedule.subscription: course for course in campaign.courses}
    async for row in attempts.exported():
        if row.subscription_id in courses:
            courses[row.subscription_id].rows.append(row)
    await attempts.database.aclose()


def _journal(upstream: str) -> dict[str, Any]:
    with urlopen(upstream + JOURNAL) as answer:  # noqa: S310  our own, on loopback
        journal: dict[str, Any] = json.load(answer)
    return journal


def _note(campaign: Campaign, journal: dict[str, Any]) -> None:
    courses = {course.schedule.subscription: course for course in campaign.courses}
    for subscription in courses.keys() & journal["ledger"].keys():
        orders = journal["ledger"][subscription]
        courses[subscription].ledger = orders
        courses[subscription].visible = {order: journal["visible"][order] for order in orders}
    for post in journal["posts"]:
        if post["subscription"] in courses:
            courses[post["subscription"]].posts.append(Post(**post))
