"""How far a run of watching is, and what it did in the end."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run did, the parts before a kill included; `seconds` is this process's part.

    Attributes:
        requests: Pages and orders that were asked for; not the client's retries.
        untold: How many of the changes no webhook had told, although there is a topic for them; None if no webhook's
            event was ever kept.
        without_topic: How many changes have no topic, so that no webhook tells them: unblocking and appointments.
        not_covered: What could not be looked at; empty if the run is complete.
    """

    started_at: datetime
    finished_at: datetime
    seconds: float
    requests: int
    orders_read: int
    changes: int
    by_kind: dict[str, int]
    untold: int | None
    without_topic: int
    resumed: bool
    complete: bool
    not_covered: str


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a run is, as it is kept in the database."""

    api_version: str
    listed: bool = False
    page: str | None = None
    after: str = ""
    until: str | None = None  # how far back the list is read; None: to its end
    oldest: str | None = None
    in_order: bool = True
    unreadable: int = 0
    gone: int = 0
    flaws: list[str] = field(default_factory=list)
    tally: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """Read the progress of a run; None if there is none, or if another release wrote it."""
        try:
            return cls(**json.loads(text or ""))
        except (ValueError, TypeError):
            return None

    @property
    def not_covered(self) -> str:
        said = [_counted(self.unreadable, "that could not be read"), _counted(self.gone, "that Nomos shows no more")]
        return "; ".join([*filter(None, said), *self.flaws])


def _counted(number: int, words: str) -> str:
    return f"{number} order{'s' * (number != 1)} {words}" if number else ""
