"""Subscriptions: with IDs in the list, with whole objects (personal data, invented here) one by one.

Before curie the direction of the energy is called `direction` and there is no billing address; from curie on it is
`type`, and feed-in subscriptions exist. Which of the two edison uses, and that the single subscription of the older
versions carries whole objects too, is inferred.
"""

from collections.abc import Sequence
from typing import Final, get_args

from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.lists.filters import Field
from nomos_mcp.simulator.versions import CURIE, ApiVersion
from nomos_mcp.simulator.views import customers
from nomos_mcp.simulator.world.records import Customer, Subscription, SubscriptionStatus, Supplier

FIELDS: Final[Sequence[Field[Subscription]]] = (
    Field("status", "enum", lambda subscription: subscription.status, frozenset(get_args(SubscriptionStatus))),
    Field("customer", "string", lambda subscription: subscription.customer_id),
    Field("plan", "string", lambda subscription: subscription.plan_id),
    Field("created_at", "date", lambda subscription: subscription.created_at),
    Field("updated_at", "date", lambda subscription: subscription.updated_at),
)


def shown(subscription: Subscription, version: ApiVersion) -> bool:
    """Tell whether a version knows of a subscription: feed-in exists from curie on (vendor document)."""
    return version >= CURIE or subscription.type == "consumption"


def listed(subscription: Subscription, version: ApiVersion) -> Json:
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


def whole(subscription: Subscription, customer: Customer, version: ApiVersion) -> Json:
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
        "customer": customers.render(customer),
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


def _common(subscription: Subscription, version: ApiVersion) -> Json:
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
