"""The simulator's clock: real, frozen, fast, and moved ahead by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]
"""Returns the present as an aware datetime."""

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Where the clock stops. It leaves room before the calendar's end for times that are computed from the present."""


def real_clock() -> datetime:
    return datetime.now(UTC)


class WorldClock:
    """The time in the simulated world, in UTC and whole seconds, as the API writes it.

    It follows the clock outside, and for each second there `days_per_second` more days pass in the world.
    """

    def __init__(self, outside: Clock, days_per_second: float = 0) -> None:
        self._outside = outside
        self._start = outside()
        self._rate = days_per_second * 86_400
        self._skipped = timedelta()

    def __call__(self) -> datetime:
        outside = self._outside()
        try:
            moment = outside + self._skipped + (outside - self._start) * self._rate
        except OverflowError:
            return LATEST
        return min(moment, LATEST).astimezone(UTC).replace(microsecond=0)

    def skip(self, span: timedelta) -> None:
        self._skipped += span
