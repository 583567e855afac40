"""Runs one schedule: real servers and real clients of the protocol, in virtual time, in a world that goes wrong."""

import asyncio
import errno
import json
import math
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import anyio
from mcp import Client, MCPError
from mcp.client.session import ClientRequestContext
from mcp.server import MCPServer
from mcp.types import INTERNAL_ERROR, ElicitRequestParams, ElicitResult, ErrorData

from nomos_mcp.client import NomosClient, NomosError
from nomos_mcp.client.rate_limiter import Timing
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.conftest import NOW
from tests.ordering.campaign.schedules import Cancel, Schedule
from tests.ordering.campaign.upstream import CALL, OTHER_SUBSCRIPTION, SUBSCRIPTION, Journal, Upstream
from tests.ordering.campaign.virtual_time import virtually

Listeners = list[Callable[[str, int, int | None], None]]

TOOL: Final = "order_smart_meter"
GIVES_UP: Final = 2000.0
"""Seconds after which a call that has not ended never will."""


@dataclass
class Call:
    """One call of the tool, as its caller saw it.

    Attributes:
        number: Its number in the trial.
        server: Which server it went to.
        began: When.
        yes: Whether the order was said yes to, as it was shown.
        code: The confirmation code that it carried.
        asked: Whether a form was put to the person.
        waited: Seconds for which a person kept it waiting.
        cancelled: When it was cancelled, if it was.
        stage: What it was at then.
        ended: When it ended.
        answer: The structured answer.
        failure: What came instead of one.
    """

    number: int
    server: int
    began: float
    yes: bool = False
    code: str = ""
    asked: bool = False
    waited: float = 0.0
    cancelled: float | None = None
    stage: str = ""
    ended: float = math.inf
    answer: dict[str, Any] | None = None
    failure: str = ""


@dataclass
class Trial:
    """What a schedule led to.

    Attributes:
        schedule: The schedule.
        calls: What the callers asked and were told.
        journal: What happened upstream.
        ledger: The IDs of the orders of the subscription in the ledger.
        present: When each order of the subscription came to be, those that are not in the ledger included.
        lines: What each server put on record.
        broken: Lines of the record that are no JSON, for each server.
        visible: From when on the order could be seen by each server.
        changed: How often the subscription changed.
    """

    schedule: Schedule
    calls: list[Call] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    ledger: list[str] = field(default_factory=list)
    present: dict[str, float] = field(default_factory=dict)
    lines: dict[int, list[dict[str, str]]] = field(default_factory=dict)
    broken: dict[int, list[str]] = field(default_factory=dict)
    visible: dict[int, float] = field(default_factory=dict)
    changed: int = 0


def run(schedule: Schedule) -> Trial:
    """Run a schedule."""
    with tempfile.TemporaryDirectory() as folder, _lean_servers():
        return virtually(_Running(schedule, Path(folder)).run)


@contextmanager
def _lean_servers() -> Iterator[None]:
    """Check the schemas nowhere: that is most of the time."""
    with patch("jsonschema.validators.Draft202012Validator.check_schema"):
        yield


class _Person:
    """Sits in front of a form, and does what the schedule says."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.call: Call | None = None

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:  # noqa: ARG002  the SDK's
        schedule, upstream, call = self._upstream.schedule, self._upstream, self.call
        assert call is not None
        again, call.asked = call.asked, True
        seen = upstream.subscription_version
        upstream.on("asked", call.server, call.number)
        began = anyio.current_time()
        try:
            await anyio.sleep(schedule.thinks)
        finally:
            call.waited += anyio.current_time() - began
        happens_meanwhile(upstream)
        if schedule.person == "error":
            return ErrorData(code=INTERNAL_ERROR, message="the form broke")
        if schedule.person == "closes the form":
            return ElicitResult(action="cancel")
        if schedule.person == "no":
            return ElicitResult(action="decline")
        if schedule.person == "nonsense":
            return ElicitResult(action="accept", content={"order": "perhaps"})
        if again and not schedule.insists:
            return ElicitResult(action="decline")
        call.yes = seen == upstream.subscription_version
        return ElicitResult(action="accept", content={"order": True})


def happens_meanwhile(upstream: Upstream) -> None:
    """Do what the schedule has happen while a person thinks, once."""
    schedule = upstream.schedule
    if schedule.change and not upstream.subscription_version:
        upstream.change_subscription(schedule.change)
    if schedule.interest == "while asked" and not upstream.journal.interests:
        upstream.show_interest()


class _Running:
    def __init__(self, schedule: Schedule, folder: Path) -> None:
        self.schedule = schedule
        self.folder = folder
        self.upstream = Upstream(schedule)
        self.trial = Trial(schedule, journal=self.upstream.journal)
        self.listeners: Listeners = []
        self.upstream.on = self.heard
        self.random = random.Random(f"{schedule.seed} servers")  # noqa: S311  no secret is made of it

    def heard(self, word: str, server: int, call: int | None) -> None:
        for listener in list(self.listeners):
            listener(word, server, call)

    async def run(self) -> Trial:
        if self.schedule.interest.startswith("before"):
            self.upstream.show_interest()
        with _stderr(self.schedule.stderr):
            async with self.upstream.running(), anyio.create_task_group() as callers:
                callers.cancel_scope.deadline = anyio.current_time() + GIVES_UP
                servers = [await self.server(number, callers) for number in range(self.schedule.servers)]
                cancel = self.schedule.cancel
                for number, starts in self.schedule.callers:
                    caller = _Caller(servers[number], number, self.trial, self.upstream, self.listeners)
                    callers.start_soon(caller.run, starts, cancel)
                    cancel = None  # it is the first that goes away
        return self.judged()

    def judged(self) -> Trial:
        trial, journal = self.trial, self.upstream.journal
        trial.ledger = [
            entry.order_id for entry in self.upstream.simulator.ledger if entry.subscription_id == SUBSCRIPTION
        ]
        trial.changed = self.upstream.subscription_version
        trial.present = journal.interests | journal.commits
        for server in range(self.schedule.servers):
            trial.visible[server] = self.upstream.visible_at(server)
            trial.lines[server], trial.broken[server] = recorded(self.audit_file(server))
        return trial

    def audit_file(self, server: int) -> Path:
        return {
            "folder": self.folder,
            "full disk": Path("/dev/full"),
            "no folder": self.folder / "no" / "such",
        }.get(self.schedule.audit, self.folder / f"audit-{server}.jsonl")

    async def server(self, number: int, tasks: anyio.abc.TaskGroup) -> MCPServer[Any]:
        nomos = NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            api_version=self.schedule.version,
            base_url="http://127.0.0.1",
            app=self.upstream.line(number),
            requests_per_second=self.schedule.per_second,
            timing=Timing(anyio.current_time, anyio.sleep, lambda upper: self.random.uniform(0, upper), _now),
        )
        self.burst(number, nomos, tasks)
        settings = Settings(
            confirm={"none": "none", "form, and the client has none": "elicit"}.get(self.schedule.way, "auto"),
            audit_file=str(self.audit_file(number)),
        )
        return create_server(settings, client=nomos, clock=_now)

    def burst(self, server: int, nomos: NomosClient, tasks: anyio.abc.TaskGroup) -> None:
        """Have other reads get in line in a server's rate limit."""
        waiting, when = [self.schedule.burst], self.schedule.burst_when
        answers = 0

        async def read(name: str) -> None:
            with suppress(NomosError):
                await nomos.events.get(name)

        def join() -> None:
            for number in range(waiting.pop()):
                tasks.start_soon(read, f"evt_{number:024}")

        def heard(word: str, at: int, call: int | None) -> None:
            nonlocal answers
            answers += word == "answered" and at == server and call is not None
            if waiting and at == server and (word == "post" if when == "request" else answers == when):
                join()

        if when == "start":
            join()
        else:
            self.listeners.append(heard)


class _Caller:
    """One client of one server, and the person in front of it."""

    def __init__(
        self, server: MCPServer[Any], number: int, trial: Trial, upstream: Upstream, listeners: Listeners
    ) -> None:
        self._schedule = trial.schedule
        self._number = number
        self._trial = trial
        self._upstream = upstream
        self._listeners = listeners
        self._closed = anyio.Event()
        self._person = _Person(upstream) if self._schedule.way == "form" else None
        self._client = Client(server, mode=self._schedule.era, elicitation_callback=self._person)

    async def run(self, starts: float, cancel: Cancel | None) -> None:
        """Connect, call, and disconnect: at the end, or when the schedule has the connection closed."""
        await anyio.sleep(starts)

        async def ask() -> None:
            try:
                await self._ask(cancel)
            finally:
                self._closed.set()

        async with anyio.create_task_group() as tasks, self._client:
            tasks.start_soon(ask)
            await self._closed.wait()

    async def _ask(self, cancel: Cancel | None) -> None:
        schedule = self._schedule
        if schedule.way != "code":
            await self._call(cancel, yes=schedule.way == "none")
            return
        early = cancel is not None and cancel.stage in {"at once", "looking", "any time"}
        preview = await self._call(cancel if early else None)
        seen = self._upstream.subscription_version
        code = await self._code(preview)
        if not code or self._closed.is_set():
            return
        await anyio.sleep(schedule.thinks)
        happens_meanwhile(self._upstream)
        yes = schedule.code not in {"wrong", "of another subscription"} and seen == self._upstream.subscription_version
        if schedule.code == "twice at once":
            async with anyio.create_task_group() as both:
                both.start_soon(partial(self._call, cancel, code=code, yes=yes))
                both.start_soon(partial(self._call, None, code=code, yes=yes))
            return
        second = await self._call(cancel, code=code, yes=yes)
        if self._closed.is_set():
            return
        newer = str((second.answer or {}).get("confirmation_code") or "")
        if schedule.code == "twice":
            await self._call(None, code=code, yes=yes)
        elif schedule.insists and newer:
            await self._call(None, code=newer, yes=True)

    async def _code(self, preview: Call) -> str:
        """Return the code that the second call will carry."""
        given = str((preview.answer or {}).get("confirmation_code") or "")
        wanted = self._schedule.code
        if wanted == "wrong" and given:
            return given[:-1] + ("a" if given[-1] != "a" else "b")
        if wanted == "of another subscription" and not self._closed.is_set():
            CALL.set(None)
            other = await self._client.call_tool(TOOL, {"subscription_id": OTHER_SUBSCRIPTION})
            return str((other.structured_content or {}).get("confirmation_code") or "")
        return "" if wanted == "none" else given

    async def _call(self, cancel: Cancel | None, *, code: str = "", yes: bool = False) -> Call:
        call = Call(len(self._trial.calls), self._number, anyio.current_time(), yes=yes, code=code)
        self._trial.calls.append(call)
        if self._person is not None:
            self._person.call = call
        CALL.set(call.number)
        arguments = {"subscription_id": SUBSCRIPTION} | ({"confirmation_code": code} if code else {})
        with anyio.CancelScope() as scope:
            if cancel is not None:
                self._listeners.append(_Leaver(cancel, call, scope, self._closed, self._trial).heard)
            try:
                result = await self._client.call_tool(TOOL, arguments)
                call.answer = result.structured_content
                call.failure = "" if call.answer else str(result.content)[:200]
            except (MCPError, RuntimeError) as failure:  # the latter: an answer that breaks the tool's own schema
                call.failure = str(failure)
        call.ended = anyio.current_time()
        return call


class _Leaver:
    """Cancels a call, or closes its connection, at the stage that the schedule names."""

    def __init__(self, cancel: Cancel, call: Call, scope: anyio.CancelScope, closed: anyio.Event, trial: Trial) -> None:
        self._cancel, self._call, self._scope, self._closed, self._trial = cancel, call, scope, closed, trial
        self._answered = 0
        self._left = False
        if cancel.stage in {"at once", "any time"}:
            self._leave_soon()

    def heard(self, word: str, server: int, number: int | None) -> None:
        ours = number == self._call.number
        self._answered += ours and word == "answered"
        met = {
            "looking": ours and word == "read",
            "asked": ours and word == "asked",
            "turn": not ours and word == "post" and server == self._call.server,
            "budget": ours and word == "answered" and self._answered == self._cancel.answers,
            "post": ours and word == "post",
            "looking afterwards": ours
            and word == "read"
            and any(post.call == number for post in self._trial.journal.posts),
        }
        if met.get(self._cancel.stage):
            self._leave_soon()

    def _leave_soon(self) -> None:
        if not self._left:
            self._left = True
            if self._cancel.after:
                asyncio.get_running_loop().call_later(self._cancel.after, self._leave)
            else:
                self._leave()

    def _leave(self) -> None:
        call = self._call
        if call.ended < math.inf:
            return
        call.cancelled = anyio.current_time()
        call.stage = stage_of(call, self._trial, call.cancelled)
        if self._cancel.closes and self._trial.schedule.era == "legacy":
            self._closed.set()
        else:
            self._scope.cancel()


def stage_of(call: Call, trial: Trial, now: float) -> str:
    """Tell what a call is at, by what can be seen from outside of the server."""
    journal = trial.journal
    posts = [post for post in journal.posts if post.call == call.number]
    if posts:
        return "the request is under way" if any(post.ended > now for post in posts) else "looking afterwards"
    if call.asked and not call.yes:
        return "a person is asked"
    if any(read.call == call.number and read.ended > now for read in journal.reads):
        return "looking"
    # Two calls that read the same at the same time share one request, which is then noted for one of them.
    if not any(read.server == call.server and call.began <= read.ended <= now for read in journal.reads):
        return "before the look"
    begun = {post.call for post in journal.posts if post.server == call.server}
    if any(other.number in begun and other.ended > now for other in trial.calls if other.server == call.server):
        return "waiting for its turn"
    return "waiting for the rate limit" if trial.schedule.per_second == 1 else "between two steps"


def recorded(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Read an audit file: its entries, and its lines that are none."""
    entries: list[dict[str, str]] = []
    broken: list[str] = []
    if not path.is_file():
        return entries, broken
    for line in path.read_text().splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            broken.append(line)
    return entries, broken


class _Failing(StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, _: str) -> int:
        raise self._error

    def flush(self) -> None:
        raise self._error


@contextmanager
def _stderr(kind: str) -> Iterator[None]:
    """Put something in the place of stderr."""
    here = sys.stderr
    closed = StringIO()
    closed.close()
    sys.stderr = {
        "open": StringIO(),
        "closed": closed,
        "full": _Failing(OSError(errno.ENOSPC, "No space left on device")),
        "broken pipe": _Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")),
        "none": None,
    }[kind]
    try:
        yield
    finally:
        sys.stderr = here


def _now() -> datetime:
    return (NOW + timedelta(seconds=anyio.current_time())).astimezone(UTC)
