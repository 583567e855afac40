"""One page of a list: `{"object": "list", "items", "has_more", "next_page"}`, newest first."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from nomos_mcp.simulator.errors import Json, bad_request
from nomos_mcp.simulator.lists.cursors import Cursors
from nomos_mcp.simulator.lists.filters import Condition, Field, conditions
from nomos_mcp.simulator.versions import ApiVersion
from nomos_mcp.simulator.world.shelf import Position, Record, Shelf

R = TypeVar("R", bound=Record)

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Listing(Generic[R]):
    """How one kind of record is listed.

    Attributes:
        shelf: Where the records stand.
        fields: What they can be filtered by, in the version that is asked for.
        shown: Whether a version knows of a record at all.
        render: Writes one in a version's words.
    """

    shelf: Shelf[R]
    fields: Sequence[Field[R]]
    shown: Callable[[R, ApiVersion], bool]
    render: Callable[[R, ApiVersion], Json]


@dataclass(frozen=True, slots=True)
class Query:
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


def page(listing: Listing[R], query: Query, cursors: Cursors) -> Json:
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


def _position(last: Record | None) -> Position | None:
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


def _best_index(shelf: Shelf[R], wanted: Sequence[Condition[R]], organisation: str) -> tuple[str, str]:
    """Walk one customer's records rather than everybody's where a filter allows it."""
    for condition in wanted:
        if condition.operator == "eq" and shelf.has_index(condition.field.name):
            return condition.field.name, condition.operand
    return "organisation", organisation
