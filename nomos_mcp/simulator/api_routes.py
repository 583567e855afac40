"""What all resources have in common: a token, its scope, and the version that introduced them."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nomos_mcp.simulator.access_tokens import Scope
from nomos_mcp.simulator.api_format import (
    BATMAN,
    CHUCKY,
    EDISON,
    ApiError,
    ApiVersion,
    Json,
    ViolationCode,
    bad_request,
    conflict,
    forbidden,
    not_found,
    unauthorized,
)
from nomos_mcp.simulator.api_middleware import Call, Envelope
from nomos_mcp.simulator.list_queries import Cursors, ListSource, page
from nomos_mcp.simulator.object_views import (
    CUSTOMER_FIELDS,
    SUBSCRIPTION_FIELDS,
    customer_shown,
    event_shown,
    render_customer,
    render_event,
    render_listed_subscription,
    render_subscription,
    subscription_shown,
)
from nomos_mcp.simulator.order_views import order_fields, order_shown, render_order
from nomos_mcp.simulator.world import OrderRefusedError, Refusal, World, installer_for

R = TypeVar("R", bound="_Owned")


class _Owned(Protocol):
    @property
    def organisation(self) -> str: ...


Handler = Callable[[Call], Awaitable[Json]]


def resource(path: str, get: Handler, *, post: Handler | None = None, since: ApiVersion = CHUCKY) -> Route:
    """Build the route of a path that needs a token.

    Args:
        path: Starlette's notation, `/meter-orders/{id}`.
        get: Answers GET (and HEAD).
        post: Answers POST; None leaves 405.
        since: The first version that has this path. An older one is told 400 `upgrade_api_version`: the code is
            documented, that it is used here is inferred.

    Returns:
        A route whose handlers see authorised calls only.
    """

    async def endpoint(request: Request) -> Response:
        envelope = Envelope.of(request)
        if envelope.caller is None:
            raise unauthorized()
        handler, scope = _choose(request.method)
        if scope not in envelope.caller.scopes:
            raise forbidden()
        if envelope.version < since:
            raise bad_request("upgrade_api_version", "X-API-Version", f"Available from API version {since} on")
        call = Call(request, envelope.version, envelope.caller, envelope.request_id, envelope.ignore_filters)
        return JSONResponse(await handler(call))

    def _choose(method: str) -> tuple[Handler, Scope]:
        """Vendor document: `read:*` is every GET, `write:*` every other method."""
        return (post, "write:*") if post is not None and method == "POST" else (get, "read:*")

    return Route(path, endpoint, methods=["GET"] if post is None else ["GET", "POST"])


def visible(record: R | None, call: Call, shown: Callable[[R, ApiVersion], bool]) -> R:
    """Let a record pass if it exists, is the caller's organisation's, and the version knows of it.

    Args:
        record: What was found, or None.
        call: Who asks.
        shown: The view's word on what a version knows of.

    Returns:
        The record.

    Raises:
        ApiError: 404 otherwise, the same in all three cases, so that nobody learns of another organisation's objects.
    """
    if record is None or record.organisation != call.organisation or not shown(record, call.version):
        raise not_found()
    return record


def json_object(body: bytes) -> Mapping[str, object]:
    """Read a body that must be a JSON object.

    Args:
        body: As it came.

    Returns:
        Its fields; unknown ones are for the reader to ignore.

    Raises:
        ApiError: 400, it is no JSON, or not an object.
    """
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("custom", "body", "Malformed JSON in request body") from None
    if not isinstance(value, dict):
        raise bad_request("invalid_type", "body", "Invalid input: expected object")
    return value


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("OK")


def routes() -> list[Route]:
    """Build the route."""
    return [Route("/health", _health, methods=["GET"])]


# That the feed-in rule goes by `unsupported_meter_order`, and that it and an ended subscription are 400 like the
# documented unsupported product, is inferred.
_REFUSALS: Final[Mapping[Refusal, tuple[ViolationCode, str]]] = {
    "already_ordered": ("duplicate_meter_order", "A meter order already exists for this subscription"),
    "feed_in": ("unsupported_meter_order", "Meter orders are not applicable to feed-in subscriptions"),
    "ended": ("ended_subscription", "The subscription has ended"),
    "no_product": ("unsupported_product", "The subscription's plan does not support a smart-meter product"),
}


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An order that was created through the API."""

    order_id: str
    subscription_id: str
    client_id: str
    at: datetime
    request_id: str


class MeterOrderRoutes:
    """Serves the meter orders of the world.

    Args:
        world: Where they are.
        cursors: For the list.

    Attributes:
        ledger: What was created here, oldest first.
    """

    def __init__(self, world: World, cursors: Cursors) -> None:
        self._world = world
        self._cursors = cursors
        self.ledger: list[LedgerEntry] = []

    def routes(self) -> list[Route]:
        """Build the routes."""
        return [
            resource("/meter-orders", self._list, post=self._create, since=EDISON),
            resource("/meter-orders/{id}", self._get, since=EDISON),
        ]

    async def _list(self, call: Call) -> Json:
        listing = ListSource(self._world.orders, order_fields(call.version), order_shown, render_order)
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        order = visible(self._world.orders.get(call.object_id), call, order_shown)
        return render_order(order, call.version)

    async def _create(self, call: Call) -> Json:
        subscription_id = json_object(await call.request.body()).get("subscription")
        if not isinstance(subscription_id, str):
            raise bad_request("invalid_type", "subscription", "Invalid input: expected string")
        # No await from here on: two requests for one subscription cannot both pass the rules.
        subscription = visible(self._world.subscriptions.get(subscription_id), call, subscription_shown)
        try:
            provider = installer_for(self._world, subscription)
        except OrderRefusedError as error:
            raise _wire_error(error.refusal) from None
        order = self._world.place_order(subscription, provider)
        client = call.caller.client
        self.ledger.append(LedgerEntry(order.id, subscription.id, client.id, order.created_at, call.request_id))
        return render_order(order, call.version)


def _wire_error(refusal: Refusal) -> ApiError:
    code, message = _REFUSALS[refusal]
    make = conflict if refusal == "already_ordered" else bad_request
    return make(code, "subscription", message)


class CustomerRoutes:
    """Serves the customers of the world.

    Args:
        world: Where they are.
        cursors: For the list.
    """

    def __init__(self, world: World, cursors: Cursors) -> None:
        self._world = world
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """Build the routes."""
        return [resource("/customers", self._list), resource("/customers/{id}", self._get)]

    async def _list(self, call: Call) -> Json:
        # Vendor document: filtering came to all lists with edison; before, it is ignored like an unknown field.
        fields = CUSTOMER_FIELDS if call.version >= EDISON else ()
        listing = ListSource(
            self._world.customers, fields, customer_shown, lambda customer, _: render_customer(customer)
        )
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        return render_customer(visible(self._world.customers.get(call.object_id), call, customer_shown))


class SubscriptionRoutes:
    """Serves the subscriptions of the world.

    Args:
        world: Where they are.
        cursors: For the list.
    """

    def __init__(self, world: World, cursors: Cursors) -> None:
        self._world = world
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """Build the routes."""
        return [resource("/subscriptions", self._list), resource("/subscriptions/{id}", self._get)]

    async def _list(self, call: Call) -> Json:
        # Batman's document has filters; nothing published on chucky mentions any, so it ignores them (inferred).
        fields = SUBSCRIPTION_FIELDS if call.version >= BATMAN else ()
        listing = ListSource(self._world.subscriptions, fields, subscription_shown, render_listed_subscription)
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        subscription = visible(self._world.subscriptions.get(call.object_id), call, subscription_shown)
        customer = visible(self._world.customers.get(subscription.customer_id), call, customer_shown)
        return render_subscription(subscription, customer, call.version)


class EventRoutes:
    """Serves the events of the world.

    Args:
        world: Where they are.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Build the route."""
        return [resource("/events/{id}", self._get)]

    async def _get(self, call: Call) -> Json:
        return render_event(visible(self._world.events.get(call.object_id), call, event_shown))
