"""`WebhookWorker`: reads the orders that webhooks told of, and records what was read.

What an event says is never recorded, only what the API says afterwards. So events may come late, twice and in any
order, and a forged one could at most cause a read.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import anyio
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.client import NomosClient, NomosError, NotFoundError
from nomos_mcp.database.database import DatabaseError
from nomos_mcp.database.tables import observations
from nomos_mcp.history.changes import CLOCK_SKEW, STATE, Change, OrderLook
from nomos_mcp.history.events import LONGEST_WAIT, ORDER_TOPICS, ClaimedEvent, settle
from nomos_mcp.history.lagging_reads import LAG
from nomos_mcp.history.recording import record
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import CURIE, VERSIONS, ApiVersion
from nomos_mcp.lifecycle.statuses import PATHS

READS_PER_SECOND: Final = 2.0
"""Of the 10 requests a second that Nomos allows, so that callers keep the rest."""

_LAGGING: Final = (timedelta(seconds=30), timedelta(minutes=2), LAG)
"""How long to wait before an order is read again that does not show the event yet. The last wait is as long as a look
at an earlier state is not believed: the read after it settles what became of the order."""
_BACKOFF: Final = timedelta(seconds=30)  # after a failed read, doubled each time
_GIVE_UP: Final = timedelta(days=3)  # as long as the vendor repeats a delivery; polling finds what is left
_LOOK_EVERY: Final = 5.0  # seconds between looks for what other processes received, or what was put off
_READ_TIMEOUT: Final = 45.0  # seconds, under `events.LEASE`

_logger = logging.getLogger(__name__)


class WebhookWorker:
    """Works for as long as `run` does. Several may work on one database: each event is one worker's.

    Args:
        history: The whole organisation's.
        client: The whole organisation's; its owner closes it.
        per_second: Reads that this worker makes in a second at most.
    """

    def __init__(self, history: History, client: NomosClient, per_second: float = READS_PER_SECOND) -> None:
        self._history = history
        # With a timeout of its own: a read that joined a caller's would have begun before this one's time.
        self._orders = client.with_options(timeout=_READ_TIMEOUT).meter_orders
        self._vocabulary: ApiVersion | None = next((each for each in VERSIONS if each == client.api_version), None)
        self._pause = 1 / per_second
        self._awake = anyio.Event()

    def wake(self) -> None:
        """Tell that an event was added."""
        self._awake.set()

    async def run(self) -> None:
        """Read what is due, until cancelled. Failures of the database or upstream only delay it."""
        failing = False
        while True:
            self._awake = anyio.Event()
            try:
                while await self.read_next():
                    failing = False
                    await anyio.sleep(self._pause)
                failing = False
            except DatabaseError as error:
                if not failing:
                    _logger.warning("Orders that webhooks told of are read later. %s", error)
                failing = True
            except Exception:  # the service goes on without it
                _logger.exception("An order that a webhook told of could not be read; it is tried again.")
            with anyio.move_on_after(_LOOK_EVERY):
                await self._awake.wait()
                await anyio.sleep(self._pause)

    async def read_next(self) -> bool:
        """Read one order that is due, and record it; False if none is."""
        with _uninterrupted():
            claimed = await self._history.events.claim() if await self._history.events.due() else []
        if not claimed:
            return False
        now = self._history.now()
        given_up = [event for event in claimed if event.attempts > 1 and now - event.received_at > _GIVE_UP]
        claimed = [event for event in claimed if event not in given_up]
        look = await self._look(claimed[-1]) if claimed else None
        with _uninterrupted():
            await self._record(claimed, given_up, look)
        return True

    async def _record(
        self, claimed: Sequence[ClaimedEvent], given_up: Sequence[ClaimedEvent], look: OrderLook | timedelta | None
    ) -> None:
        async with self._history.database.writing() as connection:
            now = self._history.now()
            if isinstance(look, OrderLook):
                told = await record(connection, [look], now)
                recorded = await _recorded(connection, look.order_id)
                for event in claimed:
                    wait = _wait(event, look, told, recorded)
                    await settle(connection, event, now + wait if wait else None)
            else:
                for event in claimed:
                    await settle(connection, event, now + look if look else None)
            for event in given_up:
                await settle(connection, event, None)

    async def _look(self, newest: ClaimedEvent) -> OrderLook | timedelta | None:
        """Read the order; None if that cannot succeed, or how long to wait if it may later."""
        if self._vocabulary is None:  # an API version without meter orders
            return None
        seen_at = self._history.now()
        try:
            order = await self._orders.get(newest.order_id)
        except NotFoundError:
            return None
        except NomosError as error:
            _logger.warning("%s, of which a webhook told, could not be read: %s", newest.order_id, error)
            return min(_BACKOFF * (1 << min(newest.attempts - 1, 10)), LONGEST_WAIT)
        return OrderLook.of(order, self._vocabulary, seen_at=seen_at, seen_by="webhook", event_id=newest.event_id)


def _uninterrupted() -> anyio.CancelScope:
    """Let a transaction end by itself, within its own timeouts, before the worker ends.

    If a statement of SQLite is cancelled while the connection opens, the driver leaves a task behind for which the end
    of the process waits for ever.
    """
    return anyio.CancelScope(shield=True)


async def _recorded(connection: AsyncConnection, order_id: str) -> Row[Any]:
    latest = select(observations).where(observations.c.order_id == order_id, observations.c.is_latest)
    return (await connection.execute(latest)).one()


def _wait(event: ClaimedEvent, look: OrderLook, told: Sequence[Change], recorded: Row[Any]) -> timedelta | None:
    """Return how long to wait before the order is read again, or None: reads may lag behind the events.

    A read is late if neither it nor anything that was seen since the event shows the event. It is also repeated if it
    was not believed, because it shows an earlier state again.
    """
    if look.seen_at - event.received_at > LAG:
        return None
    is_same = all(getattr(recorded, name) == getattr(look, name) for name in ("api_version", *STATE))
    is_believed = is_same or recorded.seen_at >= look.seen_at
    if is_believed and (_shows(look, event.topic, told) or recorded.seen_at - CLOCK_SKEW >= event.time):
        return None
    return _LAGGING[min(event.attempts, len(_LAGGING)) - 1]


def _shows(look: OrderLook, topic: str, told: Sequence[Change]) -> bool:
    """Whether a look shows what an event told, or more. The topics have curie's words; else any change will do."""
    word, path = topic.removeprefix(ORDER_TOPICS), PATHS[CURIE]
    if look.api_version != CURIE:
        return bool(told)
    if word == "blocked":
        return look.is_blocked
    if word in path and look.status in path:
        return path.index(look.status) >= path.index(word)
    return bool(told) or look.status == word
