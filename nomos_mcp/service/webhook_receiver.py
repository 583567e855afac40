"""`POST /webhooks/nomos`: takes the vendor's webhooks. The signature is their authentication; no token is looked at.

Everything without a valid signature gets the same empty 401, whatever the cause: a body that is too large or does not
arrive in time too, as no signature over it can be checked. A signed delivery gets 200 once its event is on disk, 503 if
it cannot be kept now, so that the vendor repeats it. A signed body that is no event gets 200 as well: no repetition
would make one of it.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import anyio
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.database.database import DatabaseError
from nomos_mcp.history.events import WebhookEvent
from nomos_mcp.history.store import History
from nomos_mcp.service.access_log import log_webhook
from nomos_mcp.service.authorization import CLOSE
from nomos_mcp.service.concurrency_limit import AnonymousRateLimit
from nomos_mcp.service.http_limits import (
    MAX_WEBHOOK_BYTES,
    MAX_WEBHOOK_WRITERS,
    MAX_WEBHOOKS,
    WEBHOOK_BODY_DEADLINE,
    WEBHOOK_DEADLINE,
    WEBHOOK_REFUSALS_LOGGED,
    WEBHOOK_REFUSALS_PER_SECOND,
    WEBHOOK_SKEW,
    WEBHOOKS_PER_SECOND,
)

WEBHOOK_PATH: Final = "/webhooks/nomos"
SIGNATURE_HEADER: Final = "x-nomos-signature"
_TIME: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_FINE: Final = frozenset({"kept", "known", "not an event"})
_LATER: Final = Response(status_code=503, headers={"retry-after": "10"})
_MAX_SIGNATURES: Final = 8  # in one header; the vendor may send several while a secret is rotated


class RefusedError(Exception):
    """The delivery has no valid signature. The text is for the operator's log only."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What the header claims: when it was signed, and the signatures, of which one has to be right."""

    time: str
    candidates: Sequence[bytes]

    @classmethod
    def parse(cls, headers: Headers) -> "Signature":
        """Read `t=<unix seconds>,v1=<hex>`; parts of other names are ignored.

        Raises:
            RefusedError: There is no such header, or more than one, or it cannot be read.
        """
        values = headers.getlist(SIGNATURE_HEADER)
        if len(values) != 1:
            raise RefusedError("two signature headers" if values else "no signature header")
        parts = [part.strip().partition("=") for part in values[0].split(",")]
        times = [value for name, _, value in parts if name == "t"]
        found = [value.lower() for name, _, value in parts if name == "v1"]
        candidates = [value.encode() for value in found if _SIGNATURE.fullmatch(value)]
        if len(times) != 1 or not _TIME.fullmatch(times[0]) or not 1 <= len(candidates) <= _MAX_SIGNATURES:
            raise RefusedError("a signature header that cannot be read")
        return cls(times[0], candidates)

    def require_fresh(self, now: datetime) -> None:
        """Refuse what was signed too long ago, and what is signed in the future.

        Raises:
            RefusedError: Says by how many seconds it is off, as our own clock may be wrong.
        """
        late = now.timestamp() - int(self.time)
        if abs(late) > WEBHOOK_SKEW:
            raise RefusedError(f"signed {abs(late):.0f} seconds {'ago' if late > 0 else 'ahead'}")

    def endpoint(self, body: bytes, endpoints: "Sequence[WebhookEndpoint]") -> "WebhookEndpoint":
        """Return whose secret signed a body. All are compared, so that the time taken does not tell which one it was.

        Raises:
            RefusedError: No signature is right.
        """
        signed = self.time.encode() + b"." + body
        found = None
        for endpoint in endpoints:
            for secret in endpoint.secrets:
                right = hmac.digest(secret.get_secret_value().encode(), signed, "sha256").hex().encode()
                for candidate in self.candidates:
                    found = endpoint if hmac.compare_digest(right, candidate) else found
        if found is None:
            raise RefusedError("a wrong signature")
        return found


class WebhookEndpoint:
    """Keeps the events of one organisation.

    Args:
        history: The whole organisation's.
        secrets: The secrets of the endpoints at the vendor.
        added: Called when a new event is on disk.
        organisation: For the log; empty where there is only one.
    """

    def __init__(
        self, history: History, secrets: Sequence[SecretStr], added: Callable[[], object], organisation: str = ""
    ) -> None:
        self.secrets = secrets
        self._organisation = organisation
        self._history = history
        self._added = added
        self._writers = anyio.Semaphore(MAX_WEBHOOK_WRITERS)
        self._waiting = 0

    def now(self) -> datetime:
        return self._history.now()

    async def keep(self, event: WebhookEvent | None) -> Response:
        begun = time.monotonic()
        outcome = "not an event"
        if event is not None:
            outcome = "the database takes too long"
            with anyio.move_on_after(WEBHOOK_DEADLINE):
                outcome = await self._kept(event)
        answer = Response(status_code=200) if outcome in _FINE else _LATER
        log_webhook(
            organisation=self._organisation,
            event_id=event.event_id if event else "",
            topic=event.topic if event else "",
            outcome=outcome,
            status=answer.status_code,
            ms=round((time.monotonic() - begun) * 1000),
        )
        return answer

    async def _kept(self, event: WebhookEvent) -> str:
        if self._waiting >= MAX_WEBHOOKS:
            return "too many deliveries at once"
        self._waiting += 1
        try:
            await self._writers.acquire()
        finally:
            self._waiting -= 1
        loop = asyncio.get_running_loop()
        ends = loop.time() + MAX_WEBHOOK_WRITERS / WEBHOOKS_PER_SECOND
        try:
            is_new = await self._history.events.add(event)
        except DatabaseError as error:
            return str(error)
        finally:  # a turn takes a minimum time, which limits the events of a second
            loop.call_at(max(ends, loop.time()), self._writers.release)
        self._added()
        return "kept" if is_new else "known"


class WebhookReceiver:
    """The ASGI application of the path, for all who have an endpoint."""

    def __init__(self, endpoints: Sequence[WebhookEndpoint]) -> None:
        self._endpoints = endpoints
        self._refusal = AnonymousRateLimit(Response(status_code=401, headers=CLOSE), WEBHOOK_REFUSALS_PER_SECOND)
        self._refusals = _RefusalLog()
        self._bodies = _Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            answer = await self._answer(Headers(scope=scope), receive)
        else:
            answer = Response(status_code=405, headers={"allow": "POST"})
        await answer(scope, receive, send)

    async def _answer(self, headers: Headers, receive: Receive) -> ASGIApp:
        try:
            signature = Signature.parse(headers)
            signature.require_fresh(self._endpoints[0].now())
            body = await self._bodies.read(headers, receive)
            endpoint = signature.endpoint(body, self._endpoints)
        except RefusedError as error:
            self._refusals.log(str(error))
            return self._refusal
        return await endpoint.keep(WebhookEvent.parse(body))


class _RefusalLog:
    """Writes about refused deliveries once in a while, with how many were left out: anybody can cause them."""

    def __init__(self) -> None:
        self._quiet_until = float("-inf")
        self._left_out = 0

    def log(self, why: str) -> None:
        now = time.monotonic()
        if now < self._quiet_until:
            self._left_out += 1
            log_webhook(quietly=True, outcome="refused")
            return
        log_webhook(outcome=f"refused: {why}", status=401, left_out=self._left_out or "")
        self._quiet_until, self._left_out = now + WEBHOOK_REFUSALS_LOGGED, 0


class _Bodies:
    """Reads raw bodies, as the signature is over their bytes. Of too many that are not complete, the oldest ends.

    The vendor's are complete at once. Those that take long cannot keep the vendor's out.
    """

    def __init__(self) -> None:
        self._incomplete: dict[anyio.CancelScope, None] = {}

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Read one body.

        Raises:
            RefusedError: It is too large, of which no more is read, or not complete in time.
        """
        length = headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > MAX_WEBHOOK_BYTES:
            raise RefusedError("a body that is too large")
        with anyio.move_on_after(WEBHOOK_BODY_DEADLINE) as reading:
            self._incomplete[reading] = None
            if len(self._incomplete) > MAX_WEBHOOKS:
                next(iter(self._incomplete)).cancel()
            try:
                return await _read(receive)
            finally:
                self._incomplete.pop(reading, None)
        raise RefusedError("a body that takes too long")


async def _read(receive: Receive) -> bytes:
    body, is_complete = b"", False
    while not is_complete:
        message = await receive()
        if message["type"] != "http.request":
            raise RefusedError("a body that ends too early")
        body += message.get("body", b"")
        if len(body) > MAX_WEBHOOK_BYTES:
            raise RefusedError("a body that is too large")
        is_complete = not message.get("more_body", False)
    return body
