"""Reading a list from upstream, page after page, newest first, over as many calls as it takes.

An item that matches for as long as a list is read, over however many calls, is returned exactly once. Two things ensure
that:

- Our cursor says what was read: everything created after `Position.created`, `Position.ids` of that moment, and by name
  (`Position.undated`) what has no place in that order.
- Items that leave a list by status must not move others to a page that was read already. They cannot if upstream's
  cursor names the last item of the page (`Page.anchored`). Any other cursor may count items; then a list of several
  pages is read without the filter by status, because nothing leaves that list.

Where that is not possible, because upstream contradicts itself or sends what cannot be read, `not_covered` says so, and
the list is not complete. A filter by time that upstream does not know ends the list with the first page of nothing but
older items, since the list is documented as newest first; one that is seen not to be is read to its end.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from nomos_mcp.client import BadRequestError, Listing, MeterOrder, Page, Subscription
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.server.list_cursor import Cursor, Position, malformed_cursor

MAX_PAGES = 100
"""Pages of upstream's that one call reads at most, ten seconds of the rate limit; past it a cursor is handed out."""

_MAX_IDS = 150  # in a cursor, the last ones: more than a page of upstream's, and as many as fit into an answer
_MAX_NAMED = 5
_DISORDER = "some orders, perhaps: Nomos did not list newest first"
_UNDATED = f"what follows: of more than {_MAX_IDS} orders could not be read when they were created"
_TOO_MANY = f"what follows: more than {_MAX_IDS} orders of one moment on one page"

UNREADABLE = "that could not be read"

R = TypeVar("R", bound=MeterOrder | Subscription)
Keep = Callable[[R], bool | str]
"""Whether an item is kept. A text says that this cannot be told, and why: "that could not be read"."""


@dataclass(frozen=True, slots=True)
class Query:
    """One way to ask upstream for a list.

    Attributes:
        filters: Arguments for the client's `list`, by which this query differs from the others.
        by_status: Whether upstream filters by status, so that items can leave the list.
        tentative: Whether upstream may not understand it: 400, or items that do not match, lead to the next query.
        not_covered: What matches but is not found in this way; empty if nothing.
    """

    filters: Mapping[str, Any] = field(default_factory=dict)
    by_status: bool = False
    tentative: bool = False
    not_covered: str = ""


@dataclass(frozen=True, slots=True)
class _Find(Generic[R]):
    item: R
    page: str
    behind: Position


class ListReading(Generic[R]):
    """What was read of a list, and where reading stands."""

    def __init__(
        self,
        ask: Callable[..., Listing[R]],
        queries: Sequence[Query],
        start: Cursor,
        wanted: int | None,
        since: datetime | None,
    ) -> None:
        if start.query >= len(queries):
            raise malformed_cursor()
        self._ask = ask
        self._queries = queries
        self._wanted = wanted
        self._since = since
        self._start = self._at = start
        self._covered = self._position = start.position
        self._oldest = start.position.created if start.page and not start.again else None
        self._check = bool(self._oldest)
        self._newer = self._met = False  # whether items newer than the position, and then those of it, were sent
        self._finds: list[_Find[R]] = []
        self._seen: set[str] = set()
        self._asked: set[str] = set()
        self._left_out: dict[str, dict[str, None]] = {}
        self._nameless = 0
        self._largest = 0
        self._flaws: dict[str, None] = {}
        self._ended = False
        self.refused = False  # whether upstream did not understand a tentative query

    @property
    def items(self) -> list[R]:
        """The items that were kept, newest first."""
        return [find.item for find in self._finds[: self._wanted]]

    @property
    def not_covered(self) -> list[str]:
        """What may match but was left out, each in a few words."""
        query = self._queries[self._at.query]
        said = [query.not_covered] if query.not_covered else []
        for why, names in self._left_out.items():
            count = len(names) + (self._nameless if why == UNREADABLE else 0)
            named = ", ".join([*names][:_MAX_NAMED])
            said.append(f"{count} {why}{named and f': {named}'}")
        said += self._flaws
        return said or (["what not_covered of an earlier page names"] if self._start.gaps else [])

    def next(self, handed: int | None = None) -> Cursor | None:
        """Return where to go on after returning so many of the items, by default all; None at the end."""
        count = len(self.items) if handed is None else handed
        if count < len(self._finds):
            page, behind = self._finds[count].page, self._start.position
            again = not count or self._finds[count - 1].page == page
            if count:
                behind = self._finds[count - 1].behind
            rest = replace(self._at, page=page, again=again, position=behind)
        elif self._ended:
            return None
        else:
            rest = replace(self._at, again=False, position=self._position)
        if rest.again and self._largest > _MAX_IDS and len(rest.position.ids) > _MAX_IDS:
            self._flaws[_TOO_MANY] = None  # the next call could not tell which of them were returned
            return None
        if len(rest.position.undated) > _MAX_IDS:
            self._flaws[_UNDATED] = None
            return None
        return replace(rest, position=rest.position.cut(_MAX_IDS), gaps=bool(self.not_covered))

    async def run(self, keep: Keep[R], report: Callable[[int], Awaitable[None]] | None) -> None:
        records, begun_at = 0, self._oldest
        for number in range(MAX_PAGES):
            page = await self._page()
            if page is None:
                continue
            self._take(page, keep)
            news = len(page.items) + page.dropped + len(page.unreadable)
            records += news
            if number and news and report:
                await report(records)
            if self._ended or (self._wanted is not None and len(self._finds) >= self._wanted):
                return
        if not self._seen and self._oldest == begun_at:
            self._end("what follows: Nomos sent page after page without anything new")

    async def _page(self) -> Page[R] | None:
        """Read the next page; None if another query has to be asked instead."""
        query = self._queries[self._at.query]
        try:
            page = await self._ask(**query.filters, limit=self._at.page_size, cursor=self._at.page)
        except BadRequestError:
            if not query.tentative or self._at.page:
                raise
            page = None
        if page is None or (query.tentative and page.dropped):
            self.refused = True
            self._ask_with(self._at.query + 1)
            return None
        if query.by_status and page.next_cursor and not page.anchored and not self._is_too_old(page.oldest):
            self._ask_with(len(self._queries) - 1)
            return None
        return page

    def _is_too_old(self, created: datetime | None) -> bool:
        """Whether this, and so everything behind it, is older than what is asked for."""
        return bool(self._since and created and created < self._since and _DISORDER not in self._flaws)

    def _ask_with(self, query: int) -> None:
        """Start again with another query, after what was read so far."""
        if (lacking := self._queries[self._at.query].not_covered) and self._seen:
            self._flaws[lacking] = None
        self._covered = self._position
        self._at = Cursor(MAX_PAGE_SIZE, query)
        self._oldest = None
        self._check = False
        self._asked.clear()
        self._finds = [replace(find, page="") for find in self._finds]

    def _check_order(self, page: Page[R]) -> None:
        """Notice newer items on the pages behind a cursor, which would pass for read.

        Where cursors count items, new ones move those that were read onto such a page. The last one read follows them.
        """
        position = self._start.position
        for item in page.items:
            if not self._check or position.created is None or item.created_at is None:
                continue
            if item.created_at > position.created:
                self._newer = True
                if self._met:
                    self._flaws[_DISORDER] = None
                continue
            self._met = True
            if self._newer and not position.covers(item.id, item.created_at):
                self._flaws[_DISORDER] = None
            self._newer = False
        if self._newer and (page.anchored or not page.has_more or self._is_too_old(page.newest)):
            self._flaws[_DISORDER] = None

    def _take(self, page: Page[R], keep: Keep[R]) -> None:
        self._check_order(page)
        self._largest = max(self._largest, len(page.items))
        before, news = self._oldest, len(self._seen)
        for item in page.items:
            created = item.created_at
            if item.id in self._seen or self._covered.covers(item.id, created):
                continue
            self._seen.add(item.id)
            if created:
                if self._oldest and created > self._oldest:
                    self._flaws[_DISORDER] = None
                self._oldest = min(created, self._oldest or created)
            self._position = self._position.past(item.id, created)
            verdict = keep(item)
            if isinstance(verdict, str):
                self._left_out.setdefault(verdict, {})[item.id] = None
            elif verdict:
                self._finds.append(_Find(item, self._at.page, self._position))
        if page.unreadable:
            self._left_out.setdefault(UNREADABLE, {}).update(dict.fromkeys(filter(None, page.unreadable)))
            self._nameless += page.unreadable.count(None)
        if page.may_hide_own:
            self._flaws[f"perhaps some {UNREADABLE}"] = None
        if page.oldest:
            self._oldest = min(page.oldest, self._oldest or page.oldest)
        self._turn(page, stale=bool(before and page.oldest and page.oldest >= before and len(self._seen) == news))

    def _turn(self, page: Page[R], *, stale: bool) -> None:
        """Turn to the next page, unless upstream contradicts itself.

        A stale page holds nothing but what was read. Where cursors count items, new ones can bring that about.
        """
        self._asked.add(self._at.page)
        if self._is_too_old(page.newest):  # the oldest alone may be one that stands out of place
            self._ended = True
            return
        if page.contradiction:
            self._flaws[f"what follows, perhaps: {page.contradiction}"] = None
        shifted = stale and page.has_more and not page.anchored
        if (stale and not shifted) or (page.has_more and page.next_cursor in self._asked):
            self._end("what follows: Nomos sent an earlier page again")
        elif page.has_more and page.next_cursor:
            self._at = replace(self._at, page=page.next_cursor, again=False)
        else:
            self._ended = True

    def _end(self, flaw: str) -> None:
        self._flaws[flaw] = None
        self._ended = True


async def read_list(
    ask: Callable[..., Listing[R]],
    queries: Sequence[Query],
    start: Cursor,
    *,
    wanted: int | None,
    since: datetime | None = None,
    keep: Keep[R] = lambda _: True,
    report: Callable[[int], Awaitable[None]] | None = None,
) -> ListReading[R]:
    """Read a list until as many as wanted were found, it ends, or `MAX_PAGES` pages were read.

    Args:
        ask: The client's `list`, with the filters that all queries share.
        queries: Ways to ask, the one with the fewest pages first; the last one does not filter by status.
        start: Where to begin.
        wanted: How many items to find; None for all.
        since: Creation of the oldest item that `keep` may keep; None for no such bound.
        keep: Which items to keep; asked once about each.
        report: Told how many records were read so far, after each page with any but the first.
    """
    reading = ListReading(ask, queries, start, wanted, since)
    await reading.run(keep, report)
    return reading
