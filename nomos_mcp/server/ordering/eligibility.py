"""Whether a smart meter can be ordered for a subscription: the rules, and what is read to apply them. Reads only.

Documented rules: one order per subscription, ever; none for feed-in; none once it has ended; its plan has to include a
smart meter, which no answer of the API shows.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal
from urllib.parse import urlsplit

import anyio

from nomos_mcp.client import MeterOrder, NomosClient, Subscription, UnsupportedVersionError
from nomos_mcp.client.credentials import WRITE_SCOPE
from nomos_mcp.client.errors import NotFoundError, PaymentRequiredError, PermissionDeniedError
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.lifecycle import INTEREST
from nomos_mcp.server.error_messages import SUPPORT
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import OrderingResult, Preview
from nomos_mcp.server.pagination import MAX_PAGES, Query, read_list
from nomos_mcp.server.request_context import ORDERS_WRITE, NomosContext

_log = logging.getLogger(__name__)

CanOrder = Literal["yes", "no", "unknown"]
Rule = Literal["feed_in", "ended_subscription"]

_SMART: Final = "smart"  # a subscription's meter type, which lists do not show
_LOOK_SECONDS: Final = 3.0  # a person may be waiting for the question
_PLAN_NOT_KNOWN: Final = "no order yet; whether its plan includes one is not known"
_PLAN_DOUBTED: Final = "no order yet, nor has any other seen on its plan, which may not include one (inferred)"
_WHY: Final[dict[Rule, str]] = {
    "feed_in": "feed-in: smart meter orders are for consumption only",
    "ended_subscription": "it has ended",
}


@dataclass(frozen=True, slots=True)
class Orders:
    of: Mapping[str, MeterOrder]
    """Each subscription's order, or else a customer's mere interest in one, by the subscription's ID."""
    gap: str = ""
    """Why there may be an order that is not in `of`."""
    proven_plans: frozenset[str] = frozenset()
    """Plans that an order was accepted for, so that they include a smart meter (inferred)."""
    doubted_plan: str = ""
    """A plan that others are on without any order, so that it may not include one (inferred)."""


async def orders_of(client: NomosClient, subscriptions: list[Subscription]) -> Orders:
    """Read the orders of up to a page of subscriptions: one request, since each has at most one order.

    A real order wins over interest, whichever is listed first. If upstream ignores the filter, up to `MAX_PAGES` pages
    are read. An API version without orders, or credentials that may see none, are a `gap`.
    """
    if not subscriptions:
        return Orders({})
    ids = [subscription.id for subscription in subscriptions]
    accepted: dict[str, MeterOrder] = {}
    interest: dict[str, MeterOrder] = {}

    def is_first_accepted(order: MeterOrder) -> bool:
        of = interest if order.status == INTEREST else accepted
        return of.setdefault(order.subscription, order) is order and of is accepted

    ask = partial(client.meter_orders.list, subscription=ids)
    try:
        found = await read_list(ask, [Query()], Cursor(MAX_PAGE_SIZE), wanted=len(ids), keep=is_first_accepted)
    except UnsupportedVersionError:
        return Orders({}, f"API version {client.api_version} does not show orders")
    except (PaymentRequiredError, PermissionDeniedError, NotFoundError) as error:
        return Orders({}, f"Nomos does not show orders here (HTTP {error.status_code})")
    gap = ""
    if len(accepted) != len(ids) and found.not_covered:
        gap = "not all orders could be read, and its own may be missing"
    elif len(accepted) != len(ids) and found.next():
        gap = f"no order is among the newest {MAX_PAGES} pages of orders, and older ones exist"
    plans = frozenset(each.plan for each in subscriptions if each.id in accepted)
    return Orders(accepted if gap else {**interest, **accepted}, gap, plans)


async def orders_on_plan(subscription: Subscription, context: NomosContext) -> Orders:
    """Read a subscription's order, and look at its plan if that decides whether one can be ordered."""
    orders = await orders_of(context.client, [subscription])
    if can_order(subscription, orders) != ("unknown", _PLAN_NOT_KNOWN):
        return orders
    if (seen := await plan_has_orders(subscription.plan, subscription.id, context)) is None:
        return orders
    plan = subscription.plan
    return replace(orders, proven_plans=frozenset({plan})) if seen else replace(orders, doubted_plan=plan)


async def plan_has_orders(plan: str, subscription_id: str, context: NomosContext) -> bool | None:
    """Look whether others than a subscription on its plan have an order; None if that cannot be told.

    One page of each, and best effort: whatever fails here must fail nothing else. Not on behalf of one customer, who
    sees no others.
    """
    if context.caller.is_fenced:
        return None
    client = context.client.with_options(timeout=_LOOK_SECONDS, max_retries=0)
    with anyio.move_on_after(_LOOK_SECONDS):
        try:
            page = await client.subscriptions.list(plan=plan)
            others = [each for each in page.items if each.id != subscription_id and each.direction == "consumption"]
            if not others:
                return None
            listed = await client.meter_orders.list(subscription=[each.id for each in others])
        except Exception as error:  # noqa: BLE001  whatever it is, no more is known than before
            _log.info("The plan of %s could not be looked at: %s", subscription_id, type(error).__name__)
            return None
        if any(order.status != INTEREST for order in listed.items):
            return True
        is_whole = not listed.has_more and not listed.unreadable
        return False if is_whole and any(each.status != "ended" for each in others) else None
    return None


def can_order(subscription: Subscription, orders: Orders) -> tuple[CanOrder, str]:
    """Return whether a smart meter can be ordered, and the reason, or what is not known."""
    if rule := forbidden_by(subscription):
        return "no", _WHY[rule]
    order = orders.of.get(subscription.id)
    if order and order.status != INTEREST:
        retry = f"; only {SUPPORT} can retry it" if order.status == "cancelled" else ""
        return "no", f"it has its one order{retry}"
    if doubt := _doubt(subscription, order, orders.gap):
        return "unknown", doubt
    if subscription.plan in orders.proven_plans:
        return "yes", "no order yet; others on its plan have one (inferred)"
    return "unknown", _PLAN_DOUBTED if subscription.plan == orders.doubted_plan else _PLAN_NOT_KNOWN


def forbidden_by(subscription: Subscription) -> Rule | None:
    """Return the documented rule by which no order is possible for a subscription, whether it has one or not."""
    if subscription.status == "ended":
        return "ended_subscription"
    return "feed_in" if subscription.direction == "feed_in" else None


def _doubt(subscription: Subscription, order: MeterOrder | None, gap: str) -> str:
    if order:
        return "a customer showed interest but did not complete the order; whether it can be ordered is not documented"
    if subscription.status not in {"pending", "active"}:
        return "its status is new to this server"
    if subscription.direction != "consumption":
        return "whether it is consumption or feed-in is not known"
    # No documented rule refuses such an order, but one like it ends as cancelled (pre_existing).
    return "its meter is smart already and needs no order" if subscription.meter_type == _SMART else gap


@dataclass(frozen=True, slots=True)
class OrderSearch:
    order: MeterOrder | None
    """Finding none proves nothing: reads may lag behind writes."""
    interest: tuple[MeterOrder, ...] = ()
    """Records of a customer's mere interest (edison's `intended`). Whether an order can follow is not documented."""


async def preflight(subscription_id: str, context: NomosContext) -> Preview | OrderingResult:
    """Read what would be ordered, or why nothing is to be ordered."""
    if (bar := await ordering_refusal(context)) is not None:
        return bar
    try:
        preview, seen = await read_state(subscription_id, context)
    except NotFoundError as error:
        return outcomes.refused("not_found", context, request_id=error.request_id or "")
    if seen.order is not None:
        return outcomes.already_ordered(seen.order, context)
    return preview


async def read_state(subscription_id: str, context: NomosContext) -> tuple[Preview | OrderingResult, OrderSearch]:
    """Read what would be ordered, or why the subscription rules it out, and search for an order at the same time.

    Both requests start at once, so that they do not tell who may see it. The first to fail cancels the other.
    """
    previews: list[Preview | OrderingResult] = []
    searches: list[OrderSearch] = []

    async def preview() -> None:
        previews.append(await _read_preview(subscription_id, context))

    async def search() -> None:
        searches.append(await search_order(subscription_id, context))

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(preview)
            group.start_soon(search)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return previews[0], searches[0]


async def _read_preview(subscription_id: str, context: NomosContext) -> Preview | OrderingResult:
    subscription = await context.client.subscriptions.get(subscription_id)
    if rule := forbidden_by(subscription):
        return outcomes.refused(rule, context)
    smart = subscription.meter_type == _SMART
    return Preview(
        subscription=subscription.id,
        customer=subscription.customer,
        plan=subscription.plan,
        subscription_status=subscription.status,
        meter_type=subscription.meter_type or "",
        host=urlsplit(context.client.base_url).netloc,
        warning="The meter of this subscription is smart already; it needs no order." if smart else None,
    )


async def ordering_refusal(context: NomosContext) -> OrderingResult | None:
    """Return why nothing may be ordered at all, whatever the subscription; None if orders are possible."""
    if context.ordering.read_only:
        return outcomes.refused("read_only", context)
    if ORDERS_WRITE not in context.caller.scopes:
        return outcomes.refused("not_allowed", context)
    scopes = await context.client.granted_scopes()
    if scopes is not None and WRITE_SCOPE not in scopes:
        return outcomes.refused("missing_scope", context)
    return None


async def search_order(subscription_id: str, context: NomosContext) -> OrderSearch:
    listed = await context.client.meter_orders.all_of_subscription(
        subscription_id, enough=lambda order: order.status != INTEREST
    )
    interest = tuple(order for order in listed if order.status == INTEREST)
    return OrderSearch(next((order for order in listed if order.status != INTEREST), None), interest)
