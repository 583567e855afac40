"""Two calls to upstream at once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Callable[[], Awaitable[A]], second: Callable[[], Awaitable[B]]) -> tuple[A, B]:
    """Run two calls at once.

    Returns:
        Both results.

    Raises:
        Exception: What the first call to fail raised, by itself and not in a group; the other is cancelled.
    """
    firsts: list[A] = []
    seconds: list[B] = []

    async def run_first() -> None:
        firsts.append(await first())

    async def run_second() -> None:
        seconds.append(await second())

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(run_first)
            group.start_soon(run_second)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return firsts[0], seconds[0]
