"""The deliveries of one simulator: what is due to whom, and what became of it."""

import json
import secrets
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from hmac import digest
from ipaddress import ip_address
from itertools import count
from random import Random
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.object_views import render_event
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_clock import Clock
from nomos_mcp.simulator.world_records import EventRecord, Topic


def _on_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not _is_loopback(parts.hostname or ""):
        raise ValueError(
            "the simulator sends to http:// on loopback only (127.0.0.1, [::1], localhost): invented events must not "
            "reach a system that takes them for real"
        )
    return url


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without looking it up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Endpoint(BaseModel):
    """A receiver of events.

    Attributes:
        url: Where deliveries are posted to: `http://` on loopback.
        secret: Of the signature; made up where none is given.
        topics: Which events; None for all.
        out_of_order: Whether what is due at the same time is shuffled, by the simulator's seed.
        duplicates: Whether every event is delivered twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(max_length=2000), AfterValidator(_on_loopback)]
    secret: Annotated[str, Field(min_length=1, max_length=200)] = Field(default_factory=secrets.token_hex)
    topics: frozenset[Topic] | None = None
    out_of_order: bool = False
    duplicates: bool = False


_TIMEOUT_SECONDS: Final = 30.0  # vendor document: a receiver has 30 seconds to answer


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    """Post a body and wait for the answer's status.

    Args:
        url: Of the receiver.
        body: As it is signed.
        headers: To send along.

    Returns:
        The status; None when there was no answer in time, or no way to ask. Redirects are not followed.
    """
    # A bare TLS context: receivers are plain HTTP, and loading the certificates of the machine takes its time.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=tls) as client:
            return (await client.post(url, content=body, headers=dict(headers))).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


HEADER: Final = "X-Nomos-Signature"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a delivery.

    Args:
        secret: The endpoint's.
        timestamp: When it is sent, in Unix seconds.
        body: As it goes over the wire.

    Returns:
        The header's value: `t=<timestamp>,v1=<hex>`, HMAC-SHA256 over `<timestamp>.<body>`.
    """
    signed = digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256")
    return f"t={timestamp},v1={signed.hex()}"


Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int | None]]
"""Posts a body with headers to a URL; gives the answer's status, or None when there was none."""

_DOUBLING: Final = (1, 2, 4, 8, 16, 32)
RETRY_AFTER: Final = (
    *(timedelta(minutes=minutes) for minutes in _DOUBLING),
    *(timedelta(hours=hours) for hours in _DOUBLING),
)
"""How long after an attempt the next one follows, as the vendor publishes it. That these waits follow one another, and
that they come after a first delivery at once, is inferred: so they end after 64 hours and 3 minutes."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One delivery that was tried.

    Attributes:
        endpoint_id: To whom.
        event_id: Of what.
        number: 1 for the first attempt.
        due: When it was due, on the simulator's clock.
        status: Of the answer; None when there was none. 2xx ends the retries.
    """

    endpoint_id: str
    event_id: str
    number: int
    due: datetime
    status: int | None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  2xx


class _Delivery(NamedTuple):
    due: datetime
    serial: int
    endpoint_id: str
    event: EventRecord
    number: int


class Webhooks:
    """Sends the events of the demo's organisation.

    Args:
        world: Whose events.
        now: The simulator's clock: when a retry is due.
        outside: The clock that receivers go by: the time in a signature. Otherwise every delivery would be too old or
            too new for them as soon as the simulator's time was moved.
        seed: Of the shuffling.

    Attributes:
        send: How a delivery is posted; a test may put a receiver of its own here.
        attempts: Every delivery that was tried, oldest first.
    """

    def __init__(self, world: World, now: Clock, outside: Clock, seed: int) -> None:
        self.send: Send = post
        self.attempts: list[DeliveryAttempt] = []
        self._now = now
        self._outside = outside
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self._endpoints: dict[str, Endpoint] = {}
        self._ids = count(1)
        self._serials = count()
        self._waiting: list[_Delivery] = []
        self._sending = False
        world.listen(self._notice)

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Every receiver by its ID."""
        return MappingProxyType(self._endpoints)

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be tried, retries included."""
        return len(self._waiting)

    def add(self, endpoint: Endpoint) -> str:
        """Have the events from now on delivered to a receiver.

        Returns:
            The endpoint's ID.
        """
        endpoint_id = f"endpoint_{next(self._ids)}"
        self._endpoints[endpoint_id] = endpoint
        return endpoint_id

    def remove(self, endpoint_id: str) -> None:
        """Have nothing more delivered to a receiver, retries included.

        Raises:
            KeyError: There is no such endpoint.
        """
        del self._endpoints[endpoint_id]

    async def deliver(self) -> Sequence[DeliveryAttempt]:
        """Try every delivery that is due, and the retries that have fallen due meanwhile.

        What is not tried to its end, because this is cancelled or `send` raises, stays due.

        Returns:
            The attempts; none when another call is at it already.
        """
        if self._sending:
            return []
        self._sending = True
        known = len(self.attempts)
        due: deque[_Delivery] = deque()
        try:
            while due := self._take_due():
                while due:
                    await self._attempt(due[0])
                    due.popleft()
        finally:
            for delivery in due:
                heappush(self._waiting, delivery)
            self._sending = False
        return self.attempts[known:]

    def _notice(self, event: EventRecord) -> None:
        if event.organisation != DEMO.organisation:
            return
        for endpoint_id, endpoint in self._endpoints.items():
            if endpoint.topics is None or event.topic in endpoint.topics:
                for _ in range(2 if endpoint.duplicates else 1):
                    self._push(event.at, endpoint_id, event, 1)

    def _push(self, due: datetime, endpoint_id: str, event: EventRecord, number: int) -> None:
        heappush(self._waiting, _Delivery(due, next(self._serials), endpoint_id, event, number))

    def _take_due(self) -> deque[_Delivery]:
        now = self._now()
        due: dict[str, list[_Delivery]] = {}
        while self._waiting and self._waiting[0].due <= now:
            delivery = heappop(self._waiting)
            due.setdefault(delivery.endpoint_id, []).append(delivery)
        for endpoint_id, deliveries in due.items():
            if endpoint_id in self._endpoints and self._endpoints[endpoint_id].out_of_order:
                self._rng.shuffle(deliveries)
        return deque(delivery for deliveries in due.values() for delivery in deliveries)

    async def _attempt(self, delivery: _Delivery) -> None:
        endpoint = self._endpoints.get(delivery.endpoint_id)
        if endpoint is None:
            return
        body = json.dumps(render_event(delivery.event), separators=(",", ":")).encode()
        told = signature(endpoint.secret, int(self._outside().timestamp()), body)
        status = await self.send(endpoint.url, body, {"Content-Type": "application/json", HEADER: told})
        attempt = DeliveryAttempt(delivery.endpoint_id, delivery.event.id, delivery.number, delivery.due, status)
        self.attempts.append(attempt)
        if not attempt.delivered and delivery.number <= len(RETRY_AFTER):
            due = delivery.due + RETRY_AFTER[delivery.number - 1]
            self._push(due, delivery.endpoint_id, delivery.event, delivery.number + 1)
