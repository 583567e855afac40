"""Filters of lists: how they read on the wire, and whether an item keeps to them.

Upstream ignores a filter that it does not know and answers with the unfiltered list, without a word. So a filter is
refused here where the pinned version does not document it, and every item that comes back is checked against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from nomos_mcp.client.errors import InvalidRequestError, UnsupportedVersionError
from nomos_mcp.client.models import Record


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition.

    Attributes:
        field: Name of the field, on the wire and on the model.
        operator: Operator on the wire.
        values: The values; exactly one unless the operator is `in`.
    """

    field: str
    operator: Literal["eq", "ne", "in", "gte", "lte"]
    values: tuple[str, ...] | tuple[datetime, ...]

    def parameter(self) -> tuple[str, str]:
        """Return name and value of the query parameter."""
        texts = (value if isinstance(value, str) else _wire_time(value) for value in self.values)
        return f"filter[{self.field}][{self.operator}]", ",".join(texts)

    def matches(self, item: Record) -> bool:
        """Whether an item keeps to the condition. A time that could not be read keeps to none."""
        value = getattr(item, self.field)
        if self.operator == "gte":
            return value is not None and bool(value >= self.values[0])
        if self.operator == "lte":
            return value is not None and bool(value <= self.values[0])
        return (value in self.values) is not (self.operator == "ne")


def equal(field: str, value: str) -> tuple[Filter, ...]:
    """Condition `field = value`; none for an empty value."""
    return (Filter(field, "eq", (value,)),) if value else ()


def words(values: str | Iterable[str]) -> tuple[str, ...]:
    """Return one value or several as a tuple, without empty ones."""
    several = (values,) if isinstance(values, str) else values
    return tuple(value for value in several if value)


def one_of(field: str, values: str | Iterable[str]) -> tuple[Filter, ...]:
    """Condition `field` is one of `values`; none for an empty value.

    Raises:
        InvalidRequestError: A value holds a comma, which separates values on the wire.
    """
    chosen = words(values)
    if any("," in value for value in chosen):
        raise InvalidRequestError(f"A value of the filter {field!r} holds a comma; pass several values as a list.")
    if len(chosen) <= 1:
        return equal(field, "".join(chosen))
    return (Filter(field, "in", chosen),)


def none_of(field: str, values: str | Iterable[str]) -> tuple[Filter, ...]:
    """Conditions `field` is none of `values`, each a parameter of its own; none for an empty value."""
    return tuple(Filter(field, "ne", (value,)) for value in words(values))


def between(field: str, after: datetime | None, before: datetime | None) -> tuple[Filter, ...]:
    """Conditions `after <= field <= before`, each only if given.

    Raises:
        InvalidRequestError: A time has no zone, or is none in UTC.
    """
    bounds: tuple[tuple[Literal["gte", "lte"], datetime | None], ...] = (("gte", after), ("lte", before))
    for _, moment in bounds:
        if moment is not None and moment.tzinfo is None:
            raise InvalidRequestError(f"The filter {field!r} needs a time with a zone, 2026-05-27T00:00:00Z for one.")
    try:
        return tuple(
            Filter(field, operator, (moment.astimezone(UTC),)) for operator, moment in bounds if moment is not None
        )
    except OverflowError:
        raise InvalidRequestError(f"The filter {field!r} needs a time between the years 1 and 9999 in UTC.") from None


def refuse_unknown(filters: Iterable[Filter], known: frozenset[str], api_version: str) -> None:
    """Refuse a filter that the version does not document.

    Raises:
        UnsupportedVersionError: Upstream would ignore it and answer with everything.
    """
    unknown = sorted({condition.field for condition in filters} - known)
    if unknown:
        raise UnsupportedVersionError(
            f"API version {api_version} cannot filter by {', '.join(unknown)}: it would ignore the filter and answer "
            f"with everything. It can filter by {', '.join(sorted(known)) or 'nothing'}."
        )


def refuse_foreign(values: Iterable[str], own: Iterable[str], other: Iterable[str], api_version: str) -> None:
    """Refuse statuses that are words of another version. One that no version documents may be new, and passes.

    Raises:
        UnsupportedVersionError: The pinned version does not know the word.
    """
    foreign = sorted({*values} & {*other} - {*own})
    if foreign:
        raise UnsupportedVersionError(
            f"{', '.join(foreign)}: no status of API version {api_version}, but of another one. "
            f"Its statuses are {', '.join(own)}."
        )


def _wire_time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
