"""Lists: one page, or all pages in order."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from nomos_mcp.client.errors import InvalidRequestError, UnreadableResponseError
from nomos_mcp.client.models import NomosObject

MAX_PAGE_SIZE: Final = 100
"""Upper bound of `limit`, as the vendor documents it."""

T = TypeVar("T", bound=NomosObject)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first by `created_at`. That of a client of one customer counts no others' items.

    Attributes:
        items: The items that match the filters.
        has_more: Whether upstream has another page.
        next_cursor: Pass as `cursor`, with every other argument unchanged, to get it; None if there is none.
        dropped: How many items upstream sent although they do not match the filters.
        unreadable: The items that are not as documented, or hold nothing readable to filter by, and were left out: the
            ID of each, None if it has none.
        may_hide_own: Whether some item cannot be read and does not say whose it is; only of a client of one customer.
        contradiction: What is contradictory in how upstream says whether there is more; None if nothing is.
        oldest: When the oldest item that upstream sent was created, dropped ones included.
        newest: The same of the newest one.
        anchored: Whether `next_cursor` names the last item by ID and creation, as the example in the vendor's OpenAPI
            does. If so, an item that leaves the list meanwhile moves no other across the end of the page (inferred).
    """

    items: tuple[T, ...]
    has_more: bool = False
    next_cursor: str | None = None
    dropped: int = 0
    unreadable: tuple[str | None, ...] = ()
    may_hide_own: bool = False
    contradiction: str | None = None
    oldest: datetime | None = None
    newest: datetime | None = None
    anchored: bool = False

    @property
    def filter_honoured(self) -> bool:
        """Whether upstream applied the filters. If not, its list was another one; `items` still match them."""
        return self.dropped == 0


class Listing(Generic[T]):
    """A list that has not been read yet: `await` it for one page, or `async for` it for every item.

    Nothing is sent before that. Iterating asks for page after page with unchanged parameters, until upstream says that
    there are no more.
    """

    def __init__(self, fetch: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None = None) -> None:
        self._fetch = fetch
        self._cursor = cursor

    def __await__(self) -> Generator[object, None, Page[T]]:
        return self._fetch(self._cursor).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items()

    async def items(self, *, max_items: int | None = None, max_pages: int | None = None) -> AsyncGenerator[T]:
        """Iterate over the items, at most `max_items` of them and over at most `max_pages` pages.

        Items that cannot be read are left out; `pages` tells which.

        Raises:
            InvalidRequestError: A bound is negative.
            UnreadableResponseError: As `pages`.
        """
        _check_bound("max_items", max_items)
        count = 0
        async with aclosing(self.pages(max_pages=0 if max_items == 0 else max_pages)) as pages:
            async for page in pages:
                for item in page.items:
                    yield item
                    count += 1
                    if count == max_items:
                        return

    async def pages(self, *, max_pages: int | None = None) -> AsyncGenerator[Page[T]]:
        """Iterate over the pages, at most `max_pages` of them.

        Raises:
            InvalidRequestError: The bound is negative.
            UnreadableResponseError: Upstream contradicts itself on whether there is more, or returns a cursor that it
                returned before: going on would end early or never.
        """
        _check_bound("max_pages", max_pages)
        cursor, seen, read = self._cursor, {self._cursor}, 0
        while max_pages is None or read < max_pages:
            page = await self._fetch(cursor)
            read += 1
            yield page
            repeated = page.has_more and page.next_cursor in seen
            if flaw := page.contradiction or ("it names a cursor that it named before" if repeated else None):
                raise UnreadableResponseError(
                    f"The list is contradictory after page {read}: {flaw}. Reading stops here, incomplete.",
                    status_code=200,
                )
            if not page.has_more:
                return
            cursor = page.next_cursor
            seen.add(cursor)


def next_page(body: Mapping[str, object]) -> tuple[str | None, bool, str | None]:
    """Return the cursor of the next page, whether there is one, and what is contradictory about that.

    `has_more` may be absent, and is false then (documented).
    """
    more, after = body.get("has_more", False), body.get("next_page")
    cursor = after if isinstance(after, str) and after else None
    if not isinstance(more, bool):
        return cursor, bool(cursor), "`has_more` is neither true nor false"
    if more and not cursor:
        return None, True, "it says that there is more but names no cursor"
    if "has_more" not in body and after:
        return cursor, bool(cursor), "it names a next page but does not say whether there is more"
    return (cursor, True, None) if more else (None, False, None)


def cursor_names(cursor: str, item: object) -> bool:
    """Whether a cursor of upstream's names an item by ID and creation: Base64 of a JSON object that holds both."""
    url_safe = cursor.replace("+", "-").replace("/", "_")
    try:
        fields = json.loads(base64.urlsafe_b64decode(url_safe + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return False
    if not isinstance(fields, Mapping) or not isinstance(item, Mapping):
        return False
    wanted = (item.get("id"), item.get("created_at"))
    return all(isinstance(value, str) and value in fields.values() for value in wanted)


def checked_limit(limit: int) -> int:
    """Return `limit` if upstream accepts it as a page size."""
    if 1 <= limit <= MAX_PAGE_SIZE:
        return limit
    raise InvalidRequestError(f"limit is {limit}; a page holds between 1 and {MAX_PAGE_SIZE} items.")


def _check_bound(name: str, value: int | None) -> None:
    if value is not None and value < 0:
        raise InvalidRequestError(f"{name} is {value}; it must be 0 or more.")
