"""The simulator's time.

Everything that needs a time asks the one clock a `Simulator` was given, so that a test can stand still or jump.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime."""


def real_clock() -> datetime:
    """Give the machine's time in UTC."""
    return datetime.now(UTC)


def whole_seconds(clock: Clock) -> Clock:
    """Make a clock that tells UTC in whole seconds, which is what the wire carries.

    Args:
        clock: Any clock that gives aware datetimes.

    Returns:
        A clock that gives the same instants without their fraction.
    """

    def now() -> datetime:
        return clock().astimezone(UTC).replace(microsecond=0)

    return now


def on_the_wire(moment: datetime | None) -> str | None:
    """Write a moment the way the API does: `2024-03-14T12:00:00Z`, or null."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
