"""Which of the changes that a poll found had been told by webhooks before.

There is no API that lists the events that were missed, so this is how one notices that a webhook does not arrive.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.database.tables import events
from nomos_mcp.history.changes import CLOCK_SKEW, Change
from nomos_mcp.lifecycle import CURIE

_STATUSES: Final = frozenset({"placed", "check_submitted", "check_reviewed", "scheduled", "installed"})
_KINDS: Final = frozenset({"created", "blocked", "activated", "cancelled"})


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the changes that a run found, by kind, and how many of them no webhook had told.

    Attributes:
        untold: Those that have a topic, and happened since webhooks arrive, but no event was kept that tells them.
        without_topic: Those that no webhook tells.
    """

    by_kind: dict[str, int] = field(default_factory=dict)
    untold: int = 0
    without_topic: int = 0

    async def with_(self, connection: AsyncConnection, told: Sequence[Change], since: datetime | None) -> "Tally":
        """Return this with more changes.

        Args:
            connection: To the events of webhooks.
            told: The changes.
            since: When the first event happened; None if there is none.
        """
        recent = [change for change in told if since is not None and change.latest >= since]
        untold = 0
        for change in recent:
            if (topic := topic_of(change)) and not await _was_told(connection, change, topic):
                untold += 1
        return Tally(
            dict(Counter(self.by_kind) + Counter(change.kind for change in told)),
            self.untold + untold,
            self.without_topic + sum(topic_of(change) is None for change in told),
        )


def topic_of(change: Change) -> str | None:
    """Return the topic of the event that tells a change; None if there is none. Edison's own statuses have none."""
    word = change.after.partition(":")[0] if change.kind == "status" else change.kind
    own = change.kind != "blocked" or change.api_version == CURIE
    known = word in _KINDS and own if change.kind != "status" else word in _STATUSES
    return f"meter_order.{word}" if known and (change.kind != "status" or change.api_version == CURIE) else None


async def first_event(connection: AsyncConnection) -> datetime | None:
    """Return when the first event happened that a webhook told; None if there is none."""
    found: datetime | None = (await connection.execute(select(func.min(events.c.received_at)))).scalar()
    return found


async def _was_told(connection: AsyncConnection, change: Change, topic: str) -> bool:
    about = select(events.c.happened_at).where(events.c.order_id == change.order_id, events.c.topic == topic)
    return any(
        moment is None or change.earliest - CLOCK_SKEW <= moment <= change.latest + CLOCK_SKEW
        for moment in (await connection.execute(about)).scalars()
    )
