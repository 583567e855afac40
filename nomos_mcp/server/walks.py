"""Reading as many matching orders as were asked for, over as few of upstream's pages as it takes."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from nomos_mcp.client import Listing
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.server.cursors import Cursor

MAX_PAGES = 20
"""Pages of upstream's that one call reads at most; past it the caller gets a cursor to go on with."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk found.

    Attributes:
        orders: At most as many as asked for, newest first.
        next: Where to go on; None at the end of the list.
    """

    orders: list[MeterOrder]
    next: Cursor | None


async def walk(
    listing: Callable[[str], Listing[MeterOrder]], start: Cursor, *, wanted: int, keep: Callable[[MeterOrder], bool]
) -> Found:
    """Read orders until `wanted` of them are kept, the list ends, or `MAX_PAGES` pages are read.

    Args:
        listing: The query, from a cursor of upstream's on.
        start: Where to begin.
        wanted: How many orders to return at most; at least 1.
        keep: Which orders count.

    Raises:
        NomosError: Whatever a call can raise.
    """
    orders: list[MeterOrder] = []
    at = start.page
    async with aclosing(listing(at).pages(max_pages=MAX_PAGES)) as pages:
        async for page in pages:
            for order in filter(keep, _unseen(page.items, start)):
                if len(orders) == wanted:
                    last = orders[-1]
                    return Found(orders, Cursor(start.page_size, at, last.id, last.created_at))
                orders.append(order)
            if not page.has_more:
                return Found(orders, None)
            at = page.next_cursor
            if len(orders) == wanted:
                break
    return Found(orders, Cursor(start.page_size, at))


def _unseen(items: tuple[MeterOrder, ...], start: Cursor) -> tuple[MeterOrder, ...]:
    """Leave out what was handed out before. Where the last one has left the page, rather repeat one than lose one."""
    ids = [order.id for order in items]
    if start.after in ids:
        return items[ids.index(start.after) + 1 :]
    last = start.created
    return tuple(order for order in items if not last or not order.created_at or order.created_at <= last)
