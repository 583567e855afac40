"""What the resources share: from a path to a checked record, from a query to a page of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Generic, Literal, TypeVar, get_args
from urllib.parse import quote

from pydantic import ValidationError

from nomos_mcp.client import filters
from nomos_mcp.client.constants import (
    BATMAN,
    CHUCKY,
    CURIE,
    EDISON,
    MAX_PAGE_SIZE,
    MAX_PAGES_FOR_ONE,
    METER_ORDER_VERSIONS,
    ApiVersion,
)
from nomos_mcp.client.errors import UnreadableAnswerError, UnsupportedVersionError
from nomos_mcp.client.filters import Filter
from nomos_mcp.client.http_messages import Json, cleaned
from nomos_mcp.client.ids import checked, kind_of
from nomos_mcp.client.models import (
    CurieMeterOrder,
    CurieStatus,
    EdisonMeterOrder,
    EdisonStatus,
    Event,
    MeterOrder,
    Record,
    Subscription,
)
from nomos_mcp.client.pages import Listing, Page, checked_limit, names, next_page
from nomos_mcp.client.session import BeforeSend, Transport

T = TypeVar("T", bound=Record)

_OK = 200


class Resource(Generic[T]):
    """One kind of object of the API, in the shape of the pinned version."""

    def __init__(self, transport: Transport, path: str, model: type[T]) -> None:
        self._transport = transport
        self._path = path
        self._model = model

    async def _get(self, object_id: str) -> T:
        path = f"{self._path}/{quote(object_id, safe='')}"
        record = self._decoded(await self._transport.get(path, fence=self._fence()))
        found = getattr(record, "id", object_id)
        if found != object_id:
            raise UnreadableAnswerError(f"Asked for {object_id}, but the answer is about another object.", status=_OK)
        return record

    def _fence(self) -> str:
        """Whom it is read for: a customer's ID, or empty for the whole organisation."""
        return ""

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> T:
        return self._decoded(await self._transport.post(self._path, body, before_send))

    def _list(self, filters: Sequence[Filter], limit: int, cursor: str) -> Listing[T]:
        query = [("limit", str(checked_limit(limit))), *(condition.parameter() for condition in filters)]

        async def fetch(at: str) -> Page[T]:
            whole = [*query, ("cursor", at)] if at else query
            return self._page(await self._transport.get(self._path, whole, fence=self._fence()), filters)

        return Listing(fetch, cursor)

    def _page(self, body: Json, filters: Iterable[Filter]) -> Page[T]:
        raw = body.get("items")
        if not isinstance(raw, list):
            raise UnreadableAnswerError("The answer is no list: its `items` are missing or no array.", status=_OK)
        items: list[T] = []
        unreadable: list[str] = []
        for item in raw:
            try:
                items.append(self._decoded(item))
            except UnreadableAnswerError:
                unreadable.append(self._name(item))
        kept = tuple(item for item in items if all(condition.matches(item) for condition in filters))
        cursor, more, contradiction = next_page(body)
        created = (getattr(item, "created_at", None) for item in items)
        return Page(
            items=kept,
            has_more=more,
            next_cursor=cursor,
            dropped=len(items) - len(kept),
            unreadable=tuple(unreadable),
            contradiction=contradiction,
            oldest=min((moment for moment in created if moment), default=None),
            anchored=bool(raw) and names(cursor, raw[-1]),
        )

    def _name(self, item: object) -> str:
        """Return the ID of an item that could not be read, if it has one and is certain to be the caller's."""
        fields = item if isinstance(item, Mapping) else {}
        found, customer = fields.get("id"), fields.get("customer")
        theirs = self._fence() in ("", customer)
        return found if theirs and isinstance(found, str) and kind_of(found) else ""

    def _decoded(self, body: object) -> T:
        try:
            return self._model.model_validate(body)
        except ValidationError as error:
            flaws = error.errors(include_url=False, include_context=False, include_input=False)
        # Out here, so that pydantic's error, which holds the values, does not hang on ours.
        fields = ", ".join(sorted({cleaned(".".join(map(str, flaw["loc"]))) for flaw in flaws}))
        raise UnreadableAnswerError(
            f"The answer is no {self._model.__name__} as documented; wrong or missing: {fields or 'all of it'}.",
            status=_OK,
        )


Product = Literal["smart-meter-energy-metering", "smart-meter-metrify", "smart-meter-inexogy"]

_MODELS: dict[ApiVersion, type[MeterOrder]] = {CURIE: CurieMeterOrder, EDISON: EdisonMeterOrder}
_FILTERS: dict[ApiVersion, frozenset[str]] = {
    CURIE: frozenset({"status", "customer", "subscription"}),
    EDISON: frozenset({"status", "product", "customer", "subscription", "created_at", "updated_at"}),
}

_STATUSES: dict[ApiVersion, tuple[str, ...]] = {CURIE: get_args(CurieStatus), EDISON: get_args(EdisonStatus)}
_ALL_STATUSES = frozenset(status for statuses in _STATUSES.values() for status in statuses)


class MeterOrders(Resource[MeterOrder]):
    """Smart meter orders. In the versions before edison every call raises `UnsupportedVersionError`."""

    def __init__(self, transport: Transport, api_version: ApiVersion) -> None:
        super().__init__(transport, "/meter-orders", _MODELS.get(api_version, MeterOrder))
        self._api_version: ApiVersion = api_version

    async def get(self, order_id: str) -> MeterOrder:
        """Read one order.

        Args:
            order_id: `prdo_…`.

        Returns:
            A `CurieMeterOrder` or an `EdisonMeterOrder`, as the pinned version has it.

        Raises:
            InvalidRequestError: The ID is malformed.
            NotFoundError: No such order, or not visible to this token.
            NomosError: Anything else of the tree in `errors`.
        """
        self._require_version()
        return await self._get(checked(order_id, "meter order"))

    def list(
        self,
        *,
        status: str | Iterable[str] = "",
        status_not: str | Iterable[str] = "",
        customer: str = "",
        subscription: str | Iterable[str] = "",
        product: Product | Literal[""] = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str = "",
    ) -> Listing[MeterOrder]:
        """List orders, newest first. All filters given have to hold.

        Args:
            status: One status or several, in the pinned version's words. Curie cannot filter by blocked.
            status_not: One status or several that the orders must not have. That the API combines several is not
                documented; `Page.filter_honoured` shows whether it did.
            customer: `cus_…`.
            subscription: `sub_…`, or several; there is at most one order for each.
            product: Only edison.
            created_after: Only edison; inclusive, with a zone.
            created_before: Only edison; inclusive, with a zone.
            updated_after: Only edison; inclusive, with a zone.
            updated_before: Only edison; inclusive, with a zone.
            limit: Orders a page, 1 to 100.
            cursor: `next_cursor` of a page that was listed with the same arguments.

        Returns:
            A listing: `await` it for one `Page`, or `async for` it for every order.

        Raises:
            InvalidRequestError: An argument is malformed, or a filter or status is not the pinned version's.
        """
        self._require_version()
        subscriptions = [subscription] if isinstance(subscription, str) else subscription
        wanted, unwanted = filters.words(status), filters.words(status_not)
        conditions = (
            *filters.one_of("status", wanted),
            *filters.none_of("status", unwanted),
            *filters.equal("customer", checked(customer, "customer") if customer else ""),
            *filters.one_of("subscription", [checked(each, "subscription") for each in subscriptions if each]),
            *filters.equal("product", product),
            *filters.between("created_at", created_after, created_before),
            *filters.between("updated_at", updated_after, updated_before),
        )
        filters.refuse_unknown(conditions, _FILTERS[self._api_version], self._api_version)
        filters.refuse_foreign((*wanted, *unwanted), _STATUSES[self._api_version], _ALL_STATUSES, self._api_version)
        return self._list(conditions, limit, cursor)

    async def of_subscription(self, subscription_id: str) -> MeterOrder | None:
        """Find the one order of a subscription.

        One request, unless upstream ignores the filter: then up to `MAX_PAGES_FOR_ONE` pages are read.

        Args:
            subscription_id: `sub_…`.

        Returns:
            The order, or None if there is none that this token may see.

        Raises:
            InvalidRequestError: The ID is malformed.
            UnreadableAnswerError: It was not found, but some order could not be read, or the list did not end.
            NomosError: Anything else of the tree in `errors`.
        """
        found = await self.all_of_subscription(subscription_id, enough=lambda _: True)
        return found[0] if found else None

    async def all_of_subscription(
        self, subscription_id: str, *, enough: Callable[[MeterOrder], bool] = lambda _: False
    ) -> Sequence[MeterOrder]:
        """Find everything that is listed as an order of a subscription: edison lists a customer's mere interest too.

        Args:
            subscription_id: `sub_…`.
            enough: Asked about each order; a true answer ends the search with it.

        Raises:
            InvalidRequestError: The ID is malformed.
            UnreadableAnswerError: As `of_subscription`.
            NomosError: Anything else of the tree in `errors`.
        """
        listing = self.list(subscription=checked(subscription_id, "subscription"))
        found = []
        unreadable, unread = 0, False
        async with aclosing(listing.pages(max_pages=MAX_PAGES_FOR_ONE)) as pages:
            async for page in pages:
                for order in page.items:
                    found.append(order)
                    if enough(order):
                        return found
                unreadable += len(page.unreadable)
                unread = page.has_more
        if unread or unreadable:
            flaw = "The list of orders did not end" if unread else f"Orders that could not be read: {unreadable}"
            raise UnreadableAnswerError(f"{flaw}. The subscription's may be among them.", status=200)
        return found

    async def create(self, subscription_id: str, *, before_send: BeforeSend | None = None) -> MeterOrder:
        """Order a smart meter. Physical, and possible once per subscription, ever, cancelled orders included.

        Sent once. After a fault nobody knows whether the order exists: look for it with `list(subscription=…)`, and go
        on looking, since reads may lag behind writes.

        Args:
            subscription_id: `sub_…`, a consumption subscription that has not ended and never had an order.
            before_send: Awaited when everything is ready (token, turn in the rate limit), right before the request
                leaves. If it raises, nothing is sent. Called again if the request is sent again after a 401.

        Raises:
            InvalidRequestError: The ID is malformed, or the token is known to be read-only; nothing was sent.
            ConflictError: The subscription has had its order.
            BadRequestError: The plan has no smart-meter product, or another rule is broken; see `detail_codes`.
            NomosError: Anything else of the tree in `errors`.
        """
        self._require_version()
        return await self._create({"subscription": checked(subscription_id, "subscription")}, before_send)

    def _require_version(self) -> None:
        if self._api_version not in _MODELS:
            raise UnsupportedVersionError(
                f"API version {self._api_version} has no meter orders; they came with {EDISON}. "
                f"Pin one of {', '.join(METER_ORDER_VERSIONS)}."
            )


_DOCUMENTED = frozenset({"status", "customer", "plan", "created_at", "updated_at"})
_SUBSCRIPTION_FILTERS: dict[ApiVersion, frozenset[str]] = {
    CURIE: _DOCUMENTED,
    EDISON: _DOCUMENTED,
    BATMAN: _DOCUMENTED,
    CHUCKY: frozenset(),  # nothing published on it mentions filters
}


class Subscriptions(Resource[Subscription]):
    """Subscriptions; their personal data is sealed in `personal`."""

    def __init__(self, transport: Transport, api_version: ApiVersion) -> None:
        super().__init__(transport, "/subscriptions", Subscription)
        self._api_version: ApiVersion = api_version

    async def get(self, subscription_id: str) -> Subscription:
        """Read one subscription.

        Args:
            subscription_id: `sub_…`.

        Raises:
            InvalidRequestError: The ID is malformed.
            NotFoundError: No such subscription, or not visible to this token.
            NomosError: Anything else of the tree in `errors`.
        """
        return await self._get(checked(subscription_id, "subscription"))

    def list(
        self,
        *,
        status: str | Iterable[str] = "",
        customer: str = "",
        plan: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str = "",
    ) -> Listing[Subscription]:
        """List subscriptions, newest first. All filters given have to hold.

        Args:
            status: `pending`, `active`, `ended`, or several of them.
            customer: `cus_…`.
            plan: `plan_…` or `pln_…`.
            created_after: Inclusive, with a zone.
            created_before: Inclusive, with a zone.
            updated_after: Inclusive, with a zone.
            updated_before: Inclusive, with a zone.
            limit: Subscriptions a page, 1 to 100.
            cursor: `next_cursor` of a page that was listed with the same arguments.

        Returns:
            A listing: `await` it for one `Page`, or `async for` it for every subscription.

        Raises:
            InvalidRequestError: An argument is malformed, or the pinned version documents no filters.
        """
        conditions = (
            *filters.one_of("status", status),
            *filters.equal("customer", checked(customer, "customer") if customer else ""),
            *filters.equal("plan", checked(plan, "plan") if plan else ""),
            *filters.between("created_at", created_after, created_before),
            *filters.between("updated_at", updated_after, updated_before),
        )
        filters.refuse_unknown(conditions, _SUBSCRIPTION_FILTERS[self._api_version], self._api_version)
        return self._list(conditions, limit, cursor)


class Events(Resource[Event]):
    """Events, by the ID that a webhook delivery carries."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, "/events", Event)

    async def get(self, event_id: str) -> Event:
        """Read one event. It carries IDs only: read the object for its current state.

        Args:
            event_id: `evt_…`.

        Raises:
            InvalidRequestError: The ID is malformed.
            NotFoundError: No such event, or not visible to this token.
            NomosError: Anything else of the tree in `errors`.
        """
        return await self._get(checked(event_id, "event"))
