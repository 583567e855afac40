"""`WebhookEvents`: the events that webhooks told, each kept once, and those whose order is still to be read."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, Self

from pydantic_core import from_json
from sqlalchemy import ColumnElement, and_, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.client.ids import is_well_formed, kind_of
from nomos_mcp.client.models import parsed_time
from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import events

LEASE: Final = timedelta(minutes=2)
"""How long one process works on the events of an order before another one takes them over: longer than a read takes."""

LONGEST_WAIT: Final = timedelta(hours=1)
"""The longest time to which an event is put off. One that is due later was put off by a clock that was wrong."""

ORDER_TOPICS: Final = "meter_order."
"""How the topics begin that tell of a meter order."""

_TOPIC: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What is kept of an event: a delivery carries only IDs, and nothing else of it is read.

    Attributes:
        event_id: `evt_…`; deliveries repeat, so it is what tells two events apart.
        happened_at: The event's own time; None if it has none that can be read.
        order_id: The order that is to be read; None if the event names none.
    """

    event_id: str
    topic: str
    happened_at: datetime | None = None
    order_id: str | None = None
    subscription_id: str | None = None

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """Read the body of a delivery; None if it is no event."""
        try:
            event = from_json(body)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return None
        event_id, topic, context = event.get("id"), event.get("topic"), event.get("context")
        if not (isinstance(event_id, str) and is_well_formed(event_id)):
            return None
        if not (isinstance(topic, str) and _TOPIC.fullmatch(topic)):
            return None
        named = context if isinstance(context, Mapping) else {}
        return cls(
            event_id=event_id,
            topic=topic,
            happened_at=_moment(event.get("timestamp")),
            order_id=_id(named.get("meter_order"), "meter order"),
            subscription_id=_id(named.get("subscription"), "subscription"),
        )

    @property
    def needs_read(self) -> bool:
        """Whether it is about a meter order, which does not change by what becomes of subscriptions and invoices."""
        return self.order_id is not None and self.topic.startswith(ORDER_TOPICS)


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event whose order this process is to read now.

    Attributes:
        received_at: When it was first delivered, by our clock.
        attempts: How often somebody has begun that, this time included. Tells this claim from a later one.
    """

    event_id: str
    topic: str
    happened_at: datetime | None
    received_at: datetime
    order_id: str
    attempts: int

    @property
    def time(self) -> datetime:
        """When it happened, as far as that is known."""
        return self.happened_at or self.received_at


class WebhookEvents:
    """The events in the database. Every method raises `DatabaseError` if the database does not answer.

    Args:
        now: Returns the current time, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(self, event: WebhookEvent) -> bool:
        """Keep an event; False if it was known. When this returns, it is on disk."""
        now = self._now()
        async with self._database.writing() as connection:
            query = select(exists().where(events.c.event_id == event.event_id))
            if (await connection.execute(query)).scalar():
                return False
            await connection.execute(
                insert(events).values(
                    event_id=event.event_id,
                    topic=event.topic,
                    happened_at=event.happened_at,
                    received_at=now,
                    order_id=event.order_id,
                    subscription_id=event.subscription_id,
                    attempts=0,
                    due_at=now if event.needs_read else None,
                )
            )
        return True

    async def due(self) -> bool:
        """Whether an order is to be read now. Only reads, so that asking keeps no writer waiting."""
        async with self._database.reading() as connection:
            return bool((await connection.execute(select(exists().where(self._is_due())))).scalar())

    async def claim(self) -> Sequence[ClaimedEvent]:
        """Take the order that has been due for longest: its due events, oldest first, or none.

        No other process gets them before `LEASE` has passed. If this one dies, another one takes them over then.
        """
        async with self._database.writing() as connection:
            first = select(events.c.order_id).where(self._is_due()).order_by(events.c.due_at).limit(1)
            order_id = (await connection.execute(first)).scalar()
            if order_id is None:
                return []
            claimed = (
                update(events)
                .where(events.c.order_id == order_id, self._is_due())
                .values(attempts=events.c.attempts + 1, due_at=self._now() + LEASE)
                .returning(events)
            )
            rows = (await connection.execute(claimed)).all()
        found = [ClaimedEvent(**{each.name: getattr(row, each.name) for each in fields(ClaimedEvent)}) for row in rows]
        return sorted(found, key=lambda event: (event.time, event.event_id))

    def _is_due(self) -> ColumnElement[bool]:
        now = self._now()
        return or_(events.c.due_at <= now, events.c.due_at > now + LONGEST_WAIT)


async def settle(connection: AsyncConnection, claimed: ClaimedEvent, due_at: datetime | None) -> None:
    """End the work on an event, or put it off, in a writing transaction: the one that records what was read.

    If another process has taken it over meanwhile, it stays with that one.
    """
    mine = and_(events.c.event_id == claimed.event_id, events.c.attempts == claimed.attempts)
    await connection.execute(update(events).where(mine).values(due_at=due_at))


def _moment(value: object) -> datetime | None:
    try:
        return parsed_time(value)
    except ValueError:
        return None


def _id(value: object, kind: str) -> str | None:
    return value if isinstance(value, str) and kind_of(value) == kind else None
