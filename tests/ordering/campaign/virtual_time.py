"""Time that passes only while everybody waits: an asyncio loop whose clock jumps to the next timer.

A schedule of minutes takes milliseconds, and the same seed gives the same schedule. The server runs on asyncio in
production, so it does here.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")

_PATIENCE = 20.0  # real seconds; a thread that nobody counts may still be at work


class _Selector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self.loop
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if loop.threads is not None and loop.threads.borrowed_tokens:
            return super().select(_PATIENCE)  # a thread is at work, in real time
        if timeout is None:
            ready = super().select(_PATIENCE)
            if not ready:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            return ready
        loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own.

    Attributes:
        now: Seconds since the loop was made.
        threads: Counts the threads that work for this loop.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.threads: anyio.CapacityLimiter | None = None
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def virtually(main: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Run on a `VirtualLoop`."""

    async def run() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.threads = anyio.to_thread.current_default_thread_limiter()
        return await main(*args)

    return anyio.run(run, backend_options={"loop_factory": VirtualLoop})
