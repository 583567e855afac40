"""Nomos, for all replicas: the simulator, whose requests get lost, late and answered by a kill, and a journal.

Nothing in the journal is learned from the servers: it holds whose request arrived when, and which order it made.
"""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from socket import socket
from typing import Any, Final

import uvicorn

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import RESET_EXTENSION
from nomos_mcp.simulator.simulator_server import _Connection
from tests.ordering.replicas.schedules import Request, Schedule

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NAME_HEADER: Final = b"x-replica"
JOURNAL: Final = "/_journal"
_MADE: Final = 200


@dataclass
class Post:
    """One request to order.

    Attributes:
        replica: Who sent it.
        subscription: For which subscription.
        fate: What became of it.
        arrived: When, in seconds.
        status: Of the answer, if it was given.
        order: The order that it made, if any.
        made: When.
        answered: When its answer was given.
    """

    replica: str
    subscription: str
    fate: Request
    arrived: float
    status: int = 0
    order: str = ""
    made: float = 0.0
    answered: float = 0.0


class Upstream:
    def __init__(self, schedules: Iterable[Schedule]) -> None:
        self.simulator = Simulator(orders=0)
        self.posts: list[Post] = []
        self._schedules = {each.subscription: each for each in schedules}
        self._arrived: Counter[str] = Counter()
        self._visible: dict[str, float] = {}  # from when on reads show an order
        self._tasks: set[asyncio.Task[None]] = set()
        subscriptions = self.simulator.world.subscriptions
        ours = subscriptions.get(DEMO.subscriptions["can_order"])
        assert ours
        for each in self._schedules:
            subscriptions.put(replace(ours, id=each))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == JOURNAL:
            await _answer(send, self.journal())
        elif scope["path"] == "/meter-orders" and scope["method"] == "POST":
            await self._post(scope, await _body_of(receive), send)
        elif scope["path"] == "/meter-orders":
            await self._list(scope, receive, send)
        else:
            await self.simulator(scope, receive, send)

    def journal(self) -> dict[str, Any]:
        """Return what happened; `done` once all late orders are made, and reads show every order."""
        orders: dict[str, list[str]] = {}
        for entry in self.simulator.ledger:
            orders.setdefault(entry.subscription_id, []).append(entry.order_id)
        done = all(task.done() for task in self._tasks) and max(self._visible.values(), default=0.0) <= time.monotonic()
        posts = [asdict(post) for post in self.posts]
        return {"posts": posts, "ledger": orders, "visible": self._visible, "done": done}

    async def _post(self, scope: Scope, body: bytes, send: Send) -> None:
        name, pid = dict(scope["headers"])[NAME_HEADER].decode().split()
        subscription = json.loads(body)["subscription"]
        schedule = self._schedules[subscription]
        fate = schedule.requests[min(self._arrived[subscription], len(schedule.requests) - 1)]
        self._arrived[subscription] += 1
        post = Post(name, subscription, fate, time.monotonic())
        self.posts.append(post)
        if fate.startswith("its sender is killed"):
            _kill(int(pid))
        if fate == "somebody else ordered first":
            await self._made(scope, body, Post("somebody else", subscription, fate, time.monotonic()))
        if fate == "made late, and the answer is lost":
            task = asyncio.create_task(self._late(scope, body, post, schedule.late))
            self._tasks.add(task)
        elif fate == "refused":
            post.status = 403
            await _answer(send, {"code": "FORBIDDEN", "message": "no"}, 403, scope)
            post.answered = time.monotonic()
            return
        elif "lost" in fate and "made" not in fate:
            pass
        else:
            answer = await self._made(scope, body, post)
            if fate in {"answered", "somebody else ordered first"}:
                for message in answer:
                    await send(message)
                post.answered = time.monotonic()
                return
        if fate == "the order is made, and its sender is killed":
            _kill(int(pid))
        scope["extensions"][RESET_EXTENSION]()

    async def _late(self, scope: Scope, body: bytes, post: Post, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._made(scope, body, post)

    async def _made(self, scope: Scope, body: bytes, post: Post) -> list[Message]:
        """Have the simulator make an order; return its answer."""
        answer: list[Message] = []
        parts = [{"type": "http.request", "body": body}]

        async def replay() -> Message:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def keep(message: Message) -> None:
            answer.append(message)

        known = len(self.simulator.ledger)
        await self.simulator(dict(scope), replay, keep)
        post.status = answer[0]["status"]
        for entry in self.simulator.ledger[known:]:
            if entry.subscription_id == post.subscription:
                post.order, post.made = entry.order_id, time.monotonic()
                self._visible[post.order] = post.made + self._schedules[post.subscription].lag
        return answer

    async def _list(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a list, without the orders that reads do not show yet."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        now = time.monotonic()
        await self.simulator(scope, receive, keep)
        start, body = answer[0], b"".join(message.get("body", b"") for message in answer[1:])
        if start["status"] == _MADE:
            page = json.loads(body)
            page["items"] = [each for each in page["items"] if self._visible.get(each["id"], 0.0) <= now]
            body = json.dumps(page).encode()
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def _body_of(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _answer(send: Send, body: dict[str, Any], status: int = 200, scope: Scope | None = None) -> None:
    headers = [(b"content-type", b"application/json")]
    if scope is not None:
        headers.append((b"x-api-version", dict(scope["headers"])[b"x-api-version"]))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def serve(schedules: Iterable[Schedule], listener: socket) -> None:
    """Serve until the process is killed."""
    config = uvicorn.Config(
        Upstream(schedules), http=_Connection, lifespan="off", log_config=None, access_log=False, log_level="critical"
    )
    uvicorn.Server(config).run(sockets=[listener])
