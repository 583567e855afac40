"""The API that is measured against, in a process of its own: `python -m benchmarks.upstream simulator|crowd PORT ...`.

`simulator` is the product's own. `crowd` speaks the same wire for two requests only, over orders that are written out
beforehand: it starts with 100,000 of them in a second or two and answers a page in a millisecond, so that what is
measured is the server in front of it.
"""

import argparse
import asyncio
import base64
import json
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from nomos_mcp.simulator import Simulator

VERSION = "2026-05-27.curie"
COUNT_PATH = "/bench/count"
STATUSES = (
    "created",
    "placed",
    "check_submitted",
    "check_reviewed",
    "scheduled",
    "installed",
    "activated",
    "cancelled",
)
OPEN = STATUSES[:-2]
WEIGHTS = (3, 6, 2, 3, 4, 2, 70, 10)
"""Invented shares: a fifth of all orders is open, most are long activated."""
BLOCKED_SHARE = 0.1
"""Invented: of the open orders, so many are blocked."""


def order_id(number: int) -> str:
    """Return the ID of the order with this number; the newest has 0."""
    return f"prdo_{number:024}"


def orders(size: int) -> Iterator[tuple[str, bytes, bool]]:
    """Make up orders, the newest first: status, JSON, whether blocked. The same size gives the same orders."""
    rng = Random(size)  # noqa: S311  invented data, the same in every run
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(size):
        status = rng.choices(STATUSES, WEIGHTS)[0]
        blocked = status in OPEN and rng.random() < BLOCKED_SHARE
        created = now - timedelta(hours=1, minutes=number)
        order = {
            "object": "meter_order",
            "id": order_id(number),
            "subscription": f"sub_{number:024}",
            "customer": f"cus_{number:024}",
            "provider": "metrify",
            "status": status,
            "created_at": _time(created),
            "installed_at": None,
            "activated_at": None,
            "cancelled_at": None,
            "cancelled_reason": None,
            "blocked_at": _time(created + timedelta(minutes=30)) if blocked else None,
            "blocked_reason": rng.choice(("check_missing", "grid_operator_registration")) if blocked else None,
            "appointment_at": _time(now + timedelta(days=3)) if status == "scheduled" else None,
        }
        yield status, json.dumps(order, separators=(",", ":")).encode(), blocked


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class Crowd:
    """Orders without a story: one by its ID, and the list filtered by status."""

    def __init__(self, size: int) -> None:
        self._orders = [(status, text) for status, text, _ in orders(size)]

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        """Answer a request."""
        path = scope["path"]
        if path == "/meter-orders":
            status, body = 200, self._page(parse_qs(scope["query_string"].decode()))
        else:
            status, body = self._one(path.removeprefix("/meter-orders/"))
        headers = [(b"content-type", b"application/json"), (b"x-api-version", VERSION.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _one(self, wanted: str) -> tuple[int, bytes]:
        number = wanted.removeprefix("prdo_")
        if number.isdigit() and int(number) < len(self._orders):
            return 200, self._orders[int(number)][1]
        return 404, json.dumps({"code": "NOT_FOUND", "message": "Unknown", "requestId": "", "docs": ""}).encode()

    def _page(self, query: dict[str, list[str]]) -> bytes:
        limit = int(query["limit"][0])
        wanted = {
            status
            for name in ("in", "eq")
            for text in query.get(f"filter[status][{name}]", [])
            for status in text.split(",")
        }
        unwanted = set(query.get("filter[status][ne]", []))
        start = _behind(query["cursor"][0]) if "cursor" in query else 0
        matching = (
            text
            for status, text in islice(self._orders, start, None)
            if status not in unwanted and (not wanted or status in wanted)
        )
        page = list(islice(matching, limit))
        more = next(matching, None) is not None
        after = _cursor(page[-1], limit) if more else None
        return b'{"object":"list","items":[%b],"has_more":%b,"next_page":%b}' % (
            b",".join(page),
            json.dumps(more).encode(),
            json.dumps(after).encode(),
        )


def _cursor(last: bytes, limit: int) -> str:
    """Name an order, as the example in the vendor's OpenAPI does."""
    order = json.loads(last)
    fields = {"last_created_at": order["created_at"], "last_id": order["id"], "limit": limit}
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def _behind(cursor: str) -> int:
    """Return the number of the order behind the one that a cursor names."""
    return int(json.loads(base64.urlsafe_b64decode(cursor))["last_id"].removeprefix("prdo_")) + 1


class Far:
    """An application that is some way off, takes so many requests in any one second, and counts them.

    Args:
        app: What answers.
        latency: Seconds that every request takes on top.
        per_second: How many requests are taken in any one second; 0 for any number.
    """

    def __init__(self, app: Any, latency: float, per_second: int) -> None:
        self._app = app
        self._latency = latency
        self._per_second = per_second
        self._came: deque[float] = deque()
        self._counts = {"requests": 0, "refused": 0}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == COUNT_PATH:
            body, self._counts = json.dumps(self._counts).encode(), {"requests": 0, "refused": 0}
            await _respond(send, 200, body)
        else:
            self._counts["requests"] += 1
            if self._too_many():
                self._counts["refused"] += 1
                await _respond(send, 429, b'{"code":"TOO_MANY_REQUESTS","message":"","requestId":"","docs":""}')
                return
            if self._latency:
                await asyncio.sleep(self._latency)
            await self._app(scope, receive, send)

    def _too_many(self) -> bool:
        if not self._per_second:
            return False
        now = asyncio.get_running_loop().time()
        while self._came and self._came[0] <= now - 1:
            self._came.popleft()
        if len(self._came) >= self._per_second:
            return True
        self._came.append(now)
        return False


async def _respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-api-version", VERSION.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["simulator", "crowd"])
    parser.add_argument("port", type=int)
    parser.add_argument("--orders", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--per-second", type=int, default=0)
    options = parser.parse_args()
    app = Crowd(options.orders) if options.kind == "crowd" else Simulator(orders=options.orders)
    far = Far(app, options.latency, options.per_second)
    # Kept long: a connection that is closed while its owner waits for its turn would be measured as a failure.
    uvicorn.run(far, port=options.port, log_level="error", lifespan="off", timeout_keep_alive=600)


if __name__ == "__main__":
    main()
