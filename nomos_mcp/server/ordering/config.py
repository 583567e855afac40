"""How one server orders: its settings, confirmation codes and audit log, and what is under way."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio

from nomos_mcp.server.ordering.audit_log import AuditLog
from nomos_mcp.server.ordering.codes import Codes
from nomos_mcp.variables import ConfirmMode


@dataclass(slots=True)
class Ordering:
    """How one server orders.

    Attributes:
        confirm: How an order is confirmed (`NOMOS_MCP_CONFIRM`).
        read_only: Nothing may be ordered (`NOMOS_MCP_READ_ONLY`).
        codes: Makes and checks confirmation codes.
        audit_log: Where attempts are recorded.
        locks: One for each subscription that is being ordered for.
        sent: How many orders have left for each subscription. A question names it, so that an answer to the one before
            the last order counts no more.
        stopping: The process is ending or its only client is gone: no order leaves any more.
    """

    confirm: ConfirmMode = "auto"
    read_only: bool = False
    codes: Codes = field(default_factory=Codes)
    audit_log: AuditLog = field(default_factory=AuditLog)
    locks: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary, repr=False)
    stopping: bool = field(default=False, init=False)
    sent: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _begun: int = field(default=0, init=False)
    _idle: anyio.Event = field(default_factory=anyio.Event, init=False, repr=False)

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
