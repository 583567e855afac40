"""The tool `list_meter_orders_by_status`."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import (
    CURIE,
    STATUSES,
    VERSIONS,
    ApiVersion,
    blocked_statuses,
    is_blocked,
    neighbours,
    open_statuses,
    summarise,
)
from nomos_mcp.server.cursors import Cursor, cursor_of
from nomos_mcp.server.desk import Desk, desk_of
from nomos_mcp.server.failures import nearest
from nomos_mcp.server.results import ListResult, Result, fitting, order_state
from nomos_mcp.server.strict import READ, strict_tool
from nomos_mcp.server.walks import Parting, walk

BLOCKED, OPEN, ALL = "blocked", "open", "all"


class OrderLine(Result):
    """One order of a list; get_meter_order tells the rest."""

    id: str
    customer: str
    status: str
    summary: str


class Counts(Result):
    """How many orders match. A status or reason that is not listed has none."""

    total: int
    by_status: dict[str, int]
    by_block_reason: dict[str, int]


class OrderList(ListResult):
    """One page of orders, newest first; with `limit` 0 their counts instead."""

    orders: list[OrderLine]
    counts: Counts | None = None


async def list_meter_orders_by_status(
    status: Annotated[str, Field(description="A status, or blocked, open (may still progress), all.")],
    ctx: Context[Desk],
    customer_id: Annotated[str, Field(description="Only this customer's (cus_…).")] = "",
    subscription_id: Annotated[str, Field(description="Only this subscription's (sub_…).")] = "",
    limit: Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE, description="Orders to return at most; 0: only count.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the call before, other arguments unchanged.")] = "",
) -> Annotated[CallToolResult, OrderList]:
    """List smart meter orders, newest first, or count them: "which are blocked?", "how many are scheduled?".

    `blocked` finds every order that is held up, whatever its status: each `summary` names the reason and whose turn it
    is. `complete` is true when this page, with those before it, is everything that matches; otherwise go on with
    `next_cursor`, or say that there is more.
    `limit` 0 lists nothing and answers with `counts` per status and per block reason; if not `complete`, they are of
    a part of the orders, and `next_cursor` counts the rest.
    """
    desk = desk_of(ctx)
    version = desk.vocabulary
    statuses, keep = _selection(status, version)
    counting = limit == 0
    query = ("meter orders", status, customer_id, subscription_id, version)
    start = cursor_of(cursor, query) if cursor else Cursor(MAX_PAGE_SIZE if counting or status == BLOCKED else limit)
    tally = _Tally(version)

    def counted(order: MeterOrder) -> bool:
        """Count instead of keeping."""
        if keep(order):
            tally.add(order)
        return False

    async def report(read: int) -> None:
        await ctx.report_progress(read, message=f"{read:,} orders read")

    found = await walk(
        lambda part, at: desk.client.meter_orders.list(
            status=part or statuses,
            customer=customer_id,
            subscription=subscription_id,
            limit=start.page_size,
            cursor=at,
        ),
        start,
        wanted=limit or 1,
        keep=counted if counting else keep,
        parting=Parting(statuses, lambda: desk.client.walks_abreast) if statuses else None,
        report=report,
    )
    now = desk.now()
    lines = [
        OrderLine(
            id=order.id,
            customer=order.customer,
            status=order.status,
            summary=summarise(order_state(order, version), now=now),
        )
        for order in found.items
    ]
    lines = lines[: fitting(lines)]
    rest = found.next(len(lines))
    return OrderList(
        orders=lines,
        counts=tally.counts() if counting else None,
        returned=len(lines),
        has_more=rest is not None,
        next_cursor=rest.text(query) if rest else None,
        complete=rest is None,
        api_version=version,
    ).answer()


def tool(version: ApiVersion) -> Tool:
    """Make the tool for the statuses of an API version."""
    return strict_tool(
        list_meter_orders_by_status,
        title="List smart meter orders by status",
        annotations=READ,
        choices={"status": tuple(_choices(version))},
    )


def _choices(version: ApiVersion) -> list[str]:
    return list(dict.fromkeys((BLOCKED, OPEN, ALL, *STATUSES[version])))


def _selection(status: str, version: ApiVersion) -> tuple[tuple[str, ...], Callable[[MeterOrder], bool]]:
    """Return which statuses to ask upstream for, and which of the orders that come back count."""
    if status == ALL:
        return (), _any
    if status == OPEN:
        return open_statuses(version), _any
    if status == BLOCKED:
        # Edison has statuses for it; under curie it is an overlay, which upstream cannot filter by.
        return blocked_statuses(version) or open_statuses(version), partial(_blocked, version)
    if status in STATUSES[version]:
        return (status,), _any
    raise InvalidRequestError(
        f"Unknown status {status!r}.{_hint(status, version)} API version {version} has "
        f"{', '.join(STATUSES[version])}; beyond these, {BLOCKED}, {OPEN} and {ALL} can be asked for. "
        f"explain_status explains the names of both API versions."
    )


def _hint(status: str, version: ApiVersion) -> str:
    if home := next((each for each in VERSIONS if status in STATUSES[each]), None):
        near = ", ".join(neighbours(status, home))
        here = f"nearest here (inferred): {near}" if near else "it has no counterpart here (inferred)"
        return f" It is a status of {home}; {here}."
    guess = nearest(status, _choices(version))
    return f" Did you mean {guess!r}?" if guess else ""


class _Tally:
    """Counts orders without keeping them."""

    def __init__(self, version: ApiVersion) -> None:
        self._version = version
        self._statuses: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, order: MeterOrder) -> None:
        """Count an order."""
        state = order_state(order, self._version)
        self._statuses[state.status] += 1
        if is_blocked(state):
            # Edison has no reasons: there the status that blocks is the reason.
            self._reasons[(state.blocked_reason or "unstated") if self._version == CURIE else state.status] += 1

    def counts(self) -> Counts:
        """Return what was counted."""
        return Counts(
            total=self._statuses.total(),
            by_status=dict(self._statuses.most_common()),
            by_block_reason=dict(self._reasons.most_common()),
        )


def _any(_: MeterOrder) -> bool:
    return True


def _blocked(version: ApiVersion, order: MeterOrder) -> bool:
    return is_blocked(order_state(order, version))
