"""`CallerBudgets`: one budget of calls for each caller, whichever process on any machine answers them.

A token bucket in a row of PostgreSQL, by its clock. A process takes calls in advance, a quarter of what is left, so
that it asks less often than it is called; near the end it takes them one by one.
"""

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio

from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.database.postgresql import SharedConnection, require_asyncio

BLOCK_PART: Final = 4
"""A process takes one part in so many of what is left of a budget, beyond the call that needs it."""

_PATIENCE: Final = 0.25  # seconds that a call waits for the database
_AWAY: Final = 5.0  # seconds for which a database that did not answer in time is not waited for again
_FORGOTTEN_AFTER: Final = 86_400.0  # seconds; by then what was used is no more, unless very much CPU time was
_TIDIED_EVERY: Final = 3600.0  # seconds
_DELETED_AT_ONCE: Final = 1000

# The moment is taken once the row is locked, so that those who follow each other see it grow. A new row is a budget
# that is full, of which Python knows what is granted.
_TAKE: Final = """
INSERT INTO caller_budgets AS known (caller, used, granted, counted_at)
VALUES ($1, $2::float8 + $3::float8, $3::float8, clock_timestamp())
ON CONFLICT (caller) DO UPDATE SET (used, granted, counted_at) = (
    SELECT owed + granted, granted, moment
    FROM (SELECT clock_timestamp() AS moment) AS now,
    LATERAL (SELECT extract(epoch FROM moment - known.counted_at)::float8 * $6::float8 AS regained) AS passed,
    LATERAL (SELECT greatest(0, known.used - greatest(0, regained)) + $2::float8 AS owed) AS charged,
    LATERAL (SELECT $5::float8 - owed - $4::float8 AS spare) AS remaining,
    LATERAL (SELECT CASE WHEN spare < 0 THEN 0 ELSE $4::float8 + floor(spare / $7::float8) END AS granted) AS decided
)
RETURNING used, granted
"""
_DELETE_OLD: Final = """
DELETE FROM caller_budgets WHERE caller IN (
    SELECT caller FROM caller_budgets WHERE counted_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2
)
RETURNING caller
"""


@dataclass(slots=True)
class _Account:
    """What this process knows of a caller's budget.

    Attributes:
        held: Calls that were taken and not spent; below zero if CPU time was used that is not charged yet.
        empty_until: Before this time nothing is left in the database; from then on calls are regained there.
    """

    held: float = 0.0
    empty_until: float = float("-inf")
    taking: asyncio.Task[bool] | None = None


class CallerBudgets:
    """Takes calls from the budgets in the database.

    In any time a caller gets no more than the burst, what is regained in that time, and, of each process, the calls
    that it had taken before: at most `1 + (burst - 1) // BLOCK_PART`.

    Args:
        shared: The connection of this process.
        calls_per_minute: How fast calls are regained.
        burst: How many calls a full budget holds.
        organisation: Its callers have budgets of their own.
        most_callers: How many callers to remember what is held for.
    """

    def __init__(
        self,
        shared: SharedConnection,
        calls_per_minute: float,
        burst: float,
        organisation: str = "",
        most_callers: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._per_second = calls_per_minute / 60
        self._full = burst
        self._organisation = organisation
        self._most = most_callers
        self._clock = clock
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._away_until = float("-inf")
        self._turn = asyncio.Lock()  # those who lease slots on the same connection wait for one of ours, not for all

    async def spend(self, name: str, customer_id: str, calls: float) -> float | None:
        """Spend calls of a caller's budget; waits no longer than a fraction of a second.

        Args:
            name: The caller's.
            customer_id: The customer whom the caller stands for, if any.
            calls: How many; 0 asks whether the budget is not overdrawn.

        Returns:
            0 if that was possible, else the seconds until it is. None if the database does not say it in time.
        """
        account = self._account(name, customer_id)
        patience = time.monotonic() + _PATIENCE
        while True:
            now = self._clock()
            if account.held >= calls and (calls or now >= account.empty_until):
                account.held -= calls
                return 0.0
            if now < self._away_until:
                return None
            wait = account.empty_until + (calls - account.held) / self._per_second - now
            if wait > 0 and account.held >= 0:  # below that others are to be told what is charged
                return wait
            if not await self._taken(name, customer_id, account, calls, patience - time.monotonic()):
                self._away_until = self._clock() + _AWAY
                return None

    def charge(self, name: str, customer_id: str, calls: float) -> None:
        """Charge what was used beyond what was spent: the database is told with the next call, again if that fails."""
        if calls:
            self._account(name, customer_id).held -= calls

    async def _taken(self, name: str, customer_id: str, account: _Account, calls: float, patience: float) -> bool:
        """Whether the database answered in time. One task takes for all calls of a caller; it goes on if we do not."""
        if account.taking is None:
            try:
                require_asyncio()
            except DatabaseError:
                return False
            account.taking = asyncio.create_task(self._take(self._key(name, customer_id), account, calls))
        taking = account.taking
        for seconds in (patience, _PATIENCE / 5):  # if it was this process that was late, the answer waits to be read
            await asyncio.wait([taking], timeout=max(0.0, seconds))
        return taking.done() and not taking.cancelled() and taking.result()

    async def _take(self, key: str, account: _Account, calls: float) -> bool:
        try:
            async with self._turn:
                # Behind many others who got no answer in time, nobody waits for this one any more.
                return self._clock() >= self._away_until and await self._ask(key, account, calls)
        finally:
            account.taking = None

    async def _ask(self, key: str, account: _Account, calls: float) -> bool:
        charged = max(0.0, -account.held)
        need = max(0.0, calls - max(0.0, account.held))
        spare = self._full - charged - need
        if_new = need + spare // BLOCK_PART if spare >= 0 else 0.0
        try:
            rows = await self._shared.fetch(
                _TAKE, key, charged, if_new, need, self._full, self._per_second, float(BLOCK_PART)
            )
        except DatabaseError:
            return False
        account.held += charged + rows[0]["granted"]
        account.empty_until = self._clock() + (rows[0]["used"] - self._full) / self._per_second
        return True

    async def tidy(self) -> None:
        """Delete the rows of those who have not called for a day, every hour, until cancelled."""
        while True:
            await anyio.sleep(_TIDIED_EVERY)
            with contextlib.suppress(DatabaseError):
                await self.delete_old()

    async def delete_old(self) -> None:
        """Delete the rows of those who have not called for a day.

        Raises:
            DatabaseError: The database does not answer.
        """
        while len(await self._shared.fetch(_DELETE_OLD, _FORGOTTEN_AFTER, _DELETED_AT_ONCE)) == _DELETED_AT_ONCE:
            pass

    def _account(self, name: str, customer_id: str) -> _Account:
        """Return what is known of a caller; who called first of too many is forgotten."""
        account = self._accounts.pop((name, customer_id), None) or _Account()
        if len(self._accounts) >= self._most:
            del self._accounts[next(iter(self._accounts))]
        self._accounts[name, customer_id] = account
        return account

    def _key(self, name: str, customer_id: str) -> str:
        return hashlib.sha256(json.dumps([self._organisation, name, customer_id]).encode()).hexdigest()
