"""The faults of one simulator: added, drawn for each request, removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType

from nomos_mcp.simulator.faults.fault import Fault


@dataclass(slots=True)
class _Tally:
    matched: int = 0
    struck: int = 0


class Faults:
    """What goes wrong in a simulator, by ID, in the order in which it was added.

    Args:
        seed: Of the draws for faults with a probability.
    """

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - must repeat
        self._faults: dict[str, Fault] = {}
        self._tallies: dict[str, _Tally] = {}

    @property
    def active(self) -> Mapping[str, Fault]:
        """Every fault that was not removed, the ones that have struck as often as they may included."""
        return MappingProxyType(self._faults)

    def add(self, fault: Fault) -> str:
        """Have something go wrong from the next request on.

        Returns:
            The fault's ID, for `struck` and `remove`.
        """
        fault_id = f"fault_{len(self._tallies) + 1}"
        self._faults[fault_id] = fault
        self._tallies[fault_id] = _Tally()
        return fault_id

    def struck(self, fault_id: str) -> int:
        """Tell how many requests a fault has struck so far, removed or not.

        Raises:
            KeyError: There never was such a fault.
        """
        return self._tallies[fault_id].struck

    def remove(self, fault_id: str) -> None:
        """Have a fault strike no more.

        Raises:
            KeyError: There is no such fault.
        """
        del self._faults[fault_id]

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self._faults.clear()

    def draw(self, method: str, path: str) -> list[Fault]:
        """Choose the faults that strike a request, and count them.

        Args:
            method: The request's method.
            path: Its path, without the query.

        Returns:
            The faults, in the order in which they were added.
        """
        return [fault for fault_id, fault in self._faults.items() if self._strikes(fault_id, fault, method, path)]

    def _strikes(self, fault_id: str, fault: Fault, method: str, path: str) -> bool:
        tally = self._tallies[fault_id]
        if (fault.method and fault.method != method) or not fnmatchcase(path, fault.path):
            return False
        tally.matched += 1
        if tally.matched <= fault.skip or (fault.count is not None and tally.struck >= fault.count):
            return False
        if fault.probability < 1 and self._rng.random() >= fault.probability:
            return False
        tally.struck += 1
        return True
