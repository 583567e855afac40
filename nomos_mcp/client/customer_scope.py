"""The customer scope: endpoints that show one customer's objects and nothing else, whatever they are asked for.

What is not the customer's looks exactly like what does not exist: the same error, after the same requests to upstream,
and no request ID that could tell the two apart. What cannot be shown to be the customer's counts as not theirs.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from nomos_mcp.client.endpoints import ApiEndpoint, Events, MeterOrders, Subscriptions
from nomos_mcp.client.errors import NotFoundError, UnreadableResponseError
from nomos_mcp.client.filters import Filter
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import Event, MeterOrder, Subscription, id_of
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.session import BeforeSend, CallOptions, Session

T = TypeVar("T", bound=MeterOrder | Subscription)


class _UnreadableObjectError(UnreadableResponseError):
    """An object that is broken, and not shown to be the customer's."""


class _CustomerEndpoint(ApiEndpoint[T]):
    """Objects that name their customer."""

    customer_id: str

    async def _get(self, object_id: str) -> T:
        try:
            found = await super()._get(object_id)
        except (NotFoundError, _UnreadableObjectError):
            raise _not_found() from None
        if found.customer != self.customer_id:
            raise _not_found()
        return found

    def _decoded(self, body: object) -> T:
        try:
            return super()._decoded(body)
        except UnreadableResponseError as error:
            is_own = isinstance(body, Mapping) and id_of(body.get("customer")) == self.customer_id
            del body  # as in the base class
            if is_own:
                raise
            flaw = str(error)
        raise _UnreadableObjectError(flaw, status_code=200)

    def _list(self, conditions: Sequence[Filter], limit: int, cursor: str | None) -> Listing[T]:
        asked = [condition for condition in conditions if condition.field == "customer"]
        if any(self.customer_id not in condition.values for condition in asked):
            return Listing(_empty_page)  # another customer's objects; upstream need not hear of it
        others = [condition for condition in conditions if condition.field != "customer"]
        return super()._list([*others, Filter("customer", "eq", (self.customer_id,))], limit, cursor)


class CustomerSubscriptions(_CustomerEndpoint[Subscription], Subscriptions):
    """The subscriptions of one customer."""

    def __init__(self, session: Session, options: CallOptions, customer_id: str) -> None:
        super().__init__(session, options)
        self.customer_id = customer_id


class CustomerMeterOrders(_CustomerEndpoint[MeterOrder], MeterOrders):
    """The meter orders of one customer, who can order for their own subscriptions only."""

    def __init__(self, session: Session, options: CallOptions, subscriptions: CustomerSubscriptions) -> None:
        super().__init__(session, options)
        self.customer_id = subscriptions.customer_id
        self._subscriptions = subscriptions

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> MeterOrder:
        await self._subscriptions.get(body["subscription"])
        return await super()._create(body, before_send)


class CustomerEvents(Events):
    """The events about one customer's subscriptions and their orders.

    An event that names no subscription, as one about an invoice may, cannot be shown to be the customer's. Every event
    costs two reads: if a missing one cost only the first, the time of the response would tell it from somebody else's.
    """

    def __init__(self, session: Session, options: CallOptions, subscriptions: CustomerSubscriptions) -> None:
        super().__init__(session, options)
        self.customer_id = subscriptions.customer_id
        self._subscriptions = subscriptions

    async def _get(self, object_id: str) -> Event:
        subscription_id, event = "", None
        try:
            event = await super()._get(object_id)
            subscription_id = event.context.subscription or ""
        except (NotFoundError, _UnreadableObjectError):
            pass
        if kind_of(subscription_id) != "subscription":
            event = None
            subscription_id = f"sub_{object_id.partition('_')[2]}"  # no subscription has the ID of an event
        await self._subscriptions.get(subscription_id)
        if event is None:
            raise _not_found()
        return event

    def _decoded(self, body: object) -> Event:
        try:
            return super()._decoded(body)
        except UnreadableResponseError as error:
            flaw = str(error)
        del body
        raise _UnreadableObjectError(flaw, status_code=200)


def _not_found() -> NotFoundError:
    return NotFoundError(404)


async def _empty_page(_: str | None) -> Page[T]:
    return Page(items=())
