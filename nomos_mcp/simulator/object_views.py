"""Subscriptions, customers and events as each API version writes them.

A listed subscription names what belongs to it by ID; a single one carries whole objects (personal data, here invented).
Before curie the direction of the energy is called `direction` and there is no billing address; from curie on it is
`type`, and feed-in subscriptions exist. Which of the two edison uses, that a single subscription carries whole objects
in the older versions too, and that all versions write customers alike, is inferred.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, get_args

from nomos_mcp.simulator.api_format import CURIE, ApiVersion, Json, format_time
from nomos_mcp.simulator.list_queries import FilterField
from nomos_mcp.simulator.world_records import CustomerRecord, EventRecord, SubscriptionRecord, SubscriptionStatus

CUSTOMER_FIELDS: Final[Sequence[FilterField[CustomerRecord]]] = (
    FilterField("email", "string", lambda customer: customer.email),
    FilterField("type", "string", lambda customer: customer.type),
    FilterField("created_at", "date", lambda customer: customer.created_at),
)
SUBSCRIPTION_FIELDS: Final[Sequence[FilterField[SubscriptionRecord]]] = (
    FilterField("status", "enum", lambda subscription: subscription.status, frozenset(get_args(SubscriptionStatus))),
    FilterField("customer", "string", lambda subscription: subscription.customer_id),
    FilterField("plan", "string", lambda subscription: subscription.plan_id),
    FilterField("created_at", "date", lambda subscription: subscription.created_at),
    FilterField("updated_at", "date", lambda subscription: subscription.updated_at),
)


def subscription_shown(subscription: SubscriptionRecord, version: ApiVersion) -> bool:
    """Feed-in exists from curie on (vendor document)."""
    return version >= CURIE or subscription.type == "consumption"


def event_shown(event: EventRecord, version: ApiVersion) -> bool:
    """Events of meter orders exist from curie on (vendor document)."""
    return version >= CURIE or event.order_id is None


def render_event(event: EventRecord) -> Json:
    context: Json = {"subscription": event.subscription_id}
    if event.order_id is not None:
        context["meter_order"] = event.order_id
    return {"id": event.id, "topic": event.topic, "timestamp": format_time(event.at), "context": context}


def render_customer(customer: CustomerRecord) -> Json:
    body: Json = {
        "object": "customer",
        "id": customer.id,
        "type": customer.type,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "vat_id": None,
        "created_at": format_time(customer.created_at),
    }
    return body if customer.company_name is None else body | {"company_name": customer.company_name}


def render_listed_subscription(subscription: SubscriptionRecord, version: ApiVersion) -> Json:
    related: Json = {
        "customer": subscription.customer_id,
        "address": subscription.address.id,
        "meter": subscription.meter.id,
        "payment_method": subscription.payment_method.id,
        "supplier": subscription.supplier.id if subscription.supplier else None,
    }
    return _subscription(subscription, related, version)


def render_subscription(subscription: SubscriptionRecord, customer: CustomerRecord, version: ApiVersion) -> Json:
    since = format_time(subscription.created_at)
    payment, supplier = subscription.payment_method, subscription.supplier
    previous = supplier and {"object": "supplier", **asdict(supplier), "created_at": format_time(supplier.created_at)}
    related: Json = {
        "customer": render_customer(customer),
        "address": {"object": "address", **asdict(subscription.address), "created_at": since},
        "meter": {"object": "meter", **asdict(subscription.meter), "created_at": since},
        "supplier": previous,
        "payment_method": {
            "object": "payment_method",
            "id": payment.id,
            "type": "sepa_debit",
            "sepa_debit": {"iban": payment.iban, "account_holder": payment.account_holder},
            "created_at": since,
        },
    }
    return _subscription(subscription, related, version)


def _subscription(subscription: SubscriptionRecord, related: Json, version: ApiVersion) -> Json:
    body: Json = {
        "object": "subscription",
        "id": subscription.id,
        "plan": subscription.plan_id,
        "number": subscription.number,
        "status": subscription.status,
        "type" if version >= CURIE else "direction": subscription.type,
        "estimated_usage": subscription.estimated_usage,
        "created_at": format_time(subscription.created_at),
        "updated_at": format_time(subscription.updated_at),
        "start_at": format_time(subscription.start_at),
        "terminated_at": format_time(subscription.terminated_at),
        "end_at": format_time(subscription.end_at),
        "metadata": dict(subscription.metadata),
    }
    return body | related | ({"billing_address": related["address"]} if version >= CURIE else {})
