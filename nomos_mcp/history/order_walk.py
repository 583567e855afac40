"""The requests of one run of watching, page after page and order after order.

The list holds the newest orders first, and nothing leaves it. So a run reads it down to some day, which brings a
hundred orders with a request, and reads the orders that are open and older one by one. That day is chosen so that it
takes the fewest requests, and is well before the last complete run, so that no new order is missed. Once a week the
whole list is read: curie does not list what edison calls `intended`, and when that becomes an order nobody says where
in the list it appears.

Each page, and how far the run is, are recorded in one transaction: a process that is killed at any moment loses no
change, and the next one tells none twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Final

import anyio
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.client import BadRequestError, MeterOrder, NomosClient, NotFoundError, Page
from nomos_mcp.client.errors import UnreadableResponseError
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.database.tables import observations
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.recording import record
from nomos_mcp.history.run_progress import Progress, RunReport
from nomos_mcp.history.runs import Run
from nomos_mcp.history.store import History
from nomos_mcp.history.untold import Tally, first_event
from nomos_mcp.lifecycle import VERSIONS

OVERLAP: Final = timedelta(days=30)
"""How far before the last complete run the list is read at least (our choice)."""

WHOLE_EVERY: Final = timedelta(days=7)
"""How often the whole list is read (our choice)."""

GONE_AFTER: Final = timedelta(days=7)
"""How long an order that is not shown any more makes runs incomplete. After that nothing is expected of it."""

_TIMEOUT: Final = 60.0  # of a call; no other call has this, so that it joins no read that began before its look
_READ_AT_ONCE: Final = 20  # orders that are read one by one, for each transaction
_STALE_PAGES: Final = 3  # pages in a row without anything new


class OrderWalk:
    """Reads the orders for one run, from where it stands to its end."""

    def __init__(
        self, history: History, client: NomosClient, run: Run, pause: float, report: Callable[[int, int], None]
    ) -> None:
        self._history = history
        self._orders = client.with_options(timeout=_TIMEOUT).meter_orders
        self._version = next(version for version in VERSIONS if version == client.api_version)
        self._pause = pause
        self._report = report
        self._began = anyio.current_time()
        self._next = self._began
        progress = Progress.of(run.progress)
        self._goes_on = progress is not None and progress.api_version == self._version
        self._at = progress if progress and self._goes_on else Progress(api_version=self._version)
        self._run = run
        self._seen: set[str] = set()
        self._unreadable: set[str | None] = set()
        self._page_before: frozenset[str] = frozenset()
        self._stale = 0
        self._restarted = False
        self._first_event: datetime | None = None
        self._expected = 0

    async def finish(self) -> RunReport:
        async with self._history.database.reading() as connection:
            self._first_event = await first_event(connection)
            if not self._goes_on:
                self._at.until = _text(await self._furthest(connection))
        while not self._at.listed:
            await self._read_page()
        while await self._read_open():
            pass
        return await self._end()

    async def _end(self) -> RunReport:
        finished_at = self._history.now()
        async with self._history.database.writing() as connection:
            not_covered = self._at.not_covered
            await self._history.runs.save(connection, self._run, finished_at=finished_at, not_covered=not_covered)
        tally = Tally(**self._at.tally)
        return RunReport(
            started_at=self._run.started_at,
            finished_at=finished_at,
            seconds=round(anyio.current_time() - self._began, 1),
            requests=self._run.requests,
            orders_read=self._run.orders_read,
            changes=self._run.changes,
            by_kind=dict(sorted(tally.by_kind.items())),
            untold=tally.untold if self._first_event else None,
            without_topic=tally.without_topic,
            resumed=self._run.resumed,
            complete=not not_covered,
            not_covered=not_covered,
        )

    async def _furthest(self, connection: AsyncConnection) -> datetime | None:
        """Return how far back to read the list, so that it and the older open orders take the fewest requests."""
        complete = await self._history.runs.complete_since(connection, self._run.started_at - WHOLE_EVERY)
        read_whole = any((run := Progress.of(each.cursor)) and run.until is None for each in complete)
        latest, newer = observations.c, func.row_number().over(order_by=observations.c.created_at.desc())
        if not read_whole:
            self._expected = await _count(connection, latest.is_latest)
            return None
        last: datetime = complete[-1].started_at
        known = select(latest.created_at, latest.is_final, newer.label("newer"))
        ranked = known.where(latest.is_latest, latest.created_at.is_not(None)).subquery()
        query = select(ranked.c.created_at, ranked.c.newer).where(
            ~ranked.c.is_final, ranked.c.created_at < last - OVERLAP
        )
        open_ = (await connection.execute(query.order_by(ranked.c.created_at))).all()
        recent = await _count(connection, latest.is_latest & (latest.created_at >= last - OVERLAP))
        ways: list[tuple[int, int, datetime]] = [(older, listed, until) for older, (until, listed) in enumerate(open_)]
        ways.append((len(ways), recent, last - OVERLAP))
        older, listed, until = min(ways, key=lambda way: way[0] + way[1] / MAX_PAGE_SIZE)
        self._expected = older + listed
        return until

    async def _read_page(self) -> None:
        seen_at = await self._turn()
        try:
            page = await self._orders.list(cursor=self._at.page)
        except BadRequestError:
            if self._at.page is None:
                raise
            flaws = self._at.flaws
            if self._restarted:
                flaws = [*flaws, "what follows in the list: Nomos refused the cursor that it had given"]
            # What was read is not read for nothing: it is recorded.
            self._at = replace(self._at, page=None, oldest=None, listed=self._restarted, flaws=flaws)
            self._restarted = True
            return
        looks = [OrderLook.of(order, self._version, seen_at=seen_at, seen_by="poll") for order in page.items]
        progress = self._behind(page)
        await self._record(looks, progress, requests=1)

    def _behind(self, page: Page[MeterOrder]) -> Progress:
        """Return the progress behind a page, and notice what is contradictory."""
        at = self._at
        oldest = _moment(at.oldest)
        in_order = at.in_order
        for order in page.items:
            if order.created_at is None or order.id in self._page_before:
                continue  # new orders push older ones onto the next page, where a cursor counts
            in_order = in_order and not (oldest and order.created_at > oldest)
            oldest = min(order.created_at, oldest or order.created_at)
        ids = frozenset(order.id for order in page.items)
        self._stale = 0 if ids - self._seen else self._stale + 1
        self._seen |= ids
        self._unreadable.update(page.unreadable)
        self._page_before = ids
        flaws = list(at.flaws)
        if page.contradiction:
            flaws.append(f"what follows in the list, perhaps: {page.contradiction}")
        repeats = page.has_more and (page.next_cursor == at.page or self._stale == _STALE_PAGES)
        if repeats:
            flaws.append("what follows in the list: Nomos sent the same orders again and again")
        until = _moment(at.until)
        is_past = bool(until and in_order and page.newest and page.newest < until)
        return replace(
            at,
            listed=is_past or repeats or not page.next_cursor,
            page=page.next_cursor,
            oldest=_text(oldest),
            in_order=in_order,
            unreadable=at.unreadable + len(page.unreadable),
            flaws=flaws,
        )

    async def _read_open(self) -> bool:
        """Read some of the open orders that were not listed; return whether there are more."""
        ids = await self._unseen()
        looks: list[OrderLook] = []
        gone: dict[str, datetime] = {}
        unreadable = 0
        for order_id in ids:
            seen_at = await self._turn()
            try:
                order = await self._orders.get(order_id)
            except NotFoundError:
                gone[order_id] = seen_at
            except UnreadableResponseError:
                unreadable += order_id not in self._unreadable
            else:
                looks.append(OrderLook.of(order, self._version, seen_at=seen_at, seen_by="poll"))
        progress = replace(self._at, after=ids[-1] if ids else "", unreadable=self._at.unreadable + unreadable)
        is_strange = len(gone) == _READ_AT_ONCE and not self._at.after
        if is_strange:  # of another organisation, perhaps
            flaw = f"the known orders that the list did not show: Nomos knows none of the first {_READ_AT_ONCE} of them"
            progress.flaws = [*progress.flaws, flaw]
        if ids:
            await self._record(looks, progress, requests=len(ids), gone={} if is_strange else gone)
        return len(ids) == _READ_AT_ONCE and not is_strange

    async def _unseen(self) -> list[str]:
        """Return the next open orders that this run has not looked at."""
        latest = observations.c
        query = select(latest.order_id).where(latest.is_latest, ~latest.is_final)
        if self._goes_on:  # nobody knows any more which orders were listed before
            until = _moment(self._at.until)
            if until is None:  # all of them
                return []
            query = query.where((latest.created_at < until) | latest.created_at.is_(None))
        found: list[str] = []
        after = self._at.after
        async with self._history.database.reading() as connection:
            while len(found) < _READ_AT_ONCE:
                some = query.where(latest.order_id > after).order_by(latest.order_id).limit(500)
                ids = list((await connection.execute(some)).scalars())
                found += [order_id for order_id in ids if order_id not in self._seen]
                if not ids:
                    break
                after = ids[-1]
        return found[:_READ_AT_ONCE]

    async def _turn(self) -> datetime:
        """Wait for the next request's turn; return when it begins."""
        await anyio.sleep_until(self._next)
        self._next = anyio.current_time() + self._pause
        return self._history.now()

    async def _record(
        self, looks: Sequence[OrderLook], at: Progress, *, requests: int, gone: Mapping[str, datetime] | None = None
    ) -> None:
        async with self._history.database.writing() as connection:
            told = await record(connection, looks, self._history.now())
            tally = Tally(**at.tally)
            at.tally = asdict(await tally.with_(connection, told, self._first_event))
            at.gone += await _missing(connection, gone or {})
            run = replace(
                self._run,
                progress=json.dumps(asdict(at)),
                requests=self._run.requests + requests,
                orders_read=self._run.orders_read + len(looks),
                changes=self._run.changes + len(told),
            )
            await self._history.runs.save(connection, run)
        self._run, self._at = run, at
        self._report(run.orders_read, self._expected)


async def _missing(connection: AsyncConnection, gone: Mapping[str, datetime]) -> int:
    """Remember when orders were not shown for the first time; return how many of them are still expected."""
    expected = 0
    for order_id, seen_at in gone.items():
        mine = (observations.c.order_id == order_id) & observations.c.is_latest
        since = (await connection.execute(select(observations.c.doubted_at).where(mine))).scalar()
        if since is None:
            await connection.execute(update(observations).where(mine).values(doubted_at=seen_at))
        expected += since is None or seen_at - since < GONE_AFTER
    return expected


async def _count(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    found: int = (
        await connection.execute(select(func.count()).select_from(observations).where(condition))
    ).scalar_one()
    return found


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
