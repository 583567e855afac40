"""The clock, the sleep and the jitter of the client, which tests replace."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import anyio


@dataclass(frozen=True, slots=True)
class Timing:
    """Everything that depends on the moment.

    Attributes:
        monotonic: Seconds that only go forward.
        sleep: Waits so many seconds.
        jitter: A random number of seconds from 0 up to its argument.
        wall: The date, aware; only for a `Retry-After` that is a date, in a response that carries no `Date` of its own.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[float], float] = lambda upper: random.uniform(0, upper)  # noqa: S311  spreads load, hides nothing
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)


REAL_TIME: Final = Timing()
