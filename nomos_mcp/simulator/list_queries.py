"""How every list is asked for and answered: filters, limit, cursors, pages. Knows no resource.

Filters are `filter[<field>][<operator>]=<value>`, as documented. An unknown field, and an operator that its type does
not have, are ignored silently: the answer is the unfiltered list, as upstream's is. A value that cannot be read is 400
and names the parameter. The lists have fields of the types string, enum and date, and none of them is ever null. Text
is compared case-sensitively (inferred).

A cursor has the form of the example in the vendor's OpenAPI, and a seal. It names the last item of its page by creation
time and ID, so the next page begins behind that item, whatever was added, changed or filtered out meanwhile.
"""

import json
import operator
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hmac import digest
from itertools import islice
from typing import Final, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from nomos_mcp.simulator.api_calls import API_CALL, ApiCall, ApiVersion, Json, format_time, violation
from nomos_mcp.simulator.world import IndexedStore, StoredRecord

R = TypeVar("R", bound=StoredRecord)
Value = str | datetime
Test = Callable[[Value], bool]
FieldType = Literal["string", "enum", "date"]

_MAX_LIMIT: Final = 100
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_FILTER: Final = re.compile(r"filter\[([^\[\]]+)\]\[([^\[\]]+)\]")
_OPERATORS: Final[Mapping[FieldType, Sequence[str]]] = {
    "string": ("eq", "ne", "in", "is_null", "contains", "starts_with", "ends_with"),
    "enum": ("eq", "ne", "in", "is_null"),
    "date": ("gte", "lte", "is_null"),
}
_TEXT_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "contains": operator.contains,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}


class FilterField(NamedTuple, Generic[R]):
    name: str
    type: FieldType
    read: Callable[[R], Value]
    values: frozenset[str] = frozenset()  # of an enum


class ListSource(NamedTuple, Generic[R]):
    store: IndexedStore[R]
    fields: Sequence[FilterField[R]]
    render: Callable[[R, ApiVersion], Json]
    shown: Callable[[R, ApiVersion], bool] = lambda *_: True


class Cursors:
    """Writes and reads cursors with a key of its own, so it refuses those of another simulator."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def write(self, last: StoredRecord, limit: int, query: str) -> str:
        """Name a page's last record, sealed with its limit and the query's identity."""
        fields: Json = {"last_created_at": format_time(last.created_at), "last_id": last.id, "limit": limit}
        seal = digest(self._key, f"{query}\n{json.dumps(fields)}".encode(), "sha256").hex()[:24]
        text = json.dumps({**fields, "seal": seal}, separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode()

    def read(self, cursor: str, query: str, store: IndexedStore[R]) -> R:
        """Return the record that a cursor names; 400 if it was changed, or belongs to another query."""
        with suppress(ValueError, KeyError, TypeError):  # no base64, no JSON, or not what `write` writes
            fields = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
            last = store[fields["last_id"]]
            # Decoding skips foreign characters and spare bits, so the text is compared, not what it decodes to.
            if cursor == self.write(last, fields["limit"], query):
                return last
        raise violation("invalid_value", "cursor", "Invalid cursor, or one of another query")


def list_page(source: ListSource[R], request: Request, cursors: Cursors) -> Json:
    """Answer a request for a list, newest first."""
    call: ApiCall = request.scope[API_CALL]
    organisation, parameters = call.caller.organisation, request.query_params
    limit = _limit(parameters.get("limit", "10"))
    fields = () if call.ignore_filters else source.fields
    tests = _tests(parameters, fields)
    # What must stay the same from page to page:
    rest = sorted(pair for pair in parameters.multi_items() if pair[0] != "cursor")
    query = "\n".join([organisation, call.version, request.url.path, urlencode(rest)])
    cursor = parameters.get("cursor")
    after = cursors.read(cursor, query, source.store) if cursor else None
    index, key = "organisation", organisation
    for field in fields:  # read one customer's records instead of the whole organisation's, where a filter allows it
        operand = parameters.get(f"filter[{field.name}][eq]")
        if operand is not None and field.name in source.store.indexes:
            index, key = field.name, operand
    matching = (
        record
        for record in source.store.newest_first(index, key, after)
        if record.organisation == organisation
        and source.shown(record, call.version)
        and all(test(field.read(record)) for field, test in tests)
    )
    records = list(islice(matching, limit))
    last = records[-1] if next(matching, None) is not None else None
    return {
        "object": "list",
        "items": [source.render(record, call.version) for record in records],
        "has_more": last is not None,
        "next_page": cursors.write(last, limit, query) if last else None,
    }


def _limit(text: str) -> int:
    """Read the limit: a number, so 10.0 is one too; a fraction is cut off (inferred)."""
    if not _NUMBER.fullmatch(text):
        raise violation("invalid_type", "limit", "Invalid input: expected number")
    limit = float(text)
    if limit < 1:
        raise violation("too_small", "limit", "Too small: expected number to be >=1")
    if limit > _MAX_LIMIT:
        raise violation("too_big", "limit", f"Too big: expected number to be <={_MAX_LIMIT}")
    return int(limit)


def _tests(parameters: QueryParams, fields: Sequence[FilterField[R]]) -> list[tuple[FilterField[R], Test]]:
    by_name = {field.name: field for field in fields}
    found: list[tuple[FilterField[R], Test]] = []
    for parameter, text in parameters.multi_items():
        match = _FILTER.fullmatch(parameter)
        field = by_name.get(match[1]) if match else None
        if match and field and match[2] in _OPERATORS[field.type]:
            found.append((field, _test(parameter, field, match[2], text)))
    return found


def _test(parameter: str, field: FilterField[R], name: str, text: str) -> Test:
    if name == "is_null":
        if text not in {"true", "false"}:
            raise violation("invalid_value", parameter, "Invalid option: Expected 'true' | 'false'")
        return lambda _: text == "false"
    if field.type == "date":
        return _date_test(parameter, name, text)
    operands = frozenset(text.split(",") if name == "in" else [text])
    if field.type == "enum" and not field.values.issuperset(operands):
        expected = " | ".join(f"'{value}'" for value in sorted(field.values))
        raise violation("invalid_value", parameter, f"Invalid option: Expected {expected}")
    if name == "in":
        return lambda value: value in operands
    compare = _TEXT_TESTS[name]
    return lambda value: compare(str(value), text)


def _date_test(parameter: str, name: str, text: str) -> Test:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            compare: Callable[[Value, Value], bool] = operator.ge if name == "gte" else operator.le
            return lambda value: compare(value, moment)
    raise violation("invalid_format", parameter, "Expected an ISO 8601 date and time with a time zone")
