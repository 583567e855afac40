"""Lists: one page, or a walk over all of them."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.client.errors import InvalidRequestError, UnreadableAnswerError
from nomos_mcp.client.models import Record

T = TypeVar("T", bound=Record)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first by `created_at`.

    Attributes:
        items: The items that keep to the filters.
        has_more: Whether upstream has another page.
        next_cursor: Pass as `cursor`, with every other argument unchanged, to get it; empty if there is none.
        dropped: How many items upstream sent although they do not keep to the filters.
    """

    items: tuple[T, ...]
    has_more: bool
    next_cursor: str
    dropped: int = 0

    @property
    def filter_honoured(self) -> bool:
        """Whether upstream applied the filters. If not, its list was another one; `items` still keeps to them."""
        return self.dropped == 0


class Listing(Generic[T]):
    """A list that has not been read yet: `await` it for one page, or `async for` it for every item.

    Nothing is sent before that. A walk asks page after page with unchanged parameters and ends where upstream says so.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Page[T]]], cursor: str = "") -> None:
        self._fetch = fetch
        self._cursor = cursor

    def __await__(self) -> Generator[object, None, Page[T]]:
        return self._fetch(self._cursor).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items()

    async def items(self, *, max_items: int | None = None, max_pages: int | None = None) -> AsyncGenerator[T]:
        """Walk over the items, at most `max_items` of them and over at most `max_pages` pages.

        Raises:
            InvalidRequestError: A bound is negative.
            UnreadableAnswerError: As `pages`.
        """
        left = _bound("max_items", max_items)
        if left == 0:
            return
        async with aclosing(self.pages(max_pages=max_pages)) as pages:
            async for page in pages:
                for item in page.items:
                    yield item
                    if left is not None:
                        left -= 1
                        if left == 0:
                            return

    async def pages(self, *, max_pages: int | None = None) -> AsyncGenerator[Page[T]]:
        """Walk over the pages, at most `max_pages` of them.

        Raises:
            InvalidRequestError: The bound is negative.
            UnreadableAnswerError: Upstream says that there is more but names no cursor, or one that it named before:
                going on would end early or never.
        """
        _bound("max_pages", max_pages)
        cursor, seen, read = self._cursor, {self._cursor}, 0
        while max_pages is None or read < max_pages:
            page = await self._fetch(cursor)
            read += 1
            yield page
            if not page.has_more:
                return
            if not page.next_cursor or page.next_cursor in seen:
                flaw = "a cursor that it named before" if page.next_cursor else "no cursor"
                raise UnreadableAnswerError(
                    f"The list says that there is more after page {read} but names {flaw}; the walk ends here, "
                    "incomplete.",
                    status=200,
                )
            cursor = page.next_cursor
            seen.add(cursor)


def _bound(name: str, value: int | None) -> int | None:
    if value is not None and value < 0:
        raise InvalidRequestError(f"{name} is {value}; a walk can be bounded to 0 or more.")
    return value


def checked_limit(limit: int) -> int:
    """Return `limit` if it is a page size that upstream takes.

    Raises:
        InvalidRequestError: It is not between 1 and 100.
    """
    if 1 <= limit <= MAX_PAGE_SIZE:
        return limit
    raise InvalidRequestError(f"limit is {limit}; a page holds between 1 and {MAX_PAGE_SIZE} items.")
