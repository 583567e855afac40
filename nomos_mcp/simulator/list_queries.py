"""`filter[<field>][<operator>]=<value>`, as documented.

An unknown field, and an operator its field's type does not have, are ignored without a word: the answer is the
unfiltered list, as upstream's is. A value that cannot be read is 400 and names the parameter. The types that occur on
the lists of this simulator are string, enum and date; none of their fields is ever null. Text is compared with regard
to case (inferred).
"""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest, digest
from itertools import islice
from typing import Final, Generic, Literal, TypeVar
from urllib.parse import urlencode

from nomos_mcp.simulator.api_format import ApiError, ApiVersion, Json, bad_request
from nomos_mcp.simulator.indexed_store import IndexedStore, Position, StoredRecord
from nomos_mcp.simulator.world_clock import on_the_wire

R = TypeVar("R", bound=StoredRecord)
Value = str | datetime
Operator = Literal["eq", "ne", "in", "is_null", "contains", "starts_with", "ends_with", "gte", "lte"]
FieldType = Literal["string", "enum", "date"]

_OPERATORS: Final[Mapping[FieldType, Sequence[Operator]]] = {
    "string": ("eq", "ne", "in", "is_null", "contains", "starts_with", "ends_with"),
    "enum": ("eq", "ne", "in", "is_null"),
    "date": ("gte", "lte", "is_null"),
}
_PARAMETER: Final = re.compile(r"filter\[([^\[\]]+)\]\[([^\[\]]+)\]")


@dataclass(frozen=True, slots=True)
class Field(Generic[R]):
    """A field that a list can be filtered by.

    Attributes:
        name: As it stands between the first brackets.
        type: Which operators it has, and how values are read.
        read: Gives a record's value.
        values: What an enum may be; empty for the other types.
    """

    name: str
    type: FieldType
    read: Callable[[R], Value]
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Condition(Generic[R]):
    """One filter, read and understood."""

    field: Field[R]
    operator: Operator
    operand: str
    test: Callable[[Value], bool]

    def holds(self, record: R) -> bool:
        """Tell whether a record passes."""
        return self.test(self.field.read(record))


def conditions(parameters: Iterable[tuple[str, str]], fields: Sequence[Field[R]]) -> list[Condition[R]]:
    """Read the filters of a query; a record must pass all of them.

    Args:
        parameters: The whole query, decoded; what is no filter is skipped.
        fields: What this list can be filtered by in this version.

    Returns:
        One condition for each filter that is understood.

    Raises:
        ApiError: 400, a value cannot be read as its field's type.
    """
    by_name = {field.name: field for field in fields}
    found: list[Condition[R]] = []
    for parameter, text in parameters:
        match = _PARAMETER.fullmatch(parameter)
        field = by_name.get(match[1]) if match else None
        if match is None or field is None:
            continue
        operator = next((name for name in _OPERATORS[field.type] if name == match[2]), None)
        if operator is not None:
            found.append(Condition(field, operator, text, _test(parameter, field, operator, text)))
    return found


def _test(parameter: str, field: Field[R], operator: Operator, text: str) -> Callable[[Value], bool]:
    if operator == "is_null":
        if text not in {"true", "false"}:
            raise _unreadable(parameter, "Expected 'true' | 'false'")
        return lambda _: text == "false"
    if field.type == "date":
        return _date_test(parameter, operator, text)
    operands = text.split(",") if operator == "in" else [text]
    if field.type == "enum" and not field.values.issuperset(operands):
        raise _unreadable(parameter, "Expected " + " | ".join(f"'{value}'" for value in sorted(field.values)))
    return _text_test(operator, operands)


def _date_test(parameter: str, operator: Operator, text: str) -> Callable[[Value], bool]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise bad_request("invalid_format", parameter, "Expected an ISO 8601 date and time with a time zone")
    limit = moment
    if operator == "gte":
        return lambda value: isinstance(value, datetime) and value >= limit
    return lambda value: isinstance(value, datetime) and value <= limit


def _text_test(operator: Operator, operands: list[str]) -> Callable[[Value], bool]:
    wanted = frozenset(operands)
    (first, *_) = operands
    tests: dict[str, Callable[[str], bool]] = {
        "eq": lambda value: value == first,
        "ne": lambda value: value != first,
        "in": lambda value: value in wanted,
        "contains": lambda value: first in value,
        "starts_with": lambda value: value.startswith(first),
        "ends_with": lambda value: value.endswith(first),
    }
    test = tests[operator]
    return lambda value: test(str(value))


def _unreadable(parameter: str, expected: str) -> ApiError:
    return bad_request("invalid_value", parameter, f"Invalid option: {expected}")


_SEAL_BYTES: Final = 12


class Cursors:
    """Writes and reads cursors with a key of its own: one from another simulator is refused."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def write(self, last: StoredRecord, limit: int, query: str) -> str:
        """Name a position, and seal it.

        Args:
            last: The last record that was given out.
            limit: How many records a page has.
            query: Everything that must stay the same along the walk.

        Returns:
            URL-safe text.
        """
        fields: Json = {"last_created_at": on_the_wire(last.created_at), "last_id": last.id, "limit": limit}
        return self._encoded({**fields, "seal": self._seal(fields, query)})

    def read(self, cursor: str, query: str) -> str:
        """Open a cursor.

        Args:
            cursor: What the caller sent.
            query: As for `write`.

        Returns:
            The ID of the record it was written with.

        Raises:
            ApiError: 400, it was tampered with, or belongs to another query.
        """
        try:
            fields = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
            seal = fields.pop("seal")
        except (ValueError, AttributeError, KeyError, TypeError):
            fields, seal = {}, ""
        # Decoding skips foreign characters and spare bits, so the text is compared too, not only what it decodes to.
        genuine = compare_digest(str(seal).encode(), self._seal(fields, query).encode())
        if not genuine or self._encoded({**fields, "seal": seal}) != cursor:
            raise bad_request("invalid_value", "cursor", "Invalid cursor, or one of another query")
        last_id: str = fields["last_id"]
        return last_id

    def _seal(self, fields: Json, query: str) -> str:
        return digest(self._key, f"{query}\n{json.dumps(fields)}".encode(), "sha256").hex()[: 2 * _SEAL_BYTES]

    def _encoded(self, fields: Json) -> str:
        return urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class ListSource(Generic[R]):
    """How one kind of record is listed.

    Attributes:
        shelf: Where the records stand.
        fields: What they can be filtered by, in the version that is asked for.
        shown: Whether a version knows of a record at all.
        render: Writes one in a version's words.
    """

    shelf: IndexedStore[R]
    fields: Sequence[Field[R]]
    shown: Callable[[R, ApiVersion], bool]
    render: Callable[[R, ApiVersion], Json]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What was asked, and by whom.

    Attributes:
        organisation: Whose records to list.
        version: The version that the answer is written in.
        path: The list's path.
        parameters: The query string, decoded, in its order.
        ignore_filters: A fault: the filters in it have no effect.
    """

    organisation: str
    version: ApiVersion
    path: str
    parameters: Sequence[tuple[str, str]]
    ignore_filters: bool = False

    def value(self, name: str) -> str | None:
        """Give a parameter's last value, or None when it is absent."""
        return dict(self.parameters).get(name)

    def identity(self) -> str:
        """Write down all that must stay the same from page to page."""
        rest = sorted(pair for pair in self.parameters if pair[0] != "cursor")
        return "\n".join([self.organisation, self.version, self.path, urlencode(rest)])


def page(listing: ListSource[R], query: ListQuery, cursors: Cursors) -> Json:
    """Answer a list request.

    Args:
        listing: What is listed, and how.
        query: What was asked.
        cursors: Reads this page's cursor and writes the next one.

    Returns:
        The JSON body; `next_page` is null on the last page.

    Raises:
        ApiError: 400 for a bad limit, cursor or filter value.
    """
    limit = _limit(query.value("limit"))
    wanted = conditions(query.parameters, () if query.ignore_filters else listing.fields)
    cursor = query.value("cursor")
    before = _position(listing.shelf.get(cursors.read(cursor, query.identity()))) if cursor else None
    index, key = _best_index(listing.shelf, wanted, query.organisation)
    matching = (
        record
        for record in listing.shelf.newest_first(index, key, before)
        if record.organisation == query.organisation
        and listing.shown(record, query.version)
        and all(condition.holds(record) for condition in wanted)
    )
    records = list(islice(matching, limit))
    has_more = next(matching, None) is not None
    last = records[-1] if has_more else None
    return {
        "object": "list",
        "items": [listing.render(record, query.version) for record in records],
        "has_more": has_more,
        "next_page": cursors.write(last, limit, query.identity()) if last else None,
    }


def _position(last: StoredRecord | None) -> Position | None:
    return (last.created_at, last.id) if last else None


def _limit(text: str | None) -> int:
    """Read the limit: a number, so 10.0 is one too; a fraction is cut off (inferred)."""
    if text is None:
        return DEFAULT_LIMIT
    if not _NUMBER.fullmatch(text):
        raise bad_request("invalid_type", "limit", "Invalid input: expected number")
    limit = float(text)
    if limit < 1:
        raise bad_request("too_small", "limit", "Too small: expected number to be >=1")
    if limit > MAX_LIMIT:
        raise bad_request("too_big", "limit", f"Too big: expected number to be <={MAX_LIMIT}")
    return int(limit)


def _best_index(shelf: IndexedStore[R], wanted: Sequence[Condition[R]], organisation: str) -> tuple[str, str]:
    """Walk one customer's records rather than everybody's where a filter allows it."""
    for condition in wanted:
        if condition.operator == "eq" and shelf.has_index(condition.field.name):
            return condition.field.name, condition.operand
    return "organisation", organisation
