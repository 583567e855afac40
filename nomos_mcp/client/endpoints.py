"""The endpoints: `/meter-orders`, `/subscriptions`, `/customers` and `/events`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import SecretStr, ValidationError

from nomos_mcp.client import filters
from nomos_mcp.client.errors import APIError, InvalidRequestError, UnreadableResponseError, UnsupportedVersionError
from nomos_mcp.client.filters import Filter, Words
from nomos_mcp.client.http_messages import CURIE, EDISON, ApiVersion, Json, cleaned
from nomos_mcp.client.ids import checked, kind_of
from nomos_mcp.client.models import (
    CurieMeterOrder,
    Customer,
    EdisonMeterOrder,
    EmailAddress,
    Event,
    MeterOrder,
    NomosObject,
    Subscription,
    id_of,
)
from nomos_mcp.client.pages import MAX_PAGE_SIZE, Listing, Page, checked_limit, cursor_names, next_page
from nomos_mcp.client.session import BeforeSend, CallOptions, Session

MAX_PAGES_FOR_ONE: Final = 100
"""Pages that are read at most for the order of one subscription; one is enough unless upstream ignores the filter."""

MAX_PAGES_FOR_EMAIL: Final = 10
"""Pages that are read at most for an e-mail address: with an ignored filter they hold strangers."""

T = TypeVar("T", bound=NomosObject)

Product = Literal["smart-meter-energy-metering", "smart-meter-metrify", "smart-meter-inexogy"]

_ORDER_MODELS: dict[ApiVersion, type[MeterOrder]] = {CURIE: CurieMeterOrder, EDISON: EdisonMeterOrder}


class OutOfScopeError(UnreadableResponseError):
    """An object that cannot be read, and is not shown to be the customer's."""


class ApiEndpoint(Generic[T]):
    """One kind of object of the API, in the shape of the pinned version. Every call may raise any `NomosError`.

    A malformed ID or argument raises `InvalidRequestError`, and nothing is sent. An object that does not exist, or that
    this token may not see, raises `NotFoundError`.

    Attributes:
        customer_id: The customer whose objects alone can be seen; None for the whole organisation.
    """

    _path: str
    _model: type[T]

    def __init__(self, session: Session, options: CallOptions) -> None:
        self.customer_id = options.customer_id
        self._session = session
        self._options = options

    async def _get(self, object_id: str) -> T:
        path = f"{self._path}/{quote(object_id, safe='')}"
        found = self._decoded(await self._session.get(path, (), self._options))
        if getattr(found, "id", object_id) != object_id:
            raise _unreadable(f"Asked for {object_id}, but the response is about another object.")
        return found

    async def _create(self, body: dict[str, str], before_send: BeforeSend | None) -> T:
        return self._decoded(await self._session.post(self._path, body, self._options, before_send=before_send))

    def _list(self, conditions: Sequence[Filter], limit: int, cursor: str | None) -> Listing[T]:
        return Listing(partial(self._fetch, conditions, checked_limit(limit)), cursor)

    async def _fetch(self, conditions: Sequence[Filter], limit: int, cursor: str | None) -> Page[T]:
        query = [("limit", str(limit)), *(condition.parameter() for condition in conditions)]
        if cursor:
            query.append(("cursor", cursor))
        return self._page(await self._session.get(self._path, query, self._options), conditions)

    async def _find(
        self, conditions: Sequence[Filter], max_pages: int, enough: Callable[[T], bool] = lambda _: False
    ) -> tuple[Sequence[T], str]:
        """Read everything that matches, up to the first item that is enough, and say why more may match, if so."""
        found: list[T] = []
        unreadable = has_more = False
        async with aclosing(self._list(conditions, MAX_PAGE_SIZE, None).pages(max_pages=max_pages)) as pages:
            async for page in pages:
                for item in page.items:
                    found.append(item)
                    if enough(item):
                        return found, ""
                unreadable = unreadable or bool(page.unreadable) or page.may_hide_own
                has_more = page.has_more
        if has_more:
            return found, f"the list {self._path} did not end within {max_pages} pages"
        return found, f"the list {self._path} holds items that could not be read" if unreadable else ""

    def _page(self, body: Json, conditions: Iterable[Filter]) -> Page[T]:
        raw = body.get("items")
        if not isinstance(raw, list):
            del raw, body  # they may hold a person's data, and a traceback may be shown with its variables
            raise _unreadable("The response is not a list: its `items` are missing or not an array.")
        items: list[T] = []
        unreadable: list[str | None] = []
        may_hide_own = False
        for item in raw:
            try:
                items.append(self._decoded(item))
            except UnreadableResponseError:
                in_scope = self._is_in_scope(item)
                may_hide_own = may_hide_own or in_scope is None
                if in_scope:
                    object_id = item.get("id") if isinstance(item, Mapping) else None
                    unreadable.append(object_id if isinstance(object_id, str) and kind_of(object_id) else None)
        verdicts = [(item, {condition.matches(item) for condition in conditions}) for item in items]
        possible = [(item, verdict) for item, verdict in verdicts if False not in verdict]
        matching = tuple(item for item, verdict in possible if None not in verdict)
        unreadable += [getattr(item, "id", None) for item, verdict in possible if None in verdict]
        dropped = (item for item, verdict in verdicts if False in verdict)
        cursor, has_more, contradiction = next_page(body)
        created = [moment for item in items if (moment := getattr(item, "created_at", None))]
        return Page(
            items=matching,
            has_more=has_more,
            next_cursor=cursor,
            dropped=sum(self.customer_id in (None, getattr(item, "customer", None)) for item in dropped),
            unreadable=tuple(unreadable),
            may_hide_own=may_hide_own,
            contradiction=contradiction,
            oldest=min(created, default=None),
            newest=max(created, default=None),
            anchored=bool(raw) and cursor_names(cursor or "", raw[-1]),
        )

    def _is_in_scope(self, body: object) -> bool | None:
        """Whether an object that cannot be read is in the customer scope; None if it does not say whose it is."""
        customer = id_of(body.get("customer")) if isinstance(body, Mapping) else None
        if self.customer_id in (None, customer):
            return True
        return False if isinstance(customer, str) and kind_of(customer) == "customer" else None

    def _decoded(self, body: object) -> T:
        try:
            return self._model.model_validate(body)
        except ValidationError as error:
            flaws = error.errors(include_url=False, include_context=False, include_input=False)
        kind = UnreadableResponseError if self._is_in_scope(body) else OutOfScopeError
        # Raised out here, so that pydantic's error, which holds the values, is not chained to ours.
        del body  # it may hold a person's data, and a traceback may be shown with its variables
        fields = ", ".join(sorted({cleaned(".".join(map(str, flaw["loc"]))) for flaw in flaws}))
        raise kind(
            f"The response is not a {self._model.__name__} as documented; wrong or missing: {fields or 'all of it'}.",
            status_code=200,
        )


class MeterOrders(ApiEndpoint[MeterOrder]):
    """Smart meter orders. In the versions before edison every call raises `UnsupportedVersionError`."""

    _path = "/meter-orders"

    def __init__(self, session: Session, options: CallOptions) -> None:
        super().__init__(session, options)
        self._model = _ORDER_MODELS.get(session.api_version, MeterOrder)

    async def get(self, order_id: str) -> MeterOrder:
        """Read one order.

        Args:
            order_id: `prdo_…`.

        Returns:
            A `CurieMeterOrder` or an `EdisonMeterOrder`, depending on the pinned version.
        """
        self._require_version()
        return await self._get(checked(order_id, "meter order"))

    def list(
        self,
        *,
        status: Words = None,
        status_not: Words = None,
        customer: str | None = None,
        subscription: Words = None,
        product: Product | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str | None = None,
    ) -> Listing[MeterOrder]:
        """List orders, newest first. An order is listed if it matches every filter.

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
            limit: Orders per page, 1 to 100.
            cursor: `next_cursor` of a page that was listed with the same arguments.

        Returns:
            A listing: `await` it for one `Page`, or `async for` it for every order.

        Raises:
            UnsupportedVersionError: The pinned version does not have a filter or status.
        """
        self._require_version()
        version = self._session.api_version
        wanted, unwanted = filters.words(status), filters.words(status_not)
        conditions = (
            *filters.one_of("status", wanted),
            *filters.none_of("status", unwanted),
            *filters.id_is("customer", customer),
            *filters.id_is("subscription", subscription),
            *filters.one_of("product", product),
            *filters.between("created_at", created_after, created_before),
            *filters.between("updated_at", updated_after, updated_before),
        )
        filters.require_documented(conditions, filters.ORDER_FILTERS[version], version)
        filters.require_own_statuses((*wanted, *unwanted), version)
        return self._list(conditions, limit, cursor)

    async def of_subscription(self, subscription_id: str) -> MeterOrder | None:
        """Find the one order of a subscription, or else a customer's mere interest in one (edison's `intended`).

        One request, unless upstream ignores the filter: then up to `MAX_PAGES_FOR_ONE` pages are read.

        Args:
            subscription_id: `sub_…`.

        Returns:
            The order, or None if there is none that this token may see.

        Raises:
            UnreadableResponseError: It was not found, but some order could not be read, or the list did not end.
        """
        found = await self.all_of_subscription(subscription_id, enough=_is_accepted)
        return next(filter(_is_accepted, found), found[0] if found else None)

    async def all_of_subscription(
        self, subscription_id: str, *, enough: Callable[[MeterOrder], bool] = lambda _: False
    ) -> Sequence[MeterOrder]:
        """Find everything that is listed as an order of a subscription: edison lists a customer's mere interest too.

        Args:
            subscription_id: `sub_…`.
            enough: Asked about each order; the search ends with the first one for which it returns true.

        Raises:
            UnreadableResponseError: As `of_subscription`.
        """
        self._require_version()
        conditions = filters.id_is("subscription", checked(subscription_id, "subscription"))
        found, gap = await self._find(conditions, MAX_PAGES_FOR_ONE, enough)
        if gap:
            raise _unreadable(f"More orders may match: {gap}.")
        return found

    async def create(self, subscription_id: str, *, before_send: BeforeSend | None = None) -> MeterOrder:
        """Order a smart meter. Physical, and possible once per subscription, ever, cancelled orders included.

        Sent once. After a fault nobody knows whether the order exists: look for it with `list(subscription=…)`, and
        keep looking, since reads may lag behind writes.

        Args:
            subscription_id: `sub_…`, a consumption subscription that has not ended and never had an order.
            before_send: Awaited when everything is ready (token, slot of the rate limiter), right before the request is
                sent. If it raises, nothing is sent. Called again if the request is sent again after a 401.

        Raises:
            MissingScopeError: The token is known to be read-only; nothing was sent.
            ConflictError: The subscription has had its order.
            BadRequestError: The plan has no smart-meter product, or another rule is broken; see `detail_codes`.
        """
        self._require_version()
        return await self._create({"subscription": checked(subscription_id, "subscription")}, before_send)

    def _require_version(self) -> None:
        if self._session.api_version not in _ORDER_MODELS:
            raise UnsupportedVersionError(
                f"API version {self._session.api_version} has no meter orders; they came with {EDISON}. "
                f"Pin one of {', '.join(_ORDER_MODELS)}."
            )


class Subscriptions(ApiEndpoint[Subscription]):
    """Subscriptions; their personal data is sealed in `personal`."""

    _path = "/subscriptions"
    _model = Subscription

    async def get(self, subscription_id: str) -> Subscription:
        """Read one subscription.

        Args:
            subscription_id: `sub_…`.
        """
        return await self._get(checked(subscription_id, "subscription"))

    def list(
        self,
        *,
        status: Words = None,
        customer: str | None = None,
        plan: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str | None = None,
    ) -> Listing[Subscription]:
        """List subscriptions, newest first. A subscription is listed if it matches every filter.

        Args:
            status: `pending`, `active`, `ended`, or several of them.
            customer: `cus_…`.
            plan: `plan_…` or `pln_…`.
            created_after: Inclusive, with a zone.
            created_before: Inclusive, with a zone.
            updated_after: Inclusive, with a zone.
            updated_before: Inclusive, with a zone.
            limit: Subscriptions per page, 1 to 100.
            cursor: `next_cursor` of a page that was listed with the same arguments.

        Returns:
            A listing: `await` it for one `Page`, or `async for` it for every subscription.

        Raises:
            UnsupportedVersionError: The pinned version documents no filters.
        """
        version = self._session.api_version
        conditions = (
            *filters.one_of("status", status),
            *filters.id_is("customer", customer),
            *filters.id_is("plan", plan),
            *filters.between("created_at", created_after, created_before),
            *filters.between("updated_at", updated_after, updated_before),
        )
        filters.require_documented(conditions, filters.SUBSCRIPTION_FILTERS[version], version)
        return self._list(conditions, limit, cursor)


@dataclass(frozen=True, slots=True)
class CustomersFound:
    """Customers with an e-mail address.

    Attributes:
        ids: `cus_…` of each; several may share an address.
        gap: Why there may be more with this spelling; empty if everything that Nomos sent was looked at.
    """

    ids: Sequence[str]
    gap: str


class Customers(ApiEndpoint[Customer]):
    """Customers; nothing but their IDs leaves this class."""

    _path = "/customers"
    _model = Customer

    async def ids_with_email(self, email: SecretStr | str) -> CustomersFound:
        """Find the customers with an e-mail address, spelled as it is given or in lower case.

        That Nomos ignores case is not documented: a customer of which it holds another spelling may not be found. The
        address is in no URL, log or error. Each customer that comes back is compared with it, whatever its case, so
        that an ignored filter yields nobody else's ID.

        Args:
            email: The whole address.

        Raises:
            InvalidRequestError: It is no e-mail address, or this client is limited to one customer; nothing was sent.
            UnsupportedVersionError: The pinned version documents no such filter.
        """
        wanted = EmailAddress((email if isinstance(email, str) else email.get_secret_value()).strip())
        del email  # a traceback may be shown with its variables
        if self.customer_id is not None:
            raise InvalidRequestError("A client that is limited to one customer looks up no others; nothing was sent.")
        ids: dict[str, None] = {}
        gap = ""
        try:
            for spelling in wanted.spellings():
                found, more = await self._find(self._with_email(spelling), MAX_PAGES_FOR_EMAIL)
                ids |= dict.fromkeys(customer.id for customer in found)
                gap = gap or more
        except APIError as error:  # upstream's words may quote the address
            failure = type(error)(error.status_code, request_id=error.request_id, retry_after=error.retry_after)
        else:
            return CustomersFound(tuple(ids), gap)
        raise failure

    def _with_email(self, email: EmailAddress) -> Sequence[Filter]:
        conditions = filters.email_is(email)
        version = self._session.api_version
        filters.require_documented(conditions, filters.CUSTOMER_FILTERS[version], version)
        return conditions


class Events(ApiEndpoint[Event]):
    """Events, by the ID that a webhook delivery carries."""

    _path = "/events"
    _model = Event

    async def get(self, event_id: str) -> Event:
        """Read one event. It carries IDs only: read the object for its current state.

        Args:
            event_id: `evt_…`.
        """
        return await self._get(checked(event_id, "event"))


def _is_accepted(order: MeterOrder) -> bool:
    return order.status != "intended"


def _unreadable(flaw: str) -> UnreadableResponseError:
    return UnreadableResponseError(flaw, status_code=200)
