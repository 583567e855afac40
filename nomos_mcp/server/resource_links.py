"""The links that a tool's result carries: to the order and to the subscription that it is about.

They stand after the text, and only if the result is about one order or subscription: in a list each would cost tokens.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mcp.types import ResourceLink

from nomos_mcp.client.ids import kind_of
from nomos_mcp.server.resource_uris import ORDERS, SUBSCRIPTIONS

LINKS_SINCE: Final = "2026-07-28"
"""The protocol revision whose clients get links. Links came with 2025-06-18, but some frameworks of older ones lose the
whole answer over a link: LangChain with OpenAI's models, AutoGen, Semantic Kernel."""

_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "meter order": (ORDERS, "Smart meter order"),
    "subscription": (SUBSCRIPTIONS, "Subscription"),
}
"""Where each kind of object is read, and its title."""


def resource_links(
    answer: Mapping[str, Any], *, audience: str, fenced: bool, protocol_version: str | None
) -> list[ResourceLink]:
    """Return links to what a structured answer is about.

    A text for a customer has none: what a link leads to is written for those who serve them. A caller who sees one
    customer's objects only gets links to nothing but what this call has read for them.

    Args:
        answer: The structured content of a result.
        audience: Whom the result speaks to, if the tool has that argument; else empty.
        fenced: Whether the caller sees one customer's objects only.
        protocol_version: The revision that the client speaks; None if that is not known, which means no links.
    """
    if audience == "customer" or (protocol_version or "") < LINKS_SINCE:
        return []
    return [_link(each) for each in dict.fromkeys(_ids(answer, fenced=fenced)) if kind_of(each) in _KINDS]


def _ids(answer: Mapping[str, Any], *, fenced: bool) -> Iterator[str]:
    order, subscription = answer.get("order"), answer.get("subscription")
    if isinstance(order, Mapping):
        yield order.get("id", "")
        if not fenced:  # the order names it, and nobody has looked whose it is
            yield order.get("subscription", "")
    if isinstance(subscription, Mapping):
        yield subscription.get("id", "")
        yield subscription.get("order_id", "")


def _link(object_id: str) -> ResourceLink:
    where, title = _KINDS[kind_of(object_id) or ""]
    return ResourceLink(
        name=object_id, title=f"{title} {object_id}", uri=where + object_id, mime_type="application/json"
    )
