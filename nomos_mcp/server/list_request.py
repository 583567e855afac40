"""What the tools that list have in common: filters, the cursor of a call, and what every answer says about itself."""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Final, get_type_hints
from zoneinfo import ZoneInfo

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.server.error_messages import ONLY_YOURS
from nomos_mcp.server.list_cursor import Cursor, cursor_of, digest
from nomos_mcp.server.pagination import ListReading, R
from nomos_mcp.server.request_context import nomos_context

_OF_ORDERS: Final = frozenset({"overdue", "waiting_on", "provider"})
_OF_SUBSCRIPTIONS: Final = frozenset({"subscription_id", "number", "customer_email"})
_OF_CHANGES: Final = frozenset({"since", "until", "order_id", "kind"})
_NO_FILTERS: Final = _OF_ORDERS | _OF_SUBSCRIPTIONS | _OF_CHANGES | {"ctx", "status", "limit", "cursor", "detail"}
"""Arguments that a tool handles itself: a status takes several queries (see `pagination`), the others none."""

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_TICK: Final = timedelta(milliseconds=1)
_YEARS: Final = range(1970, 3000)
"""Years that are no typing error, and near no end of the calendar, where a change of zone would overflow."""


@dataclass(frozen=True, slots=True)
class UpstreamFilter:
    """Makes an argument of a tool a filter: put it into the argument's annotation, and nothing else is to be done.

    Attributes:
        name: The argument of the client's `list` that the value is passed as.
        read: Reads what the caller wrote, given that and the argument's name for the error; as it is by default.
    """

    name: str
    read: Callable[[str, str], object] = lambda text, _: text


class ListRequest:
    """One call of a tool that lists.

    `arguments` is `locals()` as the tool's first statement: every argument, so that the cursor is bound to each.
    `filters` are arguments for the client's `list`. `note` is for a customer's assistant that asks for
    somebody's objects: if that is somebody else, an empty list would read as if there were none.
    """

    def __init__(self, tool: Callable[..., Awaitable[object]], arguments: Mapping[str, Any]) -> None:
        declared = _filters_of(tool)
        if set(arguments) != set(inspect.signature(tool).parameters):
            raise TypeError(
                f"{tool.__name__} must pass locals() in its first statement, so that no argument is missed."
            )
        self.context = nomos_context(arguments["ctx"])
        self.filters: dict[str, Any] = {
            filter_.name: filter_.read(arguments[name], name) for name, filter_ in declared.items()
        }
        after, before = self.filters.get("created_after"), self.filters.get("created_before")
        if after and before and after > before:
            raise InvalidRequestError("created_after is later than created_before, so nothing can match. Swap them.")
        whose = self.filters.get("customer") or self.filters.get("subscription") or arguments.get("order_id")
        self.note = ONLY_YOURS if whose and self.context.caller.is_fenced else ""
        self._cursor = arguments["cursor"]
        self._as_of = self.context.now()
        bound = sorted((name, value) for name, value in arguments.items() if name not in {"ctx", "cursor"})
        seen_as = [tool.__name__, self.context.client.api_version, self.context.caller.customer_id, bound]
        # Keyed, since a digest alone would show to whoever guesses it what was searched for, such as an e-mail address.
        self.binding = digest(json.dumps(seen_as), 12, self.context.client.derived_key("cursor"))

    def start(self, first: Cursor) -> Cursor:
        """Return where to start reading: `first`, unless the caller passed a cursor of an earlier call."""
        return cursor_of(self._cursor, self.binding) if self._cursor else first

    def fields(self, reading: ListReading[R], returned: int, gap: str = "") -> dict[str, Any]:
        """Return the fields of `ListResult`; `gap` is what may match beside that list."""
        rest = reading.next(returned)
        not_covered = [*filter(None, [gap]), *reading.not_covered]
        return self.said(returned, rest.text(self.binding) if rest else None, not_covered)

    def said(self, returned: int, next_cursor: str | None, not_covered: Sequence[str]) -> dict[str, Any]:
        """Return the fields of `ListResult`."""
        return {
            "returned": returned,
            "has_more": next_cursor is not None,
            "next_cursor": next_cursor,
            "complete": next_cursor is None and not not_covered,
            "not_covered": list(not_covered) or None,
            "as_of": self._as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "api_version": self.context.client.api_version,
        }


@cache
def _filters_of(tool: Callable[..., Awaitable[object]]) -> dict[str, UpstreamFilter]:
    found = {
        name: each
        for name, hint in get_type_hints(tool, include_extras=True).items()
        for each in getattr(hint, "__metadata__", ())
        if isinstance(each, UpstreamFilter)
    }
    ignored = set(inspect.signature(tool).parameters) - set(found) - _NO_FILTERS
    if ignored:
        raise TypeError(
            f"{tool.__name__} would ignore its argument {min(ignored)!r}. Put an UpstreamFilter into its annotation, "
            "with the name of the client's argument that it is passed as."
        )
    return found


def first_moment(text: str, name: str) -> datetime | None:
    """Return the moment that a range starts with; a bare day starts at midnight in Berlin. None for an empty text.

    A time without a zone is refused, since Berlin and UTC are both likely.
    """
    read = _read(text, name)
    return read if read is None or isinstance(read, datetime) else _midnight(read)


def last_moment(text: str, name: str) -> datetime | None:
    """Return the moment that a range ends with, as `first_moment`; a bare day is part of the range."""
    read = _read(text, name)
    return read if read is None or isinstance(read, datetime) else _midnight(read + timedelta(days=1)) - _TICK


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _BERLIN)


def _read(text: str, name: str) -> date | datetime | None:
    if not text:
        return None
    read = _parsed(text)
    unzoned = isinstance(read, datetime) and read.tzinfo is None
    if read is None or unzoned:
        raise InvalidRequestError(
            f"{name} {text[:40]!r} is {'a time without a zone' if unzoned else 'not a date'}. Write a day, 2026-05-27 "
            "(the whole day in Berlin), or a time with its zone, 2026-05-27T10:00:00+02:00."
        )
    return read


def _parsed(text: str) -> date | datetime | None:
    for form in (date, datetime):
        with suppress(ValueError):
            read = form.fromisoformat(text)
            return read if read.year in _YEARS else None
    return None
