"""The tool `get_subscription`."""

import re
from contextlib import aclosing
from typing import Annotated, Final, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from nomos_mcp.client import MeterOrder, Subscription
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked, kind_of
from nomos_mcp.lifecycle import summarise, summary_of
from nomos_mcp.server.error_messages import ONLY_YOURS
from nomos_mcp.server.order_history import read_order
from nomos_mcp.server.ordering.eligibility import CanOrder, can_order, orders_on_plan
from nomos_mcp.server.pagination import MAX_PAGES
from nomos_mcp.server.request_context import NomosContext, nomos_context
from nomos_mcp.server.tool_factory import Result, ToolDefinition, berlin_day, order_state

Presence = Literal["there", "missing"]

_MAX_CHOICES: Final = 20
_DAYS: Final = {"created": "created_at", "start": "start_at", "end": "end_at", "terminated": "terminated_at"}
_TOLD: Final = {**_DAYS, "number": "number", "estimated_usage": "estimated_usage"}
"""Fields that are left out if Nomos says that there is none, and `not_known` if it says nothing that can be read."""
_NUMBER: Final = re.compile(r"[\w ./-]{0,32}")


class SubscriptionFields(Result):
    """One subscription, without personal data. Days are Berlin's; `not_known` names what Nomos did not say readably."""

    id: str
    customer: str
    plan: str
    status: str
    type: str | None = None
    number: str | None = None
    created: str | None = None
    start: str | None = None
    end: str | None = None
    terminated: str | None = None
    estimated_usage: str | None = None
    meter_type: str | None = None
    malo: Presence | None = None
    melo: Presence | None = None
    order_id: str | None = None
    order: str | None = None
    can_order: CanOrder
    why: str
    not_known: list[str] | None = None


class SubscriptionResult(Result):
    """One subscription; or, if a customer has several or it cannot be told, the IDs to choose from."""

    subscription: SubscriptionFields | None = None
    choose: dict[str, str] | None = None
    note: str | None = None
    api_version: str


async def subscription_result(context: NomosContext, subscription_id: str) -> SubscriptionResult:
    subscription = await context.client.subscriptions.get(subscription_id)
    return SubscriptionResult(subscription=await _fields(subscription, context), api_version=context.client.api_version)


async def _fields(subscription: Subscription, context: NomosContext) -> SubscriptionFields:
    orders = await orders_on_plan(subscription, context)
    verdict, why = can_order(subscription, orders)
    order = orders.of.get(subscription.id)
    usage = subscription.estimated_usage
    said = {
        "type": subscription.direction,
        "meter_type": subscription.meter_type,
        "malo": _presence(subscription.has_malo),
        "melo": _presence(subscription.has_melo),
        "order": _line(order, context) if order else None if orders.gap else "none",
    }
    unsaid = [name for name, field in _TOLD.items() if not is_known(subscription, field)]
    return SubscriptionFields(
        id=subscription.id,
        customer=subscription.customer,
        plan=subscription.plan,
        status=subscription.status,
        number=known_number(subscription),
        estimated_usage=f"{usage:.15g} kWh a year" if usage is not None else None,
        order_id=order.id if order else None,
        can_order=verdict,
        why=why,
        not_known=[name for name, value in said.items() if value is None] + unsaid or None,
        **{name: known_day(subscription, field) for name, field in _DAYS.items()},
        **said,
    )


def is_known(subscription: Subscription, field: str) -> bool:
    """Whether Nomos said what a field holds, or that there is none, in a form that can be read."""
    if field not in subscription.model_fields_set or field in subscription.unreadable:
        return False
    if field == "created_at":
        return subscription.created_at is not None
    return field != "number" or _NUMBER.fullmatch(subscription.number or "") is not None


def known_number(subscription: Subscription) -> str | None:
    return subscription.number if is_known(subscription, "number") else None


def known_day(subscription: Subscription, field: str) -> str | None:
    return berlin_day(subscription, field) if is_known(subscription, field) else None


def _line(order: MeterOrder, context: NomosContext) -> str:
    state, now = order_state(order, context.vocabulary), context.now()
    confidence = summary_of(state, now=now).confidence
    return summarise(state, now=now) + ("" if confidence == "documented" else f" ({confidence})")


def _presence(there: bool | None) -> Presence | None:  # noqa: FBT001  as the client has it
    return None if there is None else "there" if there else "missing"


async def _of_customer(customer_id: str, context: NomosContext) -> SubscriptionResult:
    found: dict[str, Subscription] = {}
    unreadable, more = 0, False
    listing = context.client.subscriptions.list(customer=customer_id)
    async with aclosing(listing.pages(max_pages=MAX_PAGES)) as pages:
        async for page in pages:
            found |= {each.id: each for each in page.items}
            unreadable += len(page.unreadable)
            more = page.has_more or page.contradiction is not None
            if len(found) > _MAX_CHOICES or page.contradiction:
                break
    seen = list(found.values())
    unread = [f"{unreadable} that could not be read"] if unreadable else []
    unread += ["the rest of a list that did not end"] if more else []
    if len(seen) == 1 and not unread:
        return await subscription_result(context, seen[0].id)
    if not seen and not unread:
        why = f" {ONLY_YOURS}" if context.caller.is_fenced else ""
        raise InvalidRequestError(f"No subscription of customer {customer_id} can be seen here.{why}")
    if len(seen) > 1:
        note = "The customer has several subscriptions. Call again with the ID of the one that is meant."
    else:
        note = f"Whether the customer has {'another' if seen else 'a'} subscription could not be told."
    if len(seen) > _MAX_CHOICES:
        note += " There are more: list_subscriptions lists them."
    elif unread:
        note += f" Not read: {'; '.join(unread)}."
    return SubscriptionResult(
        choose={each.id: _choice(each) for each in seen[:_MAX_CHOICES]} or None,
        note=note,
        api_version=context.client.api_version,
    )


def _choice(subscription: Subscription) -> str:
    created = known_day(subscription, "created_at")
    known = f"{subscription.status}, {subscription.direction or 'type not known'}"
    return f"{known}, created {created}" if created else known


async def get_subscription(
    subscription_id: Annotated[str, Field(description="sub_…, its order (prdo_…) or customer (cus_…).")],
    ctx: Context[NomosContext],
) -> Annotated[CallToolResult, SubscriptionResult]:
    """Read one subscription: plan, dates, contract number, meter type, its order, and whether one can be ordered.

    `why` is the rule; a smart meter needs no order. MaLo and MeLo: there or missing. No names.
    not_known was not delivered readably. `choose`: the IDs of a customer with several.
    """
    context = nomos_context(ctx)
    kind = kind_of(checked(subscription_id, "subscription", "meter order", "customer"))
    if kind == "customer":
        return (await _of_customer(subscription_id, context)).answer()
    if kind == "meter order":
        order = (await read_order(context, subscription_id)).order
        subscription_id = order.subscription
        if kind_of(subscription_id) != "subscription":
            raise InvalidRequestError(
                f"Nomos names no readable subscription for order {order.id}. Read the order with get_meter_order."
            )
    return (await subscription_result(context, subscription_id)).answer()


TOOL = ToolDefinition(function=get_subscription, title="Get a subscription", position=25)
