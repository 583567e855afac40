"""The tool `list_meter_orders_by_status`."""

import re
from collections import Counter
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal, get_args
from weakref import WeakSet

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client.endpoints import Product
from nomos_mcp.client.errors import BadRequestError, InvalidRequestError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.lifecycle import (
    CURIE,
    EDISON,
    STATUSES,
    VERSIONS,
    ApiVersion,
    OrderState,
    Summary,
    WaitingOn,
    blocked_statuses,
    final_statuses,
    is_blocked,
    is_final,
    neighbours,
    open_statuses,
    summary_of,
)
from nomos_mcp.server.error_messages import did_you_mean, unknown
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.list_request import ListRequest, UpstreamFilter, first_moment, last_moment
from nomos_mcp.server.pagination import Query, read_list
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import ListResult, Result, ToolDefinition, berlin_day, fitting, order_state

BLOCKED, OPEN, ALL = "blocked", "open", "all"

PARTIES: Final[tuple[str, ...]] = get_args(WaitingOn)
PROVIDERS: Final = tuple(product.removeprefix("smart-meter-") for product in get_args(Product))

_NEW_STATUSES = "orders of a status newer than this release: Nomos did not apply the filter that finds them"
_UNDATED = "that may match: when they were created cannot be read"
_PERHAPS_OVERDUE = "that may be overdue: that is not known"
_NOT_SHOWN: Final[dict[ApiVersion, str]] = {
    CURIE: "Not shown in this API version: holds for a manual review at Nomos (inferred).",
    EDISON: "Not shown in this API version: holds for a missing smart meter check (inferred), appointments, reasons.",
}
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ne_refused: WeakSet[NomosContext] = WeakSet()
"""Servers whose upstream did not understand `filter[status][ne]`; they do not ask with it again."""


class OrderLine(Result):
    """One order of a list, in short: get_meter_order returns all of it.

    Attributes:
        created: Day in Berlin.
        waiting_on: Who must act; with `confidence`, which is "inferred" where it is left out.
        summary: The block, the appointment, since when or why.
        anomalies: What is odd, in three words each.
        overdue: Past the target of about eight weeks and not installed.
    """

    id: str
    status: str
    created: str | None = None
    waiting_on: str
    confidence: str | None = None
    summary: str | None = None
    anomalies: list[str] | None = None
    overdue: bool | None = None
    customer: str | None = None
    subscription: str | None = None
    provider: str | None = None


class Counts(Result):
    """How many orders match. What is not listed has none.

    Attributes:
        anomalies: Per anomaly; passed appointments are counted apart, where the API version shows any.
        overdue_not_known: Orders of a status that is new or without a readable age: perhaps overdue too.
    """

    total: int
    by_status: dict[str, int]
    by_block_reason: dict[str, int]
    by_block_reason_and_status: dict[str, dict[str, int]]
    by_waiting_on: dict[str, int]
    anomalies: dict[str, int]
    appointments_passed: int | None = None
    overdue: int
    overdue_not_known: int | None = None


class OrderList(ListResult):
    """One page of orders, newest first; with `limit` 0 their counts instead."""

    orders: list[OrderLine]
    counts: Counts | None = None
    note: str


async def list_meter_orders_by_status(
    status: Annotated[str, Field(description="A status, or blocked, open (not final), all.")],
    ctx: Context[NomosContext],
    customer_id: Annotated[str, Field(description="Only this one's."), UpstreamFilter("customer")] = "",
    subscription_id: Annotated[str, Field(description="Only this one's."), UpstreamFilter("subscription")] = "",
    created_after: Annotated[
        str,
        Field(description="Day (Berlin) or time, inclusive."),
        UpstreamFilter("created_after", first_moment),
    ] = "",
    created_before: Annotated[
        str,
        Field(description="As above."),
        UpstreamFilter("created_before", last_moment),
    ] = "",
    overdue: Annotated[  # noqa: FBT002  arguments of tools go by name
        bool, Field(description="Past the target, not installed.")
    ] = False,
    waiting_on: Annotated[str, Field(description="Who must act.")] = "",
    provider: Annotated[str, Field(description="Only this one's.")] = "",
    limit: Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE, description="At most; 0 only counts.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor; rest unchanged.")] = "",
    detail: Annotated[
        Literal["short", "full"], Field(description="full adds customer, subscription, provider.")
    ] = "short",
) -> Annotated[CallToolResult, OrderList]:
    """List smart meter orders, newest first, or count them: which are blocked, overdue?

    `blocked`: every order held up, whatever its status. waiting_on without confidence is inferred. Unless
    `complete`, go on with next_cursor, or say so, and what not_covered names.
    """
    request = ListRequest(list_meter_orders_by_status, locals())
    context, version, now = request.context, request.context.vocabulary, request.context.now()
    about_status = _about_status(status, version)
    note = " ".join(filter(None, (request.note, about_status, _about_provider(provider), _NOT_SHOWN[version])))
    after, before = request.filters["created_after"], request.filters["created_before"]
    _check_party(waiting_on)
    matching: dict[str, tuple[OrderState, Summary]] = {}

    def keep(order: MeterOrder) -> bool | str:
        state = order_state(order, version)
        if not (_matches(state, status) and provider in {"", order.provider}):
            return False
        summary = summary_of(state, now=now)
        if waiting_on not in {"", summary.waiting_on}:
            return False
        verdict = _in_time(order.created_at, after, before)
        if overdue and verdict:
            verdict = _PERHAPS_OVERDUE if summary.overdue is None else summary.overdue and verdict
        if verdict is True:
            matching[order.id] = state, summary
            return limit > 0
        return verdict

    async def report(read: int) -> None:
        await ctx.report_progress(read, message=f"{read:,} orders read")

    queries = _queries(status, version)
    sparse = limit == 0 or status == BLOCKED or overdue or waiting_on or provider or (version == CURIE and before)
    first = Cursor(MAX_PAGE_SIZE if sparse else limit, int(queries[0].tentative and context in _ne_refused))
    try:
        found = await read_list(
            partial(context.client.meter_orders.list, **_filters(request.filters, provider, version)),
            queries,
            request.start(first),
            wanted=limit or None,
            since=after,
            keep=keep,
            report=report,
        )
    except BadRequestError:
        if cursor or status in _choices(version):
            raise
        raise InvalidRequestError(f"Nomos refused this: {about_status} {_known(version)}") from None
    if found.refused:
        _ne_refused.add(context)
    lines = [_line(order, matching[order.id][1], detail) for order in found.items]
    lines = lines[: fitting(lines)]
    return OrderList(
        orders=lines,
        counts=None if limit else _counts([*matching.values()], version),
        note=note,
        **request.fields(found, len(lines)),
    ).answer()


def _filters(filters: dict[str, Any], provider: str, version: ApiVersion) -> dict[str, Any]:
    """Return those that upstream knows: curie's filters neither dates nor providers, and edison's no new provider."""
    if version == CURIE:
        return {name: value for name, value in filters.items() if not name.startswith("created_")}
    return {**filters, "product": f"smart-meter-{provider}"} if provider in PROVIDERS else filters


def _in_time(created: datetime | None, after: datetime | None, before: datetime | None) -> bool | str:
    if created is None:
        return _UNDATED if after or before else True
    return not ((after and created < after) or (before and created > before))


def _line(order: MeterOrder, summary: Summary, detail: str) -> OrderLine:
    full = {"customer": order.customer, "subscription": order.subscription, "provider": order.provider}
    return OrderLine(
        id=order.id,
        status=order.status,
        created=berlin_day(order, "created_at"),
        waiting_on=summary.waiting_on,
        confidence=None if summary.confidence == "inferred" else summary.confidence,
        summary=summary.text or None,
        anomalies=summary.anomalies or None,
        overdue=summary.overdue or None,
        **(full if detail == "full" else {}),
    )


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


def _about_status(status: str, version: ApiVersion) -> str:
    """Return what has to be known about the statuses that are asked for; refuse what is no status of this version."""
    if status == BLOCKED and (blocks := blocked_statuses(version)):
        return f"Searched for the statuses {' and '.join(blocks)}; a newer one that blocks would not be found."
    if status in _choices(version):
        return ""
    text = f"This server does not know the status {status[:64]!r}.{_hint(status, version)}"
    if not _WORD.fullmatch(status) or any(status in STATUSES[each] for each in VERSIONS):
        raise InvalidRequestError(f"{text} {_known(version)}")
    return text


def _about_provider(provider: str) -> str:
    """Return what has to be known about a provider that this release does not know: it may be new."""
    if provider in {"", *PROVIDERS}:
        return ""
    if not _WORD.fullmatch(provider):
        raise InvalidRequestError(unknown("provider", provider, PROVIDERS))
    return f"{unknown('provider', provider, PROVIDERS)} It may be new."


def _check_party(waiting_on: str) -> None:
    if waiting_on not in {"", *PARTIES}:
        raise InvalidRequestError(unknown("waiting_on", waiting_on, PARTIES))


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


def _counts(counted: list[tuple[OrderState, Summary]], version: ApiVersion) -> Counts:
    # Edison has no reasons: there the status that blocks is the reason.
    blocked = Counter(
        ((state.blocked_reason or "unstated") if version == CURIE else state.status, state.status)
        for state, _ in counted
        if is_blocked(state)
    )
    reasons: Counter[str] = Counter()
    crossed: dict[str, dict[str, int]] = {}
    for (reason, status), number in blocked.most_common():
        reasons[reason] += number
        crossed.setdefault(reason, {})[status] = number
    summaries = [summary for _, summary in counted]
    odd = Counter(name for each in summaries for name in each.anomalies if name != each.appointment_passed)
    return Counts(
        total=len(counted),
        by_status=dict(Counter(state.status for state, _ in counted).most_common()),
        by_block_reason=dict(reasons.most_common()),
        by_block_reason_and_status=crossed,
        by_waiting_on=dict(Counter(summary.waiting_on for summary in summaries).most_common()),
        anomalies=dict(odd.most_common()),
        appointments_passed=sum(bool(each.appointment_passed) for each in summaries) if version == CURIE else None,
        overdue=sum(bool(summary.overdue) for summary in summaries),
        overdue_not_known=sum(summary.overdue is None for summary in summaries) or None,
    )


TOOL = ToolDefinition(
    function=list_meter_orders_by_status,
    title="List smart meter orders by status",
    position=20,
    app="board",
    choices=lambda version: {"status": tuple(_choices(version)), "waiting_on": PARTIES, "provider": PROVIDERS},
)
