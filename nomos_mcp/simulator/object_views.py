"""Subscriptions: with IDs in the list, with whole objects (personal data, invented here) one by one.

Before curie the direction of the energy is called `direction` and there is no billing address; from curie on it is
`type`, and feed-in subscriptions exist. Which of the two edison uses, and that the single subscription of the older
versions carries whole objects too, is inferred.
"""

from collections.abc import Sequence
from typing import Final, get_args

from nomos_mcp.simulator.api_format import CURIE, ApiVersion, Json
from nomos_mcp.simulator.list_queries import Field
from nomos_mcp.simulator.world_clock import on_the_wire
from nomos_mcp.simulator.world_records import (
    CustomerRecord,
    EventRecord,
    SubscriptionRecord,
    SubscriptionStatus,
    Supplier,
)

SUBSCRIPTION_FIELDS: Final[Sequence[Field[SubscriptionRecord]]] = (
    Field("status", "enum", lambda subscription: subscription.status, frozenset(get_args(SubscriptionStatus))),
    Field("customer", "string", lambda subscription: subscription.customer_id),
    Field("plan", "string", lambda subscription: subscription.plan_id),
    Field("created_at", "date", lambda subscription: subscription.created_at),
    Field("updated_at", "date", lambda subscription: subscription.updated_at),
)


def subscription_shown(subscription: SubscriptionRecord, version: ApiVersion) -> bool:
    """Tell whether a version knows of a subscription: feed-in exists from curie on (vendor document)."""
    return version >= CURIE or subscription.type == "consumption"


def render_listed_subscription(subscription: SubscriptionRecord, version: ApiVersion) -> Json:
    """Write a subscription as an item of the list: what belongs to it is named by ID."""
    related: Json = {
        "customer": subscription.customer_id,
        "address": subscription.address.id,
        "meter": subscription.meter.id,
        "payment_method": subscription.payment_method.id,
        "supplier": subscription.supplier.id if subscription.supplier else None,
    }
    if version >= CURIE:
        related["billing_address"] = subscription.address.id
    return _common(subscription, version) | related


def render_subscription(subscription: SubscriptionRecord, customer: CustomerRecord, version: ApiVersion) -> Json:
    """Write a subscription with everything that belongs to it.

    Args:
        subscription: The subscription.
        customer: Its customer.
        version: The version that words it.

    Returns:
        The JSON body, personal data included.
    """
    since = on_the_wire(subscription.created_at)
    place, meter, payment = subscription.address, subscription.meter, subscription.payment_method
    address: Json = {
        "object": "address",
        "id": place.id,
        "street": place.street,
        "house_number": place.house_number,
        "zip": place.zip,
        "city": place.city,
        "created_at": since,
    }
    related: Json = {
        "customer": render_customer(customer),
        "address": address,
        "meter": {
            "object": "meter",
            "id": meter.id,
            "number": meter.number,
            "type": meter.type,
            "malo": meter.malo,
            "melo": meter.melo,
            "created_at": since,
        },
        "supplier": _supplier(subscription.supplier),
        "payment_method": {
            "object": "payment_method",
            "id": payment.id,
            "type": "sepa_debit",
            "sepa_debit": {"iban": payment.iban, "account_holder": payment.account_holder},
            "created_at": since,
        },
    }
    if version >= CURIE:
        related["billing_address"] = address
    return _common(subscription, version) | related


def _common(subscription: SubscriptionRecord, version: ApiVersion) -> Json:
    return {
        "object": "subscription",
        "id": subscription.id,
        "plan": subscription.plan_id,
        "number": subscription.number,
        "status": subscription.status,
        "type" if version >= CURIE else "direction": subscription.type,
        "estimated_usage": subscription.estimated_usage,
        "created_at": on_the_wire(subscription.created_at),
        "updated_at": on_the_wire(subscription.updated_at),
        "start_at": on_the_wire(subscription.start_at),
        "terminated_at": on_the_wire(subscription.terminated_at),
        "end_at": on_the_wire(subscription.end_at),
        "metadata": dict(subscription.metadata),
    }


def _supplier(supplier: Supplier | None) -> Json | None:
    if supplier is None:
        return None
    return {
        "object": "supplier",
        "id": supplier.id,
        "name": supplier.name,
        "country": supplier.country,
        "created_at": on_the_wire(supplier.created_at),
    }


CUSTOMER_FIELDS: Final[Sequence[Field[CustomerRecord]]] = (
    Field("email", "string", lambda customer: customer.email),
    Field("type", "string", lambda customer: customer.type),
    Field("created_at", "date", lambda customer: customer.created_at),
)


def customer_shown(_customer: CustomerRecord, _version: ApiVersion) -> bool:
    """Tell whether a version knows of a customer: each knows of all."""
    return True


def render_customer(customer: CustomerRecord) -> Json:
    """Write a customer; `company_name` is there for companies only."""
    body: Json = {
        "object": "customer",
        "id": customer.id,
        "type": customer.type,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "vat_id": None,
        "created_at": on_the_wire(customer.created_at),
    }
    return body if customer.company_name is None else body | {"company_name": customer.company_name}


def event_shown(event: EventRecord, version: ApiVersion) -> bool:
    """Tell whether a version knows of an event: those of meter orders exist from curie on (vendor document)."""
    return version >= CURIE or event.order_id is None


def render_event(event: EventRecord) -> Json:
    """Write an event."""
    context: Json = {"subscription": event.subscription_id}
    if event.order_id is not None:
        context["meter_order"] = event.order_id
    return {"id": event.id, "topic": event.topic, "timestamp": on_the_wire(event.at), "context": context}
