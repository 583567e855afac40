"""What the topic of an event says happened, in one sentence. An event carries IDs only, never the state now.

Source: the topics that the vendor documents; each sentence says no more than the topic's words and its documentation.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TOPICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "subscription.created": "A subscription was created.",
        "subscription.confirmed": "A subscription was confirmed.",
        "subscription.activated": "A subscription became active.",
        "subscription.ended": "A subscription ended.",
        "subscription.terminated": "A subscription was terminated.",
        "invoice.created": "An invoice was created.",
        "invoice.paid": "An invoice was paid.",
        "invoice.payment_failed": "A payment of an invoice failed.",
        "invoice.voided": "An invoice was voided; `voiding_invoice` is the invoice that voids it.",
        "invoice.uncollectible": "An invoice was given up as uncollectible.",
        "meter_order.created": "A smart meter order was accepted.",
        "meter_order.placed": "A smart meter order was handed to the installation partner.",
        "meter_order.check_submitted": (
            "The smart meter check was submitted: the customer sent the installation partner further details, such as "
            "a photo of the current meter's place."
        ),
        "meter_order.check_reviewed": (
            "The installation partner reviewed the smart meter check and confirmed that it will install."
        ),
        "meter_order.scheduled": "An installation appointment was set.",
        "meter_order.installed": "The smart meter was installed. It is not active yet by that alone.",
        "meter_order.activated": "The smart meter went live: automatic readings and dynamic prices are possible.",
        "meter_order.blocked": "A smart meter order was blocked: something needs attention before it goes on.",
        "meter_order.cancelled": "A smart meter order was cancelled.",
    }
)
"""Every documented topic, and what it says happened."""
