"""Time for tests: waits that are noted and skipped, and a virtual clock for what runs concurrently."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import anyio
import anyio.lowlevel
import trio
import trio.testing

from nomos_mcp.client.rate_limiter import Timing

T = TypeVar("T")

WALL = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


class SkippingTime:
    """Real time in which waiting takes none: the clock is put forward instead. For answers over real sockets."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    @property
    def timing(self) -> Timing:
        return Timing(
            monotonic=lambda: time.monotonic() + sum(self.slept),
            sleep=self._sleep,
            jitter=lambda upper: upper,
            wall=lambda: WALL,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()


VIRTUAL = Timing(monotonic=trio.current_time, sleep=anyio.sleep, jitter=lambda upper: upper, wall=lambda: WALL)
"""The time of `virtually`."""


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    """Run in virtual time: it jumps ahead whenever everybody waits. Not for real sockets."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return anyio.run(main, backend="trio", backend_options={"clock": clock})
