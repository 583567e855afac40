"""Signed deliveries of events to receivers on this machine. Loaded on demand, because it loads the HTTP library."""

import json
import secrets
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from heapq import heappop, heappush
from hmac import digest
from ipaddress import ip_address
from itertools import count
from random import Random
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nomos_mcp.simulator.api_calls import Json, format_time
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.views import render_event
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import Clock, EventRecord, Topic, derived_id

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[int | None]]

_TIMEOUT_SECONDS: Final = 30.0  # vendor document: a receiver has 30 seconds to answer
_DOUBLING: Final = (1, 2, 4, 8, 16, 32)
# As the vendor publishes them: 12 attempts and 12 waits. Inferred: these are the repetitions of a first delivery, which
# is made at once and not a minute late, and each wait counts from the attempt before.
_RETRY_AFTER: Final = (
    *(timedelta(minutes=minutes) for minutes in _DOUBLING),
    *(timedelta(hours=hours) for hours in _DOUBLING),
)


_Share = Annotated[float, Field(ge=0, le=1)]


def _on_loopback(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    with suppress(ValueError):  # a name; it is not looked up
        if parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback):
            return url
    raise ValueError(
        "the simulator sends to http:// on loopback only (127.0.0.1, [::1], localhost): invented events must not "
        "reach a system that takes them for real"
    )


class WebhookEndpoint(BaseModel):
    """A receiver of events.

    Attributes:
        topics: None for all.
        out_of_order: Deliveries that are due at the same time are shuffled, by the simulator's seed.
        duplicates: Every event is delivered twice.
        late_minutes: How long after the event its first delivery is due.
        lost: The share of deliveries, 0 to 1, that are never sent, by the seed; true for all.
        wrong_signatures: The share of attempts that are signed with another secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(max_length=2000), AfterValidator(_on_loopback)]
    secret: Annotated[str, Field(min_length=1, max_length=200)] = Field(default_factory=secrets.token_hex)
    topics: frozenset[Topic] | None = None
    out_of_order: bool = False
    duplicates: bool = False
    late_minutes: Annotated[float, Field(ge=0, le=1_000_000)] = 0
    lost: _Share = 0
    wrong_signatures: _Share = 0


class DeliveryAttempt(NamedTuple):
    endpoint_id: str
    event_id: str
    number: int  # 1 for the first
    due: datetime  # on the simulator's clock
    status: int | None  # None without an answer; 2xx ends the retries

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  2xx


class _Delivery(NamedTuple):
    due: datetime
    serial: int
    endpoint_id: str
    event_id: str
    body: bytes
    number: int


class Webhooks:
    """Sends the events of the demo's organisation; a test may put its own receiver into `send`.

    Retries fall due on the simulator's clock, `now`. The receivers' clock, `outside`, dates the signatures: otherwise a
    receiver would find every delivery too old or too new once the simulator's time was moved.
    """

    def __init__(self, world: World, now: Clock, outside: Clock, seed: int) -> None:
        self.send: Post = _post
        self.endpoints: dict[str, WebhookEndpoint] = {}
        self.attempts: list[DeliveryAttempt] = []
        self._now = now
        self._outside = outside
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self._ids = count(1)
        self._serials = count()
        self._waiting: list[_Delivery] = []
        self._sending = False
        world.listeners.append(self._enqueue)

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be tried, retries included."""
        return len(self._waiting)

    def add(self, endpoint: WebhookEndpoint) -> str:
        endpoint_id = f"endpoint_{next(self._ids)}"
        self.endpoints[endpoint_id] = endpoint
        return endpoint_id

    def change(self, endpoint_id: str, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Deliver in another way from now on, retries included. KeyError if there is no such endpoint.

        Returns:
            The endpoint as it is now: with the secret that it had, unless another one was given.
        """
        secret = self.endpoints[endpoint_id].secret
        kept = {} if "secret" in endpoint.model_fields_set else {"secret": secret}
        self.endpoints[endpoint_id] = endpoint.model_copy(update=kept)
        return self.endpoints[endpoint_id]

    def remove(self, endpoint_id: str) -> None:
        """Deliver nothing more to a receiver, retries included."""
        del self.endpoints[endpoint_id]

    async def deliver(self) -> Sequence[DeliveryAttempt]:
        """Try every delivery that is due, and the retries that have fallen due meanwhile; return the attempts.

        If this is cancelled or `send` raises, what was not tried stays due. While another call sends, it does nothing.
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

    def send_test_event(self, endpoint_id: str) -> str:
        """Make a `test.event` due, as the vendor's dashboard does, and return its ID. KeyError for no such endpoint.

        Its context is empty, and the API does not know it (inferred).
        """
        endpoint = self.endpoints[endpoint_id]
        event_id = derived_id("evt", "test.event", endpoint_id, str(next(self._serials)))
        event: Json = {"id": event_id, "topic": "test.event", "timestamp": format_time(self._now()), "context": {}}
        self._push(self._now(), endpoint_id, event, endpoint)
        return event_id

    def _enqueue(self, event: EventRecord) -> None:
        if event.organisation != DEMO.organisation:
            return
        for endpoint_id, endpoint in self.endpoints.items():
            if endpoint.topics is None or event.topic in endpoint.topics:
                self._push(event.at, endpoint_id, render_event(event), endpoint)

    def _push(self, at: datetime, endpoint_id: str, event: Json, endpoint: WebhookEndpoint) -> None:
        body = json.dumps(event, separators=(",", ":")).encode()
        due = at + timedelta(minutes=endpoint.late_minutes)
        for _ in range(2 if endpoint.duplicates else 1):
            if not self._strikes(endpoint.lost):
                serial = next(self._serials)
                heappush(self._waiting, _Delivery(due, serial, endpoint_id, str(event["id"]), body, 1))

    def _strikes(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share

    def _take_due(self) -> deque[_Delivery]:
        now = self._now()
        due: dict[str, list[_Delivery]] = {}
        while self._waiting and self._waiting[0].due <= now:
            delivery = heappop(self._waiting)
            due.setdefault(delivery.endpoint_id, []).append(delivery)
        for endpoint_id, deliveries in due.items():
            if endpoint_id in self.endpoints and self.endpoints[endpoint_id].out_of_order:
                self._rng.shuffle(deliveries)
        return deque(delivery for deliveries in due.values() for delivery in deliveries)

    async def _attempt(self, delivery: _Delivery) -> None:
        endpoint = self.endpoints.get(delivery.endpoint_id)
        if endpoint is None:
            return
        secret = f"not {endpoint.secret}" if self._strikes(endpoint.wrong_signatures) else endpoint.secret
        signature = _signature(secret, int(self._outside().timestamp()), delivery.body)
        headers = {"Content-Type": "application/json", "X-Nomos-Signature": signature}
        status = await self.send(endpoint.url, delivery.body, headers)
        attempt = DeliveryAttempt(delivery.endpoint_id, delivery.event_id, delivery.number, delivery.due, status)
        self.attempts.append(attempt)
        if not attempt.delivered and delivery.number <= len(_RETRY_AFTER):
            due = delivery.due + _RETRY_AFTER[delivery.number - 1]
            heappush(self._waiting, delivery._replace(due=due, serial=next(self._serials), number=delivery.number + 1))


def _signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body: `t=<Unix seconds>,v1=<hex>`, HMAC-SHA256 over `<t>.<body>`. Source: the vendor's webhook guide."""
    signed = digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256")
    return f"t={timestamp},v1={signed.hex()}"


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    """Return the answer's status; None if there was no answer in time, or no connection."""
    # A bare TLS context: receivers are plain HTTP, and loading the machine's certificates takes time.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=tls) as client:
            return (await client.post(url, content=body, headers=dict(headers))).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
