"""What replicas say of themselves at `/readyz`, each asked as a probe asks it."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import anyio
import httpx2

from tools.replicas.processes import Replica
from tools.replicas.promises import Line, Span

_LOOK_EVERY: Final = 0.25
_PROBE_SECONDS: Final = 10.0
_TO_NOTICE: Final = 3.0  # seconds in which a replica may not know yet that PostgreSQL is away
TO_RECOVER: Final = 10.0
"""Seconds after which everything has to be as before."""


class Look(NamedTuple):
    """One look.

    Attributes:
        at: When, by the monotonic clock.
        replica: At which one, from 0.
        status: Of HTTP; 0 if there was no answer.
        database: What the answer says of the database; empty if nothing.
    """

    at: float
    replica: int
    status: int
    database: str

    @property
    def is_ready(self) -> bool:
        """Whether a load balancer sends calls to it."""
        return self.status == httpx2.codes.OK


class Readiness:
    """Looks at all replicas, again and again."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self._looks: list[Look] = []
        self._back: Sequence[float] | None = None

    async def watch(self) -> None:
        """Look until cancelled, or until all have said that PostgreSQL is back after `end_after` was called."""
        async with anyio.create_task_group() as tasks:
            for number, replica in enumerate(self._replicas):
                tasks.start_soon(self._watch, number, replica)

    def end_after(self, back: Sequence[float]) -> None:
        """Let `watch` end once all have said that PostgreSQL is back after the last of these moments."""
        self._back = back

    async def _watch(self, number: int, replica: Replica) -> None:
        async with httpx2.AsyncClient(timeout=_PROBE_SECONDS) as http:
            while self._back is None or max(self._taken(number, self._back)) > TO_RECOVER:
                try:
                    response = await http.get(f"{replica.url}/readyz")
                    look = Look(time.monotonic(), number, response.status_code, response.json().get("database", ""))
                except httpx2.TransportError:
                    look = Look(time.monotonic(), number, 0, "")
                self._looks.append(look)
                await anyio.sleep(_LOOK_EVERY)

    def undisturbed(self, began: float) -> Line:
        """Judge whether all were ready all the time."""
        looks = [look for look in self._looks if look.at >= began]
        ready = sum(look.is_ready for look in looks)
        return Line("`/readyz`, undisturbed", f"ready in {ready} of {len(looks)} looks", "all", ready == len(looks) > 0)

    def while_away(self, away: Sequence[Span], restarts: Sequence[Span]) -> Line:
        """Judge what was said while PostgreSQL was away. A replica that is being restarted says nothing."""
        looks = [look for look in self._looks if any(span.has(look.at) for span in away)]
        good = [look for look in looks if look.is_ready and look.database == "away"]
        late = [look for look in looks if any(span.began + _TO_NOTICE <= look.at < span.ended for span in away)]
        bad = [look for look in late if look not in good and not any(span.has(look.at) for span in restarts)]
        return Line(
            "`/readyz` while PostgreSQL is away",
            f"ready, and away, in {len(good)} of {len(looks)} looks; {len(bad)} others after {_TO_NOTICE:g} s",
            f"none other after {_TO_NOTICE:g} s",
            bool(good) and not bad,
        )

    def after(self, back: Sequence[float]) -> Line:
        """Judge how soon after these moments all said that PostgreSQL was back."""
        longest = max(max(self._taken(number, back)) for number in range(len(self._replicas)))
        return Line(
            "seconds until all replicas are ready and say that PostgreSQL is back",
            f"{longest:.1f}",
            f"at most {TO_RECOVER:g}",
            longest <= TO_RECOVER,
        )

    def _taken(self, replica: int, back: Sequence[float]) -> list[float]:
        """Return how many seconds a replica took after each moment; infinite if it has not said so yet."""
        taken = []
        for moment in back:
            later = (look for look in self._looks if look.replica == replica and look.at >= moment)
            ready = (look.at for look in later if look.is_ready and look.database != "away")
            taken.append(next(ready, float("inf")) - moment)
        return taken
