"""The tool `list_meter_orders_by_status`."""

import re
from collections import Counter
from functools import partial
from typing import Annotated
from weakref import WeakSet

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.errors import BadRequestError, InvalidRequestError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.lifecycle import (
    CURIE,
    STATUSES,
    VERSIONS,
    ApiVersion,
    OrderState,
    blocked_statuses,
    final_statuses,
    is_blocked,
    is_final,
    neighbours,
    open_statuses,
    summarise,
)
from nomos_mcp.server.error_messages import did_you_mean
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.list_request import ListRequest, UpstreamFilter
from nomos_mcp.server.pagination import Query, read_list
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import ListResult, Result, ToolDefinition, fitting, order_state

BLOCKED, OPEN, ALL = "blocked", "open", "all"

_NEW_STATUSES = "orders of a status newer than this release: Nomos did not apply the filter that finds them"
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ne_refused: WeakSet[NomosContext] = WeakSet()
"""Servers whose upstream did not understand `filter[status][ne]`; they do not ask with it again."""


class OrderLine(Result):
    """One order of a list, in short: get_meter_order returns all of it."""

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
    note: str | None = None


async def list_meter_orders_by_status(
    status: Annotated[str, Field(description="A status, or blocked, open (may still progress), all.")],
    ctx: Context[NomosContext],
    customer_id: Annotated[str, Field(description="Only this customer's (cus_…)."), UpstreamFilter("customer")] = "",
    subscription_id: Annotated[
        str, Field(description="Only this subscription's (sub_…)."), UpstreamFilter("subscription")
    ] = "",
    limit: Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE, description="Orders to return at most; 0: only count.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor of the call before, other arguments unchanged.")] = "",
) -> Annotated[CallToolResult, OrderList]:
    """List smart meter orders, newest first, or count them: "which are blocked?", "how many are scheduled?".

    `blocked` finds every order that is held up, whatever its status: each `summary` names the reason and whose turn it
    is. `complete` is true when this page, with those before it, is everything that matches; otherwise go on with
    `next_cursor`, or say that there is more, and what `not_covered` names.
    `limit` 0 lists nothing and answers with `counts` per status and per block reason; if not `complete`, they are of
    a part of the orders, and `next_cursor` counts the rest.
    """
    request = ListRequest(list_meter_orders_by_status, locals())
    context, version = request.context, request.context.vocabulary
    note = _note(status, version)
    counted: list[OrderState] = []

    def keep(order: MeterOrder) -> bool:
        state = order_state(order, version)
        if not _matches(state, status):
            return False
        if limit == 0:
            counted.append(state)
        return limit > 0

    async def report(read: int) -> None:
        await ctx.report_progress(read, message=f"{read:,} orders read")

    queries = _queries(status, version)
    first = Cursor(
        limit if limit and status != BLOCKED else MAX_PAGE_SIZE,
        int(queries[0].tentative and context in _ne_refused),
    )
    try:
        found = await read_list(
            partial(context.client.meter_orders.list, **request.filters),
            queries,
            request.start(first),
            wanted=limit or None,
            keep=keep,
            report=report,
        )
    except BadRequestError:
        if cursor or status in _choices(version):
            raise
        raise InvalidRequestError(f"Nomos refused this: {note} {_known(version)}") from None
    if found.refused:
        _ne_refused.add(context)
    now = context.now()
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
    return OrderList(
        orders=lines,
        counts=None if limit else _counts(counted),
        note=note,
        **request.fields(found, len(lines)),
    ).answer()


def _choices(version: ApiVersion) -> list[str]:
    return list(dict.fromkeys((BLOCKED, OPEN, ALL, *STATUSES[version])))


def _queries(status: str, version: ApiVersion) -> list[Query]:
    """Return the ways to ask upstream for orders, the one with the fewest pages first."""
    if status == ALL:
        return [Query()]
    if status == BLOCKED and (blocks := blocked_statuses(version)):
        return [Query({"status": blocks}, by_status=True), Query()]
    if status in {BLOCKED, OPEN}:  # under curie blocked is an overlay, which upstream cannot filter by
        return [
            Query({"status_not": final_statuses(version)}, by_status=True, tentative=True),
            Query({"status": open_statuses(version)}, by_status=True, not_covered=_NEW_STATUSES),
            Query(),
        ]
    return [Query({"status": status}, by_status=True), Query()]


def _matches(state: OrderState, status: str) -> bool:
    """Whether an order is in a state. Every one that comes back is checked, since upstream may ignore a filter."""
    if status not in {BLOCKED, OPEN}:
        return status in {ALL, state.status}
    if status == BLOCKED and not is_blocked(state):
        return False
    if state.status in STATUSES[state.api_version]:
        return not is_final(state)
    # A status that is new is open unless the order's times show an end (inferred).
    return not (state.has("cancelled_at") or state.has("activated_at"))


def _note(status: str, version: ApiVersion) -> str | None:
    """Return what has to be known about the statuses that are asked for; refuse what is no status of this version."""
    if status == BLOCKED and (blocks := blocked_statuses(version)):
        return f"Searched for the statuses {' and '.join(blocks)}; a newer one that blocks would not be found."
    if status in _choices(version):
        return None
    text = f"This server does not know the status {status[:64]!r}.{_hint(status, version)}"
    if not _WORD.fullmatch(status) or any(status in STATUSES[each] for each in VERSIONS):
        raise InvalidRequestError(f"{text} {_known(version)}")
    return text


def _known(version: ApiVersion) -> str:
    return (
        f"API version {version} has {', '.join(STATUSES[version])}; beyond these, {BLOCKED}, {OPEN} and {ALL} can be "
        "asked for. explain_status explains the names of both API versions."
    )


def _hint(status: str, version: ApiVersion) -> str:
    if home := next((each for each in VERSIONS if status in STATUSES[each]), None):
        near = ", ".join(neighbours(status, home))
        here = f"nearest here (inferred): {near}" if near else "it has no counterpart here (inferred)"
        return f" It is a status of {home}; {here}."
    return did_you_mean(status, _choices(version))


def _counts(states: list[OrderState]) -> Counts:
    # Edison has no reasons: there the status that blocks is the reason.
    reasons = Counter(
        (state.blocked_reason or "unstated") if state.api_version == CURIE else state.status
        for state in states
        if is_blocked(state)
    )
    return Counts(
        total=len(states),
        by_status=dict(Counter(state.status for state in states).most_common()),
        by_block_reason=dict(reasons.most_common()),
    )


TOOL = ToolDefinition(
    function=list_meter_orders_by_status,
    title="List smart meter orders by status",
    position=20,
    choices=lambda version: {"status": tuple(_choices(version))},
)
