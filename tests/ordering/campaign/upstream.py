"""The world that the servers of a trial order in: the simulator, behind lag, late commits, faults and outages.

The simulator's ledger is the truth. What this file adds is the journal: which request of which call committed which
order when, and when reads could show it. Nothing in it is learned from the servers.
"""

import json
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.abc
import httpx

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.world_records import OrderRecord
from tests.conftest import NOW
from tests.ordering.campaign.schedules import OVERTAKEN, UNREADABLE, Outage, PostFault, Schedule

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SUBSCRIPTION = DEMO.subscriptions["can_order"]
OTHER_SUBSCRIPTION = DEMO.subscriptions["can_order_metrify"]
CALL: ContextVar[int | None] = ContextVar("call", default=None)
"""Which call of a tool the code that runs belongs to; the SDK's in-memory connections carry it along."""

_READ_TIMEOUT = 20.0
_CONNECT_TIMEOUT = 5.0
_RETRY_AFTER = 30
_STATUS_OK = 200


@dataclass
class Post:
    """One request to order.

    Attributes:
        server: Which server sent it.
        call: For which call.
        fault: What happened to it, as `str(PostFault)` has it.
        arrived: When.
        left: Whether anything of it was sent.
        status: Of the answer, if a whole and readable one was given.
        ended: When the answer was given, or lost.
        committed: When it made an order, if ever.
        order: The ID of that order.
    """

    server: int
    call: int | None
    fault: str
    arrived: float
    left: bool = True
    status: int | None = None
    ended: float = math.inf
    committed: float | None = None
    order: str = ""

    @property
    def uncertain(self) -> bool:
        """Whether the answer was lost, or leaves open whether there is an order."""
        return self.left and (self.status is None or self.status >= 500)


@dataclass
class Read:
    """One read.

    Attributes:
        server: Which server sent it.
        call: For which call.
        began: When it arrived.
        ended: When it was answered or lost.
        fault: What happened to it.
        shows: The IDs of the orders of the subscription that a good answer showed.
    """

    server: int
    call: int | None
    began: float
    ended: float = math.inf
    fault: str = ""
    shows: tuple[str, ...] = ()


@dataclass
class Journal:
    """What happened upstream.

    Attributes:
        posts: The requests to order.
        reads: The reads.
        tokens: The faults of requests for a token that were met.
        commits: When each order of the subscription was made, by its ID.
        interests: The orders of the subscription that are a customer's mere interest.
        hidden: How often a read hid an order that an earlier read had shown.
    """

    posts: list[Post] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    commits: dict[str, float] = field(default_factory=dict)
    interests: dict[str, float] = field(default_factory=dict)
    hidden: int = 0


class Upstream:
    """One world for all servers of a trial.

    Args:
        schedule: What goes wrong.

    Attributes:
        simulator: Holds the ledger.
        journal: What happened.
        subscription_version: Counts the changes of the subscription.
        on: Is told what happens: a word, the server and the call.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.simulator = Simulator(now=_virtual_now, orders=0)
        self.journal = Journal()
        self.subscription_version = 0
        self.on: Callable[[str, int, int | None], None] = lambda *_: None
        self._random = random.Random(f"{schedule.seed} upstream")  # noqa: S311  no secret is made of it
        self._tasks: anyio.abc.TaskGroup | None = None
        self._posts = [list(posts) for posts in schedule.posts]
        self._early_reads = list(schedule.early_reads)
        self._tokens = list(schedule.tokens)
        self._late_tokens = list(schedule.late_tokens)
        self._first_post: dict[int, float] = {}
        self._held_until: dict[int, float] = {}  # by a Retry-After
        self._born: dict[str, float] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let the world run; at the end what is late is waited for."""
        async with anyio.create_task_group() as self._tasks:
            yield

    def line(self, server: int) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """Return the ASGI application that one server talks to."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            body = await body_of(receive)
            await anyio.sleep(self.schedule.latency / 2)
            if scope["path"] == "/oauth/token":
                await self._token(scope, body, send)
            elif scope["method"] == "POST":
                await self._post(server, scope, body, send)
            else:
                await self._read(server, scope, send)

        return app

    def visible_at(self, server: int) -> float:
        """Return when the order can be seen by every read of a server from then on; infinity for never."""
        orders = [at for order, at in self.journal.commits.items() if order not in self.journal.interests]
        if not orders:
            return math.inf
        first = self._first_post.get(server, 0.0)
        outages = [first + outage.ends for outage in self._outages(server)]
        return max(min(orders) + max(self.schedule.lags), self._held_until.get(server, 0.0), *outages, 0.0)

    def show_interest(self) -> None:
        """Have the customer show mere interest, without an order."""
        subscription = self.simulator.world.subscriptions.get(SUBSCRIPTION)
        if subscription is None or self.simulator.world.order_of(SUBSCRIPTION) is not None:
            return
        # What the customer did a minute before the order, and not in the very second of it: those look alike.
        shown = _virtual_now().replace(microsecond=0) - timedelta(minutes=1)
        order = OrderRecord(
            id="prdo_" + "interest".ljust(24, "0"),
            organisation=subscription.organisation,
            subscription_id=subscription.id,
            customer_id=subscription.customer_id,
            provider="inexogy",
            stage="intended",
            created_at=shown,
            updated_at=shown,
        )
        self.simulator.world.orders.put(order)
        self._born[order.id] = self.journal.interests[order.id] = anyio.current_time()

    def change_subscription(self, what: str) -> None:
        """Change what a preview of the subscription shows."""
        world = self.simulator.world
        subscription = world.subscriptions.get(SUBSCRIPTION)
        assert subscription is not None
        if what == "plan":
            other = next(plan for plan, provider in world.plans.items() if provider and plan != subscription.plan_id)
            subscription = replace(subscription, plan_id=other)
        elif what == "status":
            subscription = replace(subscription, status="pending")
        else:
            subscription = replace(subscription, meter=replace(subscription.meter, type="smart"))
        world.subscriptions.put(subscription)
        self.subscription_version += 1

    async def _token(self, scope: Scope, body: bytes, send: Send) -> None:
        faults = self._late_tokens if self.journal.posts else self._tokens
        fault = faults.pop(0) if faults else ""
        if fault:
            self.journal.tokens.append(f"{'late ' if self.journal.posts else ''}{fault}")
        if fault == "no_token":
            await _answer(send, 200, b'{"token_type": "Bearer"}')
        else:
            await self._faulty(fault, scope, body, send)

    async def _read(self, server: int, scope: Scope, send: Send) -> None:
        read = Read(server, CALL.get(), anyio.current_time())
        self.journal.reads.append(read)
        fault = read.fault = self._read_fault(server)
        self.on("read", server, read.call)
        if fault == "429 with Retry-After":
            self._held_until[server] = max(self._held_until.get(server, 0.0), read.began + _RETRY_AFTER)
        shown: list[str] = []
        try:
            await self._faulty(fault, scope, b"", send, shown=shown, lagging=True)
            if not fault:
                known = any(order in earlier.shows for earlier in self.journal.reads for order in self._born)
                if known and not shown and scope["path"] == "/meter-orders":
                    self.journal.hidden += 1
                read.shows = tuple(shown)
        finally:
            read.ended = anyio.current_time()
            self.on("answered", server, read.call)

    def _read_fault(self, server: int) -> str:
        if server not in self._first_post:
            return self._early_reads.pop(0) if self._early_reads else ""
        since = anyio.current_time() - self._first_post[server]
        outages = (outage.fault for outage in self._outages(server) if outage.begins <= since < outage.ends)
        return next(outages, "")

    def _outages(self, server: int) -> tuple[Outage, ...]:
        return self.schedule.outages[server] if server < len(self.schedule.outages) else ()

    async def _post(self, server: int, scope: Scope, body: bytes, send: Send) -> None:
        queue = self._posts[server]
        fault = queue.pop(0) if queue else PostFault()
        post = Post(server, CALL.get(), str(fault), anyio.current_time())
        post.left = not fault.answer.startswith("connect")
        self.journal.posts.append(post)
        self._first_post.setdefault(server, post.arrived)
        if fault.answer == "429 with Retry-After":
            self._held_until[server] = post.arrived + _RETRY_AFTER
        self.on("post", server, post.call)
        if fault.answer == OVERTAKEN:
            await self._committed(None, *_somebody_elses(scope, body))
        try:
            post.status = await self._posted(post, fault, scope, body, send)
        finally:
            post.ended = anyio.current_time()

    async def _posted(self, post: Post, fault: PostFault, scope: Scope, body: bytes, send: Send) -> int | None:
        """Serve a request to order; return the status of the answer if it can be read."""
        assert self._tasks is not None
        await anyio.sleep(fault.takes / 2)
        messages: list[Message] = []
        if fault.commit == "at once" or fault.answer in {"", OVERTAKEN}:
            done = anyio.Event()

            async def process() -> None:  # whether or not anybody waits for the answer
                messages.extend(await self._committed(post, scope, body))
                done.set()

            self._tasks.start_soon(process)
            await done.wait()
        elif fault.commit == "late":
            self._tasks.start_soon(self._late, post, fault, scope, body)
        await anyio.sleep(fault.takes / 2)
        if fault.answer in {"", OVERTAKEN}:
            for message in messages:
                await send(message)
            return int(messages[0]["status"])
        await self._faulty(fault.answer, scope, body, send, truth=messages)
        status = int(fault.answer[:3]) if fault.answer[:3].isdigit() else None
        if fault.answer in UNREADABLE and fault.answer != "redirect" and messages:
            true_status = int(messages[0]["status"])
            return true_status if true_status != _STATUS_OK else None  # a refusal is left as it is
        return status

    async def _late(self, post: Post, fault: PostFault, scope: Scope, body: bytes) -> None:
        waits = fault.after + (_READ_TIMEOUT if fault.answer == "timeout" else 0)
        await anyio.sleep(fault.takes / 2 + waits)
        await self._committed(post, scope, body)

    async def _committed(self, post: Post | None, scope: Scope, body: bytes) -> list[Message]:
        """Let the simulator process a request to order, and note what the ledger gained."""
        before = len(self.simulator.ledger)
        messages = await self._asked(scope, body)
        for entry in self.simulator.ledger[before:]:
            at = anyio.current_time()
            self._born[entry.order_id] = at
            if entry.subscription_id == SUBSCRIPTION:
                self.journal.commits[entry.order_id] = at
                if post is not None:
                    post.committed, post.order = at, entry.order_id
            if self.schedule.interest == "made by the request":
                made = self.simulator.world.orders.get(entry.order_id)
                assert made is not None
                self.simulator.world.orders.put(replace(made, stage="intended", provider="inexogy"))
                self.journal.interests[entry.order_id] = at
        return messages

    async def _asked(self, scope: Scope, body: bytes) -> list[Message]:
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.simulator(dict(scope), receive, keep)
        return messages

    async def _faulty(  # noqa: C901, PLR0912  one branch for each kind of fault
        self,
        fault: str,
        scope: Scope,
        body: bytes,
        send: Send,
        *,
        truth: list[Message] | None = None,
        shown: list[str] | None = None,
        lagging: bool = False,
    ) -> None:
        """Answer a request, or lose it. `truth` is what the simulator said, if it has been asked already."""
        if fault == "connect":
            raise httpx.ConnectError("connection refused")
        if fault == "connect_timeout":
            await anyio.sleep(_CONNECT_TIMEOUT)
            raise httpx.ConnectTimeout("no connection in time")
        if fault == "reset":
            raise httpx.ReadError("connection reset")
        if fault == "timeout":
            await anyio.sleep(_READ_TIMEOUT)
            raise httpx.ReadTimeout("too slow")
        await anyio.sleep(self.schedule.latency / 2)
        if fault[:3].isdigit():
            await _refuse(send, int(fault[:3]), with_retry_after=fault.endswith("Retry-After"))
            return
        if fault == "redirect":
            await _answer(send, 302, b"", headers=[(b"location", b"http://127.0.0.1/login")])
            return
        if fault == "html" and not truth:
            await _answer(send, 200, b"<html>please log in</html>", content_type=b"text/html")
            return
        version = self.schedule.version
        if fault == "other_subscription" and not truth:
            await _answer(send, 200, _about_another(scope, version), version=version)
            return
        start, content = _joined(truth or await self._asked(self._on_replica(scope) if lagging else scope, body))
        if lagging and scope["path"] == "/meter-orders" and start["status"] == _STATUS_OK:
            content = self._lagging(content, shown if shown is not None else [])
        headers = dict(start["headers"])
        if fault and start["status"] == _STATUS_OK:
            if fault == "truncated":
                content = content[: len(content) // 2]
            elif fault == "html":
                headers[b"content-type"], content = b"text/html", b"<html></html>"
            elif fault == "wrong_type":
                content = b"[]"
            elif fault == "wrong_version":
                headers[b"x-api-version"] = b"2025-12-01.chucky"
            elif fault == "other_subscription":
                content = content.replace(SUBSCRIPTION.encode(), OTHER_SUBSCRIPTION.encode())
            else:
                raise ValueError(fault)
        headers.pop(b"content-length", None)
        await send({**start, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": content})

    def _hidden(self) -> set[str]:
        """Draw the replica of one read, and return the orders that it does not know yet."""
        lag = self._random.choice(self.schedule.lags)
        return {order for order, born in self._born.items() if anyio.current_time() < born + lag}

    def _on_replica(self, scope: Scope) -> Scope:
        """Let a read by ID miss what its replica does not know."""
        folder, _, order = scope["path"].rpartition("/")
        if folder != "/meter-orders" or order not in self._hidden():
            return scope
        path = "/meter-orders/prdo_" + "0" * 24
        return {**scope, "path": path, "raw_path": path.encode()}

    def _lagging(self, content: bytes, shown: list[str]) -> bytes:
        """Leave out of a list what the replica of this read does not know."""
        page, hidden = json.loads(content), self._hidden()
        page["items"] = [item for item in page["items"] if item["id"] not in hidden]
        shown.extend(item["id"] for item in page["items"])
        return json.dumps(page).encode()


def _virtual_now() -> datetime:
    try:
        return NOW + timedelta(seconds=anyio.current_time())
    except anyio.NoEventLoopError:
        return NOW


async def body_of(receive: Receive) -> bytes:
    """Return the body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _joined(messages: list[Message]) -> tuple[Message, bytes]:
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def _somebody_elses(scope: Scope, body: bytes) -> tuple[Scope, bytes]:
    """Return the same request as another client of the organisation would send it."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*headers, (b"authorization", b"Bearer " + DEMO.access_token.encode())]}, body


def _about_another(scope: Scope, version: str) -> bytes:
    """Return a good answer about somebody else's order."""
    order = {
        "object": "meter_order",
        "id": "prdo_" + "other".ljust(24, "0"),
        "subscription": OTHER_SUBSCRIPTION,
        "customer": DEMO.customers["can_order_metrify"],
        "provider": "metrify",
        "status": "created" if version.endswith("curie") else "waiting",
        "created_at": "2026-06-15T10:00:00Z",
    }
    if urlsplit(scope["path"]).path == "/meter-orders" and scope["method"] == "GET":
        return json.dumps({"object": "list", "items": [order], "has_more": False, "next_page": None}).encode()
    return json.dumps(order).encode()


async def _refuse(send: Send, status: int, *, with_retry_after: bool) -> None:
    body = {"code": "FAILED", "message": "as the schedule says", "requestId": "req_campaign", "docs": ""}
    headers = [(b"retry-after", str(_RETRY_AFTER).encode())] if with_retry_after else []
    await _answer(send, status, json.dumps(body).encode(), headers=headers)


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = b"application/json",
    headers: list[tuple[bytes, bytes]] | None = None,
    version: str = "",
) -> None:
    told = [(b"content-type", content_type), *(headers or [])]
    if version:
        told.append((b"x-api-version", version.encode()))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
