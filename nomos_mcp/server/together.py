"""Several questions to upstream at once."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import anyio

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Callable[[], Awaitable[A]], second: Callable[[], Awaitable[B]]) -> tuple[A, B]:
    """Run two calls side by side; raises as `side_by_side`.

    Returns:
        Both results.
    """
    firsts: list[A] = []
    seconds: list[B] = []

    async def run_first() -> None:
        firsts.append(await first())

    async def run_second() -> None:
        seconds.append(await second())

    await side_by_side([run_first, run_second])
    return firsts[0], seconds[0]


async def side_by_side(calls: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run calls side by side.

    Raises:
        Exception: What the first call to fail raised, by itself and not in a group; the others are cancelled.
    """
    try:
        async with anyio.create_task_group() as group:
            for call in calls:
                group.start_soon(call)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
