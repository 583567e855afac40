"""The fence: a view of the client that sees one customer's objects and nothing else, whatever it is asked for.

What is not the customer's looks exactly like what does not exist: the same error, after the same requests to upstream,
and no request ID that could tell the two apart. What cannot be shown to be the customer's counts as not theirs.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from nomos_mcp.client.constants import ApiVersion
from nomos_mcp.client.endpoints import Events, MeterOrders, Resource, Subscriptions
from nomos_mcp.client.errors import NotFoundError, UnreadableAnswerError
from nomos_mcp.client.filters import Filter, equal
from nomos_mcp.client.ids import kind_of
from nomos_mcp.client.models import Event, MeterOrder, Subscription, id_of
from nomos_mcp.client.pages import Listing, Page
from nomos_mcp.client.session import BeforeSend, Transport

T = TypeVar("T", bound=MeterOrder | Subscription)
V = TypeVar("V")

_NOT_FOUND = 404


class _UnreadableRecordError(UnreadableAnswerError):
    """A record that is broken, and not shown to be the customer's."""


class _Fenced(Resource[T]):
    """Objects that name their customer."""

    customer_id: str

    def _fence(self) -> str:
        return self.customer_id

    async def _get(self, object_id: str) -> T:
        record = await _alike(super()._get(object_id))
        if record.customer != self.customer_id:
            raise NotFoundError(_NOT_FOUND)
        return record

    def _decoded(self, body: object) -> T:
        try:
            return super()._decoded(body)
        except UnreadableAnswerError as flaw:
            if isinstance(body, Mapping) and id_of(body.get("customer")) == self.customer_id:
                raise
            failure = _UnreadableRecordError(str(flaw), status=flaw.status)
        raise failure

    def _list(self, filters: Sequence[Filter], limit: int, cursor: str) -> Listing[T]:
        others = [condition for condition in filters if condition.field != "customer"]
        if any(condition.field == "customer" and self.customer_id not in condition.values for condition in filters):
            return Listing(_nothing)  # another customer's objects; upstream need not hear of it
        return super()._list([*others, *equal("customer", self.customer_id)], limit, cursor)


class FencedSubscriptions(_Fenced[Subscription], Subscriptions):
    """The subscriptions of one customer."""

    def __init__(self, transport: Transport, api_version: ApiVersion, customer_id: str) -> None:
        super().__init__(transport, api_version)
        self.customer_id = customer_id


class FencedMeterOrders(_Fenced[MeterOrder], MeterOrders):
    """The meter orders of one customer, who can order for their own subscriptions only."""

    def __init__(self, transport: Transport, api_version: ApiVersion, subscriptions: FencedSubscriptions) -> None:
        super().__init__(transport, api_version)
        self.customer_id = subscriptions.customer_id
        self._subscriptions = subscriptions

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> MeterOrder:
        await self._subscriptions.get(body["subscription"])
        return await super()._create(body, before_send)


class FencedEvents(Events):
    """The events about one customer's subscriptions and their orders.

    An event that names no subscription, as one about an invoice may, cannot be shown to be the customer's. Every event
    costs two reads: if a missing one cost only the first, the time of the answer would tell it from somebody else's.
    """

    def __init__(self, transport: Transport, subscriptions: FencedSubscriptions) -> None:
        super().__init__(transport)
        self._subscriptions = subscriptions

    def _fence(self) -> str:
        return self._subscriptions.customer_id

    async def _get(self, object_id: str) -> Event:
        subscription_id, event = "", None
        try:
            event = await super()._get(object_id)
            subscription_id = event.context.subscription or ""
        except (NotFoundError, _UnreadableRecordError):
            pass
        if kind_of(subscription_id) != "subscription":
            event = None
            subscription_id = f"sub_{object_id.partition('_')[2]}"  # no subscription has the ID of an event
        await self._subscriptions.get(subscription_id)
        if event is None:
            raise NotFoundError(_NOT_FOUND)
        return event

    def _decoded(self, body: object) -> Event:
        try:
            return super()._decoded(body)
        except UnreadableAnswerError as flaw:
            failure = _UnreadableRecordError(str(flaw), status=flaw.status)
        raise failure


async def _alike(call: Awaitable[V]) -> V:
    """Make upstream's answer to an unknown object the one that somebody else's gets."""
    try:
        return await call
    except (NotFoundError, _UnreadableRecordError):
        raise NotFoundError(_NOT_FOUND) from None


async def _nothing(_: str) -> Page[T]:
    return Page(items=(), has_more=False, next_cursor="")
