"""Whether a smart meter can be ordered for a subscription: the rules, and what is read to apply them. Reads only.

Documented rules: one order per subscription, ever; none for feed-in; none once it has ended; its plan has to include a
smart meter, which no answer of the API shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal
from urllib.parse import urlsplit

import anyio

from nomos_mcp.client import MeterOrder, NomosClient, Subscription, UnsupportedVersionError
from nomos_mcp.client.credentials import WRITE_SCOPE
from nomos_mcp.client.errors import NotFoundError
from nomos_mcp.client.pages import MAX_PAGE_SIZE
from nomos_mcp.lifecycle import INTEREST
from nomos_mcp.server.error_messages import SUPPORT
from nomos_mcp.server.list_cursor import Cursor
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import OrderingResult, Preview
from nomos_mcp.server.pagination import MAX_PAGES, Query, read_list
from nomos_mcp.server.request_context import ORDERS_WRITE, NomosContext

CanOrder = Literal["yes", "no", "unknown"]
Rule = Literal["feed_in", "ended_subscription"]

_WHY: Final[dict[Rule, str]] = {
    "feed_in": "feed-in: smart meter orders are for consumption only",
    "ended_subscription": "it has ended",
}


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of some subscriptions.

    Attributes:
        of: Each subscription's order, by its ID.
        gap: Why there may be an order that is not in `of`; empty if there is none.
    """

    of: Mapping[str, MeterOrder]
    gap: str = ""


async def orders_of(client: NomosClient, subscriptions: list[Subscription]) -> Orders:
    """Read the orders of up to a page of subscriptions: one request, since each has at most one order.

    If upstream ignores the filter, up to `MAX_PAGES` pages are read.

    Raises:
        NomosError: Whatever a call can raise, except that the pinned version has no orders.
    """
    if not subscriptions:
        return Orders({})
    ids = [subscription.id for subscription in subscriptions]
    try:
        found = await read_list(
            partial(client.meter_orders.list, subscription=ids), [Query()], Cursor(MAX_PAGE_SIZE), wanted=len(ids)
        )
    except UnsupportedVersionError:
        return Orders({}, f"API version {client.api_version} does not show orders")
    of = {order.subscription: order for order in found.items}
    if len(of) == len(ids):
        return Orders(of)
    if found.not_covered:
        return Orders(of, "not all orders could be read, and its own may be missing")
    return Orders(
        of, f"no order is among the newest {MAX_PAGES} pages of orders, and older ones exist" if found.next() else ""
    )


def proven_plans(subscriptions: list[Subscription], orders: Orders) -> frozenset[str]:
    """Return the plans that an order was accepted for, so that they include a smart meter (inferred)."""
    return frozenset(
        subscription.plan
        for subscription in subscriptions
        if subscription.id in orders.of and orders.of[subscription.id].status != INTEREST
    )


def can_order(subscription: Subscription, orders: Orders, proven: frozenset[str]) -> tuple[CanOrder, str]:
    """Return whether a smart meter can be ordered, and the reason, or what is not known.

    Args:
        subscription: The subscription; from a list it carries no meter type.
        orders: What is known of its order.
        proven: Plans that are known to include a smart meter.
    """
    order = orders.of.get(subscription.id)
    if flaw := _flaw(subscription, order):
        return "no", flaw
    if doubt := _doubt(subscription, order, orders.gap):
        return "unknown", doubt
    if subscription.plan in proven:
        return "yes", "no order yet; others on its plan have one (inferred)"
    return "unknown", "no order yet; whether its plan includes one is not known"


def forbidden_by(subscription: Subscription) -> Rule | None:
    """Return the documented rule by which no order is possible for a subscription, whether it has one or not."""
    if subscription.status == "ended":
        return "ended_subscription"
    return "feed_in" if subscription.direction == "feed_in" else None


def _flaw(subscription: Subscription, order: MeterOrder | None) -> str:
    if rule := forbidden_by(subscription):
        return _WHY[rule]
    if order and order.status != INTEREST:
        retry = f"; only {SUPPORT} can retry it" if order.status == "cancelled" else ""
        return f"it has its one order{retry}"
    return ""


def _doubt(subscription: Subscription, order: MeterOrder | None, gap: str) -> str:
    if order:
        return "a customer showed interest but did not complete the order; whether it can be ordered is not documented"
    if subscription.status not in _ORDERABLE:
        return "its status is new to this server"
    if subscription.direction != "consumption":
        return "whether it is consumption or feed-in is not known"
    # No documented rule refuses such an order, but one like it ends as cancelled (pre_existing).
    return "its meter is smart already and needs no order" if outcomes.is_smart(subscription) else gap


_ORDERABLE = ("pending", "active")


@dataclass(frozen=True, slots=True)
class Orderable:
    """A subscription for which a smart meter may be ordered, as far as is known before trying."""

    preview: Preview


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """What a search for the order of a subscription found.

    Attributes:
        order: The order, if one was found. Finding none proves nothing: reads may lag behind writes.
        interest: Records of a customer's mere interest (edison's `intended`).
    """

    order: MeterOrder | None
    interest: tuple[MeterOrder, ...] = ()


async def preflight(subscription_id: str, context: NomosContext) -> Orderable | OrderingResult:
    """Read a subscription and the order that it may have.

    Returns:
        What would be ordered, or why nothing is to be ordered.

    Raises:
        NomosError: They could not be read.
    """
    if (bar := await ordering_refusal(context)) is not None:
        return bar
    try:
        preview, seen = await read_state(subscription_id, context)
    except NotFoundError as error:
        return outcomes.refused("not_found", context, request_id=error.request_id or "")
    if seen.order is not None:
        return outcomes.already_ordered(seen.order, context)
    return preview if isinstance(preview, OrderingResult) else Orderable(preview)


async def read_state(subscription_id: str, context: NomosContext) -> tuple[Preview | OrderingResult, OrderSearch]:
    """Read what would be ordered, or why the subscription rules it out, and search for an order at the same time.

    Raises:
        NomosError: What the first of the two to fail raised; the other is cancelled.
    """
    previews: list[Preview | OrderingResult] = []
    searches: list[OrderSearch] = []

    async def preview() -> None:
        previews.append(await _read_preview(subscription_id, context))

    async def search() -> None:
        searches.append(await search_order(subscription_id, context))

    try:
        async with (
            anyio.create_task_group() as group
        ):  # both start at once, so that requests do not tell who may see it
            group.start_soon(preview)
            group.start_soon(search)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return previews[0], searches[0]


async def _read_preview(subscription_id: str, context: NomosContext) -> Preview | OrderingResult:
    subscription = await context.client.subscriptions.get(subscription_id)
    if rule := forbidden_by(subscription):
        return outcomes.refused(rule, context)
    return outcomes.preview_of(subscription, urlsplit(context.client.base_url).netloc)


async def ordering_refusal(context: NomosContext) -> OrderingResult | None:
    """Return why nothing may be ordered at all, whatever the subscription; None if orders are possible.

    Raises:
        NomosError: The scopes of the credentials could not be read.
    """
    if context.ordering.read_only:
        return outcomes.refused("read_only", context)
    if ORDERS_WRITE not in context.caller.scopes:
        return outcomes.refused("not_allowed", context)
    scopes = await context.client.granted_scopes()
    if scopes is not None and WRITE_SCOPE not in scopes:
        return outcomes.refused("missing_scope", context)
    return None


async def search_order(subscription_id: str, context: NomosContext) -> OrderSearch:
    """Search for the order of a subscription.

    A customer's mere interest is no order. Whether an order can follow it is not documented.

    Raises:
        NomosError: The search failed.
    """
    listed = await context.client.meter_orders.all_of_subscription(
        subscription_id, enough=lambda order: order.status != INTEREST
    )
    interest = tuple(order for order in listed if order.status == INTEREST)
    return OrderSearch(next((order for order in listed if order.status != INTEREST), None), interest)
