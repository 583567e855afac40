"""The customer scope: endpoints that show one customer's objects and nothing else, whatever they are asked for.

What is not the customer's looks exactly like what does not exist: the same error, after the same requests to upstream,
and no request ID that could tell the two apart. What cannot be shown to be the customer's counts as not theirs.
"""

from collections.abc import Sequence
from typing import TypeVar

from nomos_mcp.client.endpoints import ApiEndpoint, Events, MeterOrders, OutOfScopeError, Subscriptions
from nomos_mcp.client.errors import NotFoundError
from nomos_mcp.client.filters import Filter
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import Event, MeterOrder, Subscription
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.session import BeforeSend

T = TypeVar("T", bound=MeterOrder | Subscription)


class _CustomerEndpoint(ApiEndpoint[T]):
    """Objects that name their customer."""

    customer_id: str

    async def _get(self, object_id: str) -> T:
        try:
            found = await super()._get(object_id)
        except (NotFoundError, OutOfScopeError):
            raise _not_found() from None
        if found.customer != self.customer_id:
            raise _not_found()
        return found

    def _list(self, conditions: Sequence[Filter], limit: int, cursor: str | None) -> Listing[T]:
        asked = [condition for condition in conditions if condition.field == "customer"]
        if any(self.customer_id not in condition.values for condition in asked):
            return Listing(_empty_page)  # another customer's objects; upstream need not hear of it
        others = [condition for condition in conditions if condition.field != "customer"]
        return super()._list([*others, Filter("customer", "eq", (self.customer_id,))], limit, cursor)


class CustomerSubscriptions(_CustomerEndpoint[Subscription], Subscriptions):
    """The subscriptions of one customer."""


class CustomerMeterOrders(_CustomerEndpoint[MeterOrder], MeterOrders):
    """The meter orders of one customer, who can order for their own subscriptions only."""

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> MeterOrder:
        await CustomerSubscriptions(self._session, self._options).get(body["subscription"])
        return await super()._create(body, before_send)


class CustomerEvents(Events):
    """The events about one customer's subscriptions and their orders.

    An event that names no subscription, as one about an invoice may, cannot be shown to be the customer's. Every event
    costs two reads: if a missing one cost only the first, the time of the response would tell it from somebody else's.
    """

    async def _get(self, object_id: str) -> Event:
        subscription_id, event = "", None
        try:
            event = await super()._get(object_id)
            subscription_id = event.context.subscription or ""
        except (NotFoundError, OutOfScopeError):
            pass
        if kind_of(subscription_id) != "subscription":
            event = None
            subscription_id = f"sub_{object_id.partition('_')[2]}"  # no subscription has the ID of an event
        await CustomerSubscriptions(self._session, self._options).get(subscription_id)
        if event is None:
            raise _not_found()
        return event


def _not_found() -> NotFoundError:
    return NotFoundError(404)


async def _empty_page(_: str | None) -> Page[T]:
    return Page(items=())
