"""`filter[<field>][<operator>]=<value>`, as documented.

An unknown field, and an operator its field's type does not have, are ignored without a word: the answer is the
unfiltered list, as upstream's is. A value that cannot be read is 400 and names the parameter. The types that occur on
the lists of this simulator are string, enum and date; none of their fields is ever null. Text is compared with regard
to case (inferred).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, Literal, TypeVar

from nomos_mcp.simulator.errors import ApiError, bad_request

R = TypeVar("R")
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
