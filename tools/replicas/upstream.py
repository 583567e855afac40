"""Nomos for the check: the simulator as a process that refuses nothing, and writes down each request that arrives.

A request arrives when its head has been read. It is counted then, whatever becomes of it, requests for a token too. The
limiter holds a slot from before a request leaves until a second after its answer, so a busy machine that reads late
does not make it seem to break the limit.

`python -m tools.replicas.upstream FOLDER LATENCY` prints its URL and serves; answers take so many seconds.
"""

import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, TextIO, cast

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_server import bound, url_of

ARRIVALS: Final = "arrivals"
ORDERS: Final = "orders"
SUBSCRIPTIONS: Final = "subscriptions"
POSTS: Final = "posts"
"""Files in the folder: what arrived, which orders there are, which subscriptions can have one, and for which of them
an order arrived."""

_ORDERS: Final = 3000  # enough that callers do not ask for the same one at once: equal reads become one
_SUBSCRIPTIONS: Final = 2000


class Arrival(NamedTuple):
    """One request.

    Attributes:
        at: Of this machine's monotonic clock, which all processes share.
        method: Of HTTP.
        path: Without its query.
    """

    at: float
    method: str
    path: str


def arrivals(folder: Path) -> list[Arrival]:
    """Read what has arrived so far, in that order."""
    lines = (line.split() for line in (folder / ARRIVALS).read_text().splitlines())
    return [Arrival(float(at), method, path) for at, method, path in lines]


def listed(folder: Path, name: str) -> list[str]:
    """Read the IDs in `ORDERS`, `SUBSCRIPTIONS` or `POSTS`."""
    file = folder / name
    return file.read_text().split() if file.exists() else []


class _MeasuredConnection(H11Protocol):
    file: ClassVar[TextIO]
    _noted: object = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        request = cast("Scope | None", self.scope)  # a new one once the head of a request has been read
        if request is None or request is self._noted:
            return
        self._noted = request
        if not request["path"].startswith("/_simulator/"):
            self.file.write(f"{time.monotonic()} {request['method']} {request['path']}\n")
            self.file.flush()


class _PostsNoted:
    """Writes down for which subscription each order arrives, before the simulator decides about it."""

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self._app = app
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/meter-orders":
            body = await Request(scope, receive).body()
            with self._file.open("a") as file:
                file.write(f"{json.loads(body)['subscription']}\n")
            receive = _again(body, receive)
        await self._app(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what receives a body that was read already, and then whatever else comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def main() -> None:
    """Serve until SIGTERM."""
    with suppress(PermissionError):
        os.nice(-10)  # it stands for a machine of its own, and reads what arrives at once
    folder, latency = Path(sys.argv[1]), float(sys.argv[2])
    simulator = Simulator(orders=_ORDERS)
    if latency:
        simulator.faults.add(Fault(kind="delay", seconds=latency))
    (folder / SUBSCRIPTIONS).write_text("\n".join(_subscriptions(simulator)))
    (folder / ORDERS).write_text("\n".join(_orders(simulator)))
    with bound(0) as listener, (folder / ARRIVALS).open("a") as file:
        _MeasuredConnection.file = file
        print(url_of(listener), flush=True)
        config = uvicorn.Config(
            _PostsNoted(simulator, folder / POSTS),
            http=_MeasuredConnection,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _orders(simulator: Simulator) -> list[str]:
    """Return the IDs of orders that one request each is enough to tell of."""
    orders = (order for order in simulator.world.orders if order.organisation == DEMO.organisation)
    return [order.id for order in orders if order.stage not in {"requested", "intended"}]


def _subscriptions(simulator: Simulator) -> list[str]:
    """Make many subscriptions that can have an order, and return their IDs."""
    world = simulator.world
    pattern = world.subscriptions[DEMO.subscriptions["can_order"]]
    ids = [f"sub_replicas{number:05}" for number in range(_SUBSCRIPTIONS)]
    for subscription_id in ids:
        world.subscriptions.put(replace(pattern, id=subscription_id))
    return ids


if __name__ == "__main__":
    main()
