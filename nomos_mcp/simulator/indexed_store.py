"""A shelf: records of one kind, found by ID, and walked newest first without sorting at each request."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class StoredRecord(Protocol):
    """What every record on a shelf has."""

    @property
    def id(self) -> str:
        """Unique on its shelf."""
        ...

    @property
    def organisation(self) -> str:
        """Whose it is."""
        ...

    @property
    def created_at(self) -> datetime:
        """Its place in the lists."""
        ...


R = TypeVar("R", bound=StoredRecord)

Position = tuple[datetime, str]
"""Where a record stands in a walk: by creation, equal moments by ID."""


class IndexedStore(Generic[R]):
    """Records of one kind.

    Args:
        indexes: Name and key of each further way to look records up; by organisation there is always one.
    """

    def __init__(self, **indexes: Callable[[R], str]) -> None:
        self._records: dict[str, R] = {}
        self._keys: dict[str, Callable[[R], str]] = {"organisation": lambda record: record.organisation, **indexes}
        self._runs: dict[tuple[str, str], list[Position]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def get(self, record_id: str) -> R | None:
        """Find a record by its ID, or None."""
        return self._records.get(record_id)

    def put(self, record: R) -> None:
        """Add a record, or put it in the place of the one with its ID.

        A replacement must keep `created_at` and every indexed key: a record does not change its place in the lists.
        """
        if record.id not in self._records:
            position = (record.created_at, record.id)
            for name, key in self._keys.items():
                insort(self._runs.setdefault((name, key(record)), []), position)
        self._records[record.id] = record

    def has_index(self, name: str) -> bool:
        """Tell whether records can be walked by this name."""
        return name in self._keys

    def newest_first(self, index: str, key: str, before: Position | None = None) -> Iterator[R]:
        """Walk the records of one index entry.

        Args:
            index: An index's name.
            key: What the record's key must be.
            before: Start behind this position; None starts at the newest.

        Returns:
            Records, newest first, equal moments by descending ID.
        """
        run = self._runs.get((index, key), [])
        end = len(run) if before is None else bisect_left(run, before)
        for place in range(end - 1, -1, -1):
            yield self._records[run[place][1]]
