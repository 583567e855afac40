"""Reading as many matching records as were asked for, newest first, over as few of upstream's pages as it takes.

A page's cursor is known only with the page before it. So a list that turns out to be long is walked in several parts at
once, a group of statuses each, where one walk alone would leave the rate budget idle; the parts are then merged by
creation. Memory holds what was found and a page of each part, however long the list is.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from heapq import merge
from typing import Generic, TypeVar

from nomos_mcp.client import Listing, MeterOrder, Page, Subscription
from nomos_mcp.server.cursors import Cursor, Place
from nomos_mcp.server.parts import TRUNK_PAGES, is_long, parts_of
from nomos_mcp.server.together import side_by_side

MAX_PAGES = 100
"""Pages of upstream's that one call reads at most, ten seconds of the rate budget; past it a cursor is handed out."""

R = TypeVar("R", bound=MeterOrder | Subscription)
Part = tuple[str, ...]
Listed = Callable[[Part, str], Listing[R]]
"""The query, narrowed to the statuses of a part unless that is empty, from a cursor of upstream's on."""

_NEWEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Parting:
    """How a list may be walked in parts.

    Attributes:
        statuses: What it holds.
        most: Asked after the first pages: how many walks it takes to use the rate budget.
    """

    statuses: Sequence[str]
    most: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Find(Generic[R]):
    item: R
    moment: datetime
    page: str


class _Strand(Generic[R]):
    """The walk over one part.

    Attributes:
        at: Upstream's cursor of the page to read next.
        finds: What was kept, newest first.
        reached: Nothing newer can come any more.
        ended: Whether the part was read to its end.
    """

    def __init__(self, start: Place) -> None:
        self.start = start
        self.at = start.page
        self.finds: list[_Find[R]] = []
        self.reached = start.created or _NEWEST
        self.ended = False

    def take(self, page: Page[R], keep: Callable[[R], bool]) -> None:
        """Read a page."""
        for item in _unseen(page.items, self.start):
            self.reached = min(self.reached, item.created_at or self.reached)
            if keep(item):
                self.finds.append(_Find(item, self.reached, self.at))
        self.at, self.ended = page.next_cursor, not page.has_more

    def place(self, handed: int) -> Place | None:
        """Return where to go on once so many finds were handed out; None at the end."""
        last = self.finds[handed - 1] if handed else None
        if handed < len(self.finds):
            page = self.finds[handed].page
            if last and last.page == page:
                return replace(self.start, page=page, after=last.item.id, created=last.item.created_at)
            return replace(self.start, page=page)
        return None if self.ended else replace(self.start, page=self.at)


class Found(Generic[R]):
    """What a walk found.

    Attributes:
        items: At most as many as asked for, newest first; equally new ones by part.
    """

    def __init__(self, trunk: _Strand[R], parts: Sequence[_Strand[R]], wanted: int, page_size: int) -> None:
        self._trunk, self._parts, self._page_size = trunk, parts, page_size
        certain = [
            [
                (find, part)
                for find in part.finds
                if not any(_may_precede(parts, at, find, number) for at in range(len(parts)))
            ]
            for number, part in enumerate(parts)
        ]
        behind = merge(*certain, key=lambda pair: pair[0].moment, reverse=True)
        self._order = [*((find, trunk) for find in trunk.finds), *behind][:wanted]
        self.items = [find.item for find, _ in self._order]

    def next(self, handed: int | None = None) -> Cursor | None:
        """Return where to go on after handing out so many of the items, by default all; None at the end of the list."""
        order = self._order[:handed]
        behind = len(order) >= len(self._trunk.finds) and self._parts
        counts = Counter(id(strand) for _, strand in order)
        places = [strand.place(counts[id(strand)]) for strand in (self._parts if behind else [self._trunk])]
        left = tuple(place for place in places if place)
        return Cursor(self._page_size, left) if left else None


async def _silent(_: int) -> None:
    """Report to nobody."""


async def walk(
    listing: Listed[R],
    start: Cursor,
    *,
    wanted: int,
    keep: Callable[[R], bool] = lambda _: True,
    parting: Parting | None = None,
    report: Callable[[int], Awaitable[None]] = _silent,
) -> Found[R]:
    """Read records until the newest `wanted` of those to keep are known, the list ends, or `MAX_PAGES` pages are read.

    Args:
        listing: The query.
        start: Where to begin.
        wanted: How many records to return at most; at least 1.
        keep: Which records to keep, asked once about each; every one by default.
        parting: How the list may be walked in parts; not at all by default.
        report: Told how many records were read so far, after each page but the first.

    Raises:
        NomosError: Whatever a call can raise.
    """
    walker = _Walker(listing, wanted, keep, report)
    strands = [_Strand[R](place) for place in start.places]
    if start.places != (Place(),) or not parting:
        await walker.along(strands, MAX_PAGES)
        return Found(_Strand(Place()), strands, wanted, start.page_size)
    trunk = strands[0]
    await walker.along([trunk], min(TRUNK_PAGES, MAX_PAGES))
    parts = walker.parts_behind(trunk, parting)
    await walker.along(parts or [trunk], MAX_PAGES)
    return Found(trunk, parts, wanted, start.page_size)


class _Walker(Generic[R]):
    """Reads strands side by side, and counts pages over all of them."""

    def __init__(
        self, listing: Listed[R], wanted: int, keep: Callable[[R], bool], report: Callable[[int], Awaitable[None]]
    ) -> None:
        self._listing = listing
        self._wanted = wanted
        self._keep = keep
        self._report = report
        self._pages = 0
        self._records = 0
        self._seen: dict[str, str] = {}  # what the trunk's first pages held: ID to status, in their order

    async def along(self, strands: Sequence[_Strand[R]], most: int) -> None:
        """Read on along strands until enough is known, or `most` pages were read in all."""
        await side_by_side([partial(self._read, strands, number, most) for number in range(len(strands))])

    def parts_behind(self, trunk: _Strand[R], parting: Parting) -> list[_Strand[R]]:
        """Make the parts of what lies behind the trunk's pages; none if that is short, or one walk is as good."""
        if trunk.ended or not is_long(len(trunk.finds), self._wanted, self._pages):
            return []
        parts = parts_of(parting.statuses, Counter(self._seen.values()), parting.most())
        if len(parts) == 1:
            return []
        self._wanted -= len(trunk.finds)
        last = [next((known for known in reversed(self._seen) if self._seen[known] in part), "") for part in parts]
        return [_Strand(Place(part, "", after, trunk.reached)) for part, after in zip(parts, last, strict=True)]

    async def _read(self, strands: Sequence[_Strand[R]], number: int, most: int) -> None:
        strand = strands[number]
        async with aclosing(self._listing(strand.start.part, strand.at).pages()) as pages:
            while self._pages < most and self._needs(strands, number):
                self._pages += 1
                page = await anext(pages)
                strand.take(page, lambda item: item.id not in self._seen and self._keep(item))
                if not strand.start.part and self._pages <= TRUNK_PAGES:
                    self._seen |= {item.id: item.status for item in page.items}
                self._records += len(page.items)
                if self._pages > 1:
                    await self._report(self._records)

    def _needs(self, strands: Sequence[_Strand[R]], number: int) -> bool:
        """Whether a strand may still bring one of the newest `wanted`."""
        if strands[number].ended:
            return False
        ahead = sum(
            other == number or not _may_precede(strands, number, find, other)
            for other, strand in enumerate(strands)
            for find in strand.finds
        )
        return ahead < self._wanted


def _may_precede(strands: Sequence[_Strand[R]], at: int, find: _Find[R], number: int) -> bool:
    """Whether the strand `at` may still bring something that goes before a find of strand `number`."""
    strand = strands[at]
    if strand.ended or at == number:
        return False
    return strand.reached > find.moment or (strand.reached == find.moment and at < number)


def _unseen(items: tuple[R, ...], start: Place) -> tuple[R, ...]:
    """Leave out what was handed out before. Where the last one has left the page, rather repeat one than lose one."""
    ids = [item.id for item in items]
    if start.after in ids:
        return items[ids.index(start.after) + 1 :]
    last = start.created
    return tuple(item for item in items if not last or not item.created_at or item.created_at <= last)
