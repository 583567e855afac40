"""The tool `list_subscriptions`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client import Listing, NomosClient, Page, Subscription
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.filters import MAX_EMAIL
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.server.error_messages import unknown
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.list_request import ListRequest, UpstreamFilter, first_moment, last_moment
from nomos_mcp.server.ordering.eligibility import CanOrder, Orders, can_order, orders_of
from nomos_mcp.server.pagination import Query, read_list
from nomos_mcp.server.request_context import NomosContext, NotAllowedError
from nomos_mcp.server.tool_factory import Detail, ListResult, Result, ToolDefinition, fitting
from nomos_mcp.server.tools.get_subscription import is_known, known_day, known_number

STATUSES = ("pending", "active", "ended")

_MAX_NAMED: Final = 20
_NOTE: Final = "Not known here: the meter's type (see get_subscription), and whether a plan includes a smart meter."
_STOPPED: Final = "Reading stopped at the first match. "
_NOT_SO_FAR: Final = "No match among those that were read; next_cursor reads on. "
_NO_MATCH: Final = "No subscription that can be seen here has this number. "
_NOT_TOLD: Final = "No match among what could be read; not_covered names the rest. "
_NO_CUSTOMER: Final = (
    "No customer that can be seen here was found under this spelling of the e-mail address; one may be under another. "
)
_UNNUMBERED: Final = "whose contract number is not known"
_NOT_KNOWN: Final = "not known"


class SubscriptionLine(Result):
    """One subscription, without personal data, and whether a smart meter can be ordered for it.

    `plan`, `number`, `created` and `meter_type` are shown in full only.
    """

    id: str
    customer: str
    status: str
    type: str | None = None
    plan: str | None = None
    number: str | None = None
    created: str | None = None
    meter_type: str | None = None
    can_order: CanOrder
    why: str
    order_id: str | None = None
    order_status: str | None = None


class SubscriptionList(ListResult):
    """One page of subscriptions, newest first."""

    subscriptions: list[SubscriptionLine]
    note: str | None = None


def _line(subscription: Subscription, orders: Orders, *, full: bool) -> SubscriptionLine:
    verdict, why = can_order(subscription, orders)
    order = orders.of.get(subscription.id)
    return SubscriptionLine(
        id=subscription.id,
        customer=subscription.customer,
        status=subscription.status,
        type=subscription.direction,
        plan=subscription.plan if full else None,
        number=(known_number(subscription) if is_known(subscription, "number") else _NOT_KNOWN) if full else None,
        created=(known_day(subscription, "created_at") or _NOT_KNOWN) if full else None,
        meter_type=subscription.meter_type if full else None,
        can_order=verdict,
        why=why,
        order_id=order.id if order else None,
        order_status=order.status if order else None,
    )


def _spelled(number: str) -> str:
    """Return a contract number without what may be spelled in several ways."""
    return "".join(filter(str.isalnum, number)).casefold()


def _match(*, found: bool, fields: Mapping[str, Any]) -> str:
    if found:
        return _STOPPED if fields["has_more"] else ""
    return _NOT_SO_FAR if fields["has_more"] else _NO_MATCH if fields["complete"] else _NOT_TOLD


def _these(*subscriptions: Subscription) -> Callable[..., Listing[Subscription]]:
    """Return what asks for a list that is known already."""

    async def page(_: str | None) -> Page[Subscription]:
        return Page(items=subscriptions)

    return lambda **_: Listing(page)


async def _source(
    client: NomosClient, filters: Mapping[str, Any], subscription_id: str, customer_email: str
) -> tuple[Callable[..., Listing[Subscription]], str, str]:
    """Return what asks for the list, what is to be said about it, and why it may lack some."""
    if subscription_id:
        return _these(await client.subscriptions.get(subscription_id)), "", ""
    if not customer_email:
        return partial(client.subscriptions.list, **filters), "", ""
    found = await client.customers.ids_with_email(customer_email)
    customers, gap = found.ids, found.gap and f"customers with this address, perhaps: {found.gap}"
    if not customers:
        return _these(), _NO_CUSTOMER, gap
    if len(customers) > 1:
        raise InvalidRequestError(
            f"{len(customers)} customers have this e-mail address. Call again with one customer_id at a time: "
            f"{', '.join(customers[:_MAX_NAMED])}." + (gap and f" Not covered: {gap}.")
        )
    return partial(client.subscriptions.list, **{**filters, "customer": customers[0]}), "", gap


def _check_status(status: str) -> None:
    if status and status not in STATUSES:
        raise InvalidRequestError(
            f"{unknown('subscription status', status, STATUSES)} For the statuses of meter orders use "
            "list_meter_orders_by_status."
        )


async def list_subscriptions(
    ctx: Context[NomosContext],
    status: Annotated[str, Field(description="pending, active or ended.")] = "",
    customer_id: Annotated[str, Field(description="Only this one's."), UpstreamFilter("customer")] = "",
    plan_id: Annotated[str, Field(description="Only on this plan."), UpstreamFilter("plan")] = "",
    subscription_id: Annotated[str, Field(description="Only this one.")] = "",
    number: Annotated[str, Field(description="Contract number; stops at the first match.")] = "",
    customer_email: Annotated[str, Field(max_length=MAX_EMAIL, description="Of this address.")] = "",
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
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="At most.")] = 20,
    cursor: Annotated[str, Field(description="next_cursor; rest unchanged.")] = "",
    detail: Annotated[Detail, Field(description="full adds plan, number, created.")] = "short",
) -> Annotated[CallToolResult, SubscriptionList]:
    """List subscriptions, newest first: which can get a smart meter, whose contract number is this? No names.

    can_order, `why`: whether a smart meter can be ordered; order_id, order_status: its one order.
    yes is inferred: others on its plan have one. unknown: no rule seen here forbids it; say so.
    Unless `complete`, say what not_covered names.
    """
    request = ListRequest(list_subscriptions, locals())
    context, filters = request.context, request.filters
    if (number or customer_email) and context.caller.is_fenced:
        raise NotAllowedError(
            "Only your own subscriptions can be seen here, so nothing is searched by number or e-mail address. Leave "
            "both out: that lists yours."
        )
    _check_status(status)
    wanted = _spelled(number)
    if number and not wanted:
        raise InvalidRequestError("number holds no letter and no digit; pass the contract number.")
    if subscription_id and (number or customer_email or status or any(filters.values())):
        raise InvalidRequestError("subscription_id names one subscription already: leave the other filters out.")
    if customer_email and filters["customer"]:
        raise InvalidRequestError("Pass customer_id or customer_email, not both.")

    def keep(subscription: Subscription) -> bool | str:
        if status and subscription.status != status:
            return False
        if wanted and "number" not in subscription.model_fields_set:
            return _UNNUMBERED
        return not wanted or _spelled(subscription.number or "") == wanted

    async def report(read: int) -> None:
        await ctx.report_progress(read, message=f"{read:,} subscriptions read")

    start = request.start(Cursor(MAX_PAGE_SIZE if wanted else limit))
    ask, note, gap = await _source(context.client, filters, subscription_id, customer_email)
    queries = [Query({"status": status}, by_status=True)] if status else []
    found = await read_list(
        ask,
        [*queries, Query()],
        start,
        wanted=1 if wanted else limit,
        keep=keep,
        report=report,
    )
    orders = await orders_of(context.client, found.items)
    lines = [_line(subscription, orders, full=detail == "full") for subscription in found.items]
    lines = lines[: fitting(lines)]
    fields = request.fields(found, len(lines), gap)
    if wanted and not note:
        note = _match(found=bool(lines), fields=fields)
    note += _NOTE if lines and not subscription_id else ""
    return SubscriptionList(subscriptions=lines, note=f"{request.note} {note}".strip() or None, **fields).answer()


TOOL = ToolDefinition(function=list_subscriptions, title="List subscriptions", position=30)
