"""Records of one kind, found by ID and read newest first, without sorting at each request."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class StoredRecord(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def organisation(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


R = TypeVar("R", bound=StoredRecord)


class IndexedStore(Generic[R]):
    """`indexes` gives the name and key of each index; there always is one by organisation."""

    def __init__(self, **indexes: Callable[[R], str]) -> None:
        self._records: dict[str, R] = {}
        self._keys: dict[str, Callable[[R], str]] = {"organisation": lambda record: record.organisation, **indexes}
        self._positions: dict[tuple[str, str], list[tuple[datetime, str]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def get(self, record_id: str) -> R | None:
        return self._records.get(record_id)

    def put(self, record: R) -> None:
        """Add a record, or replace the one with its ID, which must have the same `created_at` and index keys."""
        if record.id not in self._records:
            position = (record.created_at, record.id)
            for name, key in self._keys.items():
                insort(self._positions.setdefault((name, key(record)), []), position)
        self._records[record.id] = record

    def has_index(self, name: str) -> bool:
        return name in self._keys

    def newest_first(self, index: str, key: str, after: R | None = None) -> Iterator[R]:
        """Read the records of one key of an index, equal times by descending ID, from the one after `after`."""
        positions = self._positions.get((index, key), [])
        end = len(positions) if after is None else bisect_left(positions, (after.created_at, after.id))
        for place in range(end - 1, -1, -1):
            yield self._records[positions[place][1]]
