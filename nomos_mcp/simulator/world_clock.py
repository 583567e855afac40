"""The simulator's time: real, frozen, fast, and moved ahead by hand.

Everything that needs a time asks the one clock a `Simulator` was given, so that a test can stand still or jump.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime."""

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Where the world stands still, short of the end of the calendar: what is reckoned from a time has room around it."""

_SECONDS_A_DAY = 86_400


def real_clock() -> datetime:
    """Give the machine's time in UTC."""
    return datetime.now(UTC)


class WorldClock:
    """The time in the simulated world, in whole seconds, which is what the wire carries.

    Args:
        outside: The time it is derived from: `real_clock`, or one that a test holds.
        days_per_second: How many days pass in the world for each second outside, beyond that second; 0 is no more.
    """

    def __init__(self, outside: Clock, days_per_second: float = 0) -> None:
        self._outside = outside
        self._start = outside()
        self._rate = days_per_second * _SECONDS_A_DAY
        self._skipped = timedelta()

    def __call__(self) -> datetime:
        """Give the present in UTC, without a fraction."""
        outside = self._outside()
        try:
            moment = outside + self._skipped + (outside - self._start) * self._rate
        except OverflowError:
            return LATEST
        return min(moment, LATEST).astimezone(UTC).replace(microsecond=0)

    def skip(self, span: timedelta) -> None:
        """Move ahead at once."""
        self._skipped += span


def on_the_wire(moment: datetime | None) -> str | None:
    """Write a moment the way the API does: `2024-03-14T12:00:00Z`, or null."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
