"""The record that all processes share: the table `order_attempts` in PostgreSQL, and one JSON line on stderr.

A transaction whose end is not known, because the connection broke during it, is read back before anything is sent.
"""

from dataclasses import replace
from typing import Final

import anyio

from nomos_mcp.database.database import Database
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.replicas.order_attempts import OrderAttempt, OrderAttempts
from nomos_mcp.server.ordering.record import CodeUsedError, Earlier, EarlierAttemptError, Entry, RecordError
from nomos_mcp.stderr import write_line

OPENS_WITHIN: Final = 10.0
"""Seconds for opening an attempt, and again for reading back whether it is open."""

_PAUSES: Final = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Seconds between tries to write an outcome, before the answer goes out."""
_WRITTEN_WITHIN: Final = 20.0
"""Seconds for all of them."""

_KEPT: Final = 1000
_TOO_SLOW: Final = "The database did not answer in time."


class SharedRecord:
    """The attempts of one organisation at one host.

    Args:
        database: A PostgreSQL database.
        host: Where orders are sent.
    """

    def __init__(self, database: Database, host: str) -> None:
        self.attempts = OrderAttempts(database, host)
        self._unwritten: list[RowOfAttempt] = []

    @property
    def is_shared(self) -> bool:
        return True

    async def begin(self, entry: Entry) -> "RowOfAttempt":
        """Insert the row of an attempt, after what could not be written before.

        Raises:
            RecordError: The database does not take it, which stderr says.
        """
        try:
            number = await self.attempts.begin(entry.subscription, entry.caller, entry.decision, entry.confirmed)
        except DatabaseError as error:
            write_line(replace(entry, outcome="refused", reason="no_record").line())
            write_line(f"nomos-mcp: the line above could not be written to the database. {error}")
            raise RecordError(str(error)) from None
        await self._write_kept()
        return RowOfAttempt(number, entry, self)

    async def earlier(self, subscription_id: str) -> Earlier:
        """Return what was sent for a subscription before, once the outcomes that are known here are written."""
        try:
            found = Earlier(*await self.attempts.earlier(subscription_id))
            if found.open_since is None or not self._unwritten:
                return found
            await self._write_kept()
            return Earlier(*await self.attempts.earlier(subscription_id))
        except DatabaseError as error:
            raise RecordError(str(error)) from None

    async def _write_kept(self) -> None:
        """Write the outcomes that the database did not take, until it fails again."""
        unwritten, self._unwritten = self._unwritten, []
        with anyio.CancelScope(shield=True):  # none gets lost
            while unwritten and await unwritten.pop(0).write(pauses=()):
                continue
        self._unwritten += unwritten

    def keep(self, attempt: "RowOfAttempt") -> None:
        """Keep an attempt whose outcome the database did not take, to write it when it answers again."""
        self._unwritten = [*self._unwritten, attempt][-_KEPT:]


class RowOfAttempt:
    """The row of one attempt, begun and not yet completed."""

    def __init__(self, number: int, entry: Entry, record: SharedRecord) -> None:
        self.number = number
        self.entry = entry
        self._record = record
        self._attempts = record.attempts

    async def sending(self, code: str, earlier: Earlier) -> None:
        """Open the attempt for all to see, and say so on stderr. If this raises, nothing may be sent.

        Raises:
            CodeUsedError: The code was used before, wherever that was.
            EarlierAttemptError: Another attempt is open, or was sent since the last look.
            RecordError: It is not certain that the attempt is open.
        """
        try:
            with anyio.fail_after(OPENS_WITHIN):
                opened = await self._attempts.open(self.number, self.entry.subscription, code, earlier.sent)
        except (DatabaseError, TimeoutError) as error:
            await self._require_open(error)
            opened = "open"
        if opened == "code used":
            raise CodeUsedError
        if opened == "earlier attempt":
            raise EarlierAttemptError
        write_line(self.entry.line())

    async def _require_open(self, failure: Exception) -> None:
        """Read back, on a new connection, whether the attempt was opened."""
        for pause in (0.0, 1.0):
            await anyio.sleep(pause)
            try:
                with anyio.fail_after(OPENS_WITHIN):
                    if await self._attempts.is_open_for_certain(self.number):
                        return
            except (DatabaseError, TimeoutError) as error:
                failure = error
            else:
                break
        raise RecordError(str(failure) or _TOO_SLOW)

    async def complete(self, **outcome: str) -> None:
        """Write the outcome, fields of `Entry`, into the row, and repeat it on stderr.

        What was ordered is ordered: if the database fails only now, stderr says so, and the answer still goes out. The
        row stays open meanwhile, so that nothing else is sent.
        """
        self.entry = replace(self.entry, **outcome)
        write_line(self.entry.line())
        await self.write(_PAUSES)

    async def write(self, pauses: tuple[float, ...]) -> bool:
        """Write the outcome, trying again after each pause; if all fails, it is kept for later, and this is False."""
        entry, failure = self.entry, _TOO_SLOW
        values = {
            "decision": entry.decision,
            "reason": entry.reason,
            "made_by": entry.made_by,
            "order_id": entry.order,
            "request_id": entry.request_id,
        }
        with anyio.move_on_after(_WRITTEN_WITHIN):
            for pause in (0.0, *pauses):
                await anyio.sleep(pause)
                try:
                    closed = await self._attempts.complete(self.number, entry.subscription, entry.outcome, **values)
                except DatabaseError as error:
                    failure = str(error)
                else:
                    for attempt in closed:
                        write_line(line_of(attempt, entry.organisation))
                    return True
        self._record.keep(self)
        write_line(
            f"nomos-mcp: the database did not take the outcome of attempt {self.number} for {entry.subscription}: "
            f"{entry.outcome}. {failure} It is written once the database answers, if this process is still there."
        )
        return False


def line_of(attempt: OrderAttempt, organisation: str) -> str:
    """Return the line of an attempt that another one, or a person, has closed."""
    return Entry(
        time=attempt.began_at.isoformat(timespec="seconds"),
        caller=attempt.caller,
        subscription=attempt.subscription_id,
        decision=attempt.decision,
        confirmed=attempt.confirmed,
        outcome=attempt.outcome,
        reason=attempt.reason,
        made_by=attempt.made_by,
        order=attempt.order_id,
        request_id=attempt.request_id,
        organisation=organisation,
    ).line()
