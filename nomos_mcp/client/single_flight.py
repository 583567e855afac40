"""Equal reads at the same time are one read. Knows neither HTTP nor what is read.

The first caller reads; the others wait for its result, or get its failure. If the first one is cancelled or runs out of
time, one of the others reads instead. A read that begins after a write never joins one from before it.
"""

from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from typing import Generic, TypeVar

import anyio

from nomos_mcp.client.errors import LocalRateLimitError, NomosError

T = TypeVar("T")


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.results: list[T] = []  # one, or none if it failed or was abandoned
        self.error: NomosError | None = None


class SingleFlight(Generic[T]):
    """The reads of one client that are running."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def run(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Read, or wait for a running read with an equal key. Callers that may not share a result differ in keys."""
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise copy(flight.error)  # a traceback of its own
            if flight.results:
                return flight.results[0]
        flight = self._flights[key] = _Flight()
        try:
            result = await read()
            flight.results.append(result)
        except LocalRateLimitError:
            raise  # this caller had too little time; those who wait may have more
        except NomosError as error:
            flight.error = error
            raise
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()
        return result

    def forget(self) -> None:
        """Let nobody join the reads that are running, as they may not show what is written now."""
        self._flights.clear()
