"""Equal reads that are under way at once are one read. Knows neither HTTP nor what is read.

The first caller reads, the others wait for its answer, or share its failure. If the first goes away, cancelled or out
of time, one of those who wait reads instead of it. A read that begins after a write never shares one from before it.
"""

from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from typing import Generic, TypeVar

import anyio

from nomos_mcp.client.errors import NomosError

T = TypeVar("T")


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.answers: list[T] = []  # one, or none if it failed or was abandoned
        self.error: NomosError | None = None


class SharedReads(Generic[T]):
    """The reads of one client that are under way."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def read(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Read, or wait for an equal read that is under way.

        Args:
            key: What makes reads equal; whoever may not share an answer has another one.
            ask: Does the reading.

        Raises:
            NomosError: What the read raised, whoever did it.
        """
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise copy(flight.error)  # a traceback of its own
            if flight.answers:
                return flight.answers[0]
        flight = self._flights[key] = _Flight()
        try:
            answer = await ask()
            flight.answers.append(answer)
        except NomosError as error:
            flight.error = error
            raise
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()
        return answer

    def forget(self) -> None:
        """Let nobody join what is under way: it may not show what is written now. Who waits is still answered."""
        self._flights.clear()
