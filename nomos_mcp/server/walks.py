"""Reading as many matching records as were asked for, over as few of upstream's pages as it takes."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from nomos_mcp.client import Listing, MeterOrder, Subscription
from nomos_mcp.server.cursors import Cursor

MAX_PAGES = 20
"""Pages of upstream's that one call reads at most; past it the caller gets a cursor to go on with."""

R = TypeVar("R", MeterOrder, Subscription)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """What a walk found.

    Attributes:
        items: At most as many as asked for, newest first.
        next: Where to go on; None at the end of the list.
    """

    items: list[R]
    next: Cursor | None


async def walk(
    listing: Callable[[str], Listing[R]],
    start: Cursor,
    *,
    wanted: int,
    keep: Callable[[R], bool] = lambda _: True,
) -> Found[R]:
    """Read records until `wanted` of them are kept, the list ends, or `MAX_PAGES` pages are read.

    Args:
        listing: The query, from a cursor of upstream's on.
        start: Where to begin.
        wanted: How many records to return at most; at least 1.
        keep: Which records count; every one by default.

    Raises:
        NomosError: Whatever a call can raise.
    """
    items: list[R] = []
    at = start.page
    async with aclosing(listing(at).pages(max_pages=MAX_PAGES)) as pages:
        async for page in pages:
            for item in filter(keep, _unseen(page.items, start)):
                if len(items) == wanted:
                    last = items[-1]
                    return Found(items, Cursor(start.page_size, at, last.id, last.created_at))
                items.append(item)
            if not page.has_more:
                return Found(items, None)
            at = page.next_cursor
            if len(items) == wanted:
                break
    return Found(items, Cursor(start.page_size, at))


def _unseen(items: tuple[R, ...], start: Cursor) -> tuple[R, ...]:
    """Leave out what was handed out before. Where the last one has left the page, rather repeat one than lose one."""
    ids = [item.id for item in items]
    if start.after in ids:
        return items[ids.index(start.after) + 1 :]
    last = start.created
    return tuple(item for item in items if not last or not item.created_at or item.created_at <= last)
