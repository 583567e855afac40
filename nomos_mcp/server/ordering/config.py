"""How one server orders: its settings, confirmation codes and record, and what is under way.

A code is proof that this very order was previewed, by one caller, at one host, a short while ago. It is signed and
carries nothing secret. A model cannot make one up, and one for another subscription is refused. It does not prove that
a person confirmed: whoever can call the tool can read the preview and pass the code on.

Servers of one process whose key is the same count as one, such as those that an application makes for each request:
they share the codes that are used up, and the locks of subscriptions.
"""

import base64
import hmac
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from weakref import WeakValueDictionary

import anyio
from anyio.lowlevel import RunVar

from nomos_mcp.server.ordering.audit_log import AuditLog
from nomos_mcp.server.ordering.record import OrderRecord
from nomos_mcp.variables import ConfirmMode

LIFETIME: Final = 600
"""Seconds for which a code is valid."""

_SIGNATURE_BYTES: Final = 16
_MAX_LENGTH: Final = 128  # a code has about 50 characters

_used: dict[str, int] = {}
"""Signature of each used code of this process to the second in which it expires. No two keys sign alike."""
_using: Final = threading.Lock()  # servers may run in several threads

_locks: RunVar[WeakValueDictionary[tuple[bytes | int, str, str], anyio.Lock]] = RunVar("locks of subscriptions")
"""One for each owner, host and subscription that is being ordered for; a lock is of one event loop."""

Flaw = Literal["", "not a code", "not for this call", "expired", "used", "changed"]


class Codes:
    """Makes and checks codes.

    Several processes may share a `key`; by default it is this object's own, so that its codes end with it. In one
    process each code counts once, however many objects share the key.

    Attributes:
        owner: What tells objects with one key from all others; derived from the key, and as secret.
    """

    def __init__(self, key: bytes = b"", clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key or secrets.token_bytes(32), b"nomos-mcp confirmation code", "sha256")
        self._clock = clock
        self.owner = hmac.digest(self._key, b"owner", "sha256")

    def code(self, preview: str, *bound_to: str) -> str:
        """Make a code for a preview that is valid for `LIFETIME` seconds and for exactly these words."""
        expires = int(self._clock()) + LIFETIME
        shown = self._digest("preview", preview)[:8]
        return f"{expires:x}-{shown}-{self._digest(str(expires), shown, *bound_to)}"

    def flaw(self, code: str, preview: str, *bound_to: str) -> Flaw:
        """Tell what is wrong with a code; "changed" if it was made for another preview, empty if nothing is wrong."""
        if len(code) > _MAX_LENGTH or not code.isascii():
            return "not a code"
        expiry, _, rest = code.partition("-")
        shown, _, signature = rest.partition("-")
        try:
            expires = int(expiry, 16)
        except ValueError:
            return "not a code"
        if not hmac.compare_digest(signature, self._digest(str(expires), shown, *bound_to)):
            return "not for this call"
        if expires <= self._clock():
            return "expired"
        if signature in _used:
            return "used"
        return "" if shown == self._digest("preview", preview)[:8] else "changed"

    def use(self, code: str) -> bool:
        """Use a valid code up; False if it was used before."""
        now, signature = self._clock(), self.signature(code)
        with _using:
            for expired in [each for each, expires in _used.items() if expires <= now]:
                del _used[expired]
            if signature in _used:
                return False
            _used[signature] = int(code.partition("-")[0], 16)
        return True

    @staticmethod
    def signature(code: str) -> str:
        """Return what tells a valid code from all others, however its date is spelled; empty without a code."""
        return code.rpartition("-")[2]

    def _digest(self, *words: str) -> str:
        digest = hmac.digest(self._key, "\0".join(words).encode(), "sha256")[:_SIGNATURE_BYTES]
        return base64.b32encode(digest).decode().rstrip("=").lower()


@dataclass(slots=True)
class Ordering:
    """How one server orders.

    Attributes:
        outcomes: How many attempts came to each outcome.
        stopping: The process is ending or its only client is gone: no order leaves any more.
    """

    confirm: ConfirmMode = "auto"
    read_only: bool = False
    codes: Codes = field(default_factory=Codes)
    record: OrderRecord = field(default_factory=AuditLog)
    outcomes: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    stopping: bool = field(default=False, init=False)
    _begun: int = field(default=0, init=False)
    _idle: anyio.Event = field(default_factory=anyio.Event, init=False, repr=False)

    def lock(self, host: str, subscription_id: str) -> anyio.Lock:
        """Return the lock of a subscription: one for all servers with a key in this event loop.

        With a shared record each server has its own: there the database lets no two orders leave at a time.
        """
        owner = id(self) if self.record.is_shared else self.codes.owner
        locks = _locks.get(None)
        if locks is None:
            _locks.set(locks := WeakValueDictionary())
        return locks.setdefault((owner, host, subscription_id), anyio.Lock())

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Count an order from before its request leaves until its outcome is on record."""
        self._begun += 1
        try:
            yield
        finally:
            self._begun -= 1
            if not self._begun:
                self._idle.set()
                self._idle = anyio.Event()

    async def finished(self) -> None:
        """Wait for the outcome of what has begun. Orders that wait to be sent end soon once `stopping` is set."""
        while self._begun:
            await self._idle.wait()
