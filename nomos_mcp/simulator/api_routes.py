"""The API's paths: each reads a request and answers in the caller's version."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nomos_mcp.simulator.api_calls import (
    ACCESS_TOKEN_SECONDS,
    API_CALL,
    BATMAN,
    CHUCKY,
    EDISON,
    ApiCall,
    ApiError,
    ApiVersion,
    AuthClient,
    Json,
    LedgerEntry,
    Tokens,
    violation,
)
from nomos_mcp.simulator.list_queries import Cursors, ListSource, list_page
from nomos_mcp.simulator.views import (
    CUSTOMER_FIELDS,
    SUBSCRIPTION_FIELDS,
    event_shown,
    order_fields,
    order_shown,
    render_customer,
    render_event,
    render_listed_subscription,
    render_order,
    render_subscription,
    subscription_shown,
)
from nomos_mcp.simulator.world import World
from nomos_mcp.simulator.world_records import CustomerRecord, EventRecord, OrderRecord, SubscriptionRecord

_Found = TypeVar("_Found", OrderRecord, SubscriptionRecord, CustomerRecord, EventRecord)
_Handler = Callable[[Request, ApiCall], Awaitable[Json]]


class ApiRoutes:
    def __init__(self, world: World, ledger: list[LedgerEntry]) -> None:
        self._world = world
        self._ledger = ledger
        self._cursors = Cursors()

    def routes(self) -> list[Route]:
        return [
            Route("/health", PlainTextResponse("OK"), methods=["GET"]),
            _resource("/meter-orders", self._list_orders, post=self._create_order, since=EDISON),
            _resource("/meter-orders/{id}", self._get_order, since=EDISON),
            _resource("/subscriptions", self._list_subscriptions),
            _resource("/subscriptions/{id}", self._get_subscription),
            _resource("/customers", self._list_customers),
            _resource("/customers/{id}", self._get_customer),
            _resource("/events/{id}", self._get_event),
        ]

    async def _list_orders(self, request: Request, call: ApiCall) -> Json:
        source = ListSource(self._world.orders, order_fields(call.version), render_order, order_shown)
        return list_page(source, request, self._cursors)

    async def _get_order(self, request: Request, call: ApiCall) -> Json:
        order = _visible(self._world.orders.get(request.path_params["id"]), call, order_shown)
        return render_order(order, call.version)

    async def _create_order(self, request: Request, call: ApiCall) -> Json:
        subscription_id = (await _json_object(request)).get("subscription")
        if not isinstance(subscription_id, str):
            raise violation("invalid_type", "subscription", "Invalid input: expected string")
        # No await from here on, so that two requests for one subscription cannot both pass the rules.
        subscription = _visible(self._world.subscriptions.get(subscription_id), call, subscription_shown)
        order = self._world.create_order(subscription)
        entry = LedgerEntry(order.id, subscription.id, call.caller.id, order.created_at, call.request_id)
        self._ledger.append(entry)
        return render_order(order, call.version)

    async def _list_subscriptions(self, request: Request, call: ApiCall) -> Json:
        # Batman's document has filters; nothing published on chucky mentions any, so it ignores them (inferred).
        fields = SUBSCRIPTION_FIELDS if call.version >= BATMAN else ()
        source = ListSource(self._world.subscriptions, fields, render_listed_subscription, subscription_shown)
        return list_page(source, request, self._cursors)

    async def _get_subscription(self, request: Request, call: ApiCall) -> Json:
        subscription = _visible(self._world.subscriptions.get(request.path_params["id"]), call, subscription_shown)
        customer = _visible(self._world.customers.get(subscription.customer_id), call)
        return render_subscription(subscription, customer, call.version)

    async def _list_customers(self, request: Request, call: ApiCall) -> Json:
        # Vendor document: filtering came to all lists with edison; before, it is ignored like an unknown field.
        fields = CUSTOMER_FIELDS if call.version >= EDISON else ()
        source = ListSource(self._world.customers, fields, lambda each, _: render_customer(each))
        return list_page(source, request, self._cursors)

    async def _get_customer(self, request: Request, call: ApiCall) -> Json:
        return render_customer(_visible(self._world.customers.get(request.path_params["id"]), call))

    async def _get_event(self, request: Request, call: ApiCall) -> Json:
        return render_event(_visible(self._world.events.get(request.path_params["id"]), call, event_shown))


class OAuthRoutes:
    """The client is named by HTTP Basic only.

    The body may be a form, as OAuth has it, or JSON, as the vendor's schema has it. The answer lacks `scope` before
    edison: the vendor says that older versions may lack it; which ones do is inferred.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def routes(self) -> list[Route]:
        return [
            Route("/oauth/token", self._token, methods=["POST"]),
            Route("/.well-known/oauth-authorization-server", _metadata),
        ]

    async def _token(self, request: Request) -> Response:
        client = self._tokens.basic_client(request.headers.get("authorization"))
        if client is None:
            raise ApiError(401, "Invalid client credentials", headers={"WWW-Authenticate": "Basic"})
        fields: Mapping[str, object]
        if request.headers.get("content-type", "").lower().startswith("application/json"):
            fields = await _json_object(request)
        else:
            fields = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        access_token, refresh_token = self._grant(client, fields)
        body: Json = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_SECONDS,
            "refresh_token": refresh_token,
        }
        if request.scope[API_CALL].version >= EDISON:
            body["scope"] = " ".join(client.scopes)
        return JSONResponse(body)

    def _grant(self, client: AuthClient, fields: Mapping[str, object]) -> tuple[str, str]:
        match fields.get("grant_type"):
            case "client_credentials":
                return self._tokens.issue(client)
            case "refresh_token":
                refresh_token = fields.get("refresh_token")
                if not isinstance(refresh_token, str):
                    raise violation("invalid_type", "refresh_token", "Required")
                pair = self._tokens.refresh(client, refresh_token)
                if pair is None:
                    raise violation("invalid_value", "refresh_token", "Unknown, or used before")
                return pair
            case None:
                raise violation("invalid_type", "grant_type", "Required")
            case _:
                message = "Invalid option: Expected 'client_credentials' | 'refresh_token'"
                raise violation("invalid_value", "grant_type", message)


def _resource(path: str, get: _Handler, *, post: _Handler | None = None, since: ApiVersion = CHUCKY) -> Route:
    """Make a route that needs a token, its scope, and a version that has the path.

    Vendor document: `read:*` is every GET, `write:*` every other method. An older version is told 400
    `upgrade_api_version`: the code is documented, that it is used here is inferred.
    """

    async def endpoint(request: Request) -> Response:
        call: ApiCall = request.scope[API_CALL]
        writes = request.method == "POST"
        if ("write:*" if writes else "read:*") not in call.caller.scopes:
            raise ApiError(403, "You are not allowed to access this resource")
        if call.version < since:
            raise violation("upgrade_api_version", "X-API-Version", f"Available from API version {since} on")
        handler = post if writes and post is not None else get
        return JSONResponse(await handler(request, call))

    return Route(path, endpoint, methods=["GET"] if post is None else ["GET", "POST"])


def _visible(
    record: _Found | None, call: ApiCall, shown: Callable[[_Found, ApiVersion], bool] = lambda *_: True
) -> _Found:
    """Return the record, or refuse so that nobody learns of another organisation's objects."""
    if record is None or record.organisation != call.caller.organisation or not shown(record, call.version):
        raise ApiError(404, "Resource not found")
    return record


async def _json_object(request: Request) -> Mapping[str, object]:
    try:
        value: object = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise violation("custom", "body", "Malformed JSON in request body") from None
    if not isinstance(value, dict):
        raise violation("invalid_type", "body", "Invalid input: expected object")
    return value


async def _metadata(request: Request) -> Response:
    """RFC 8414."""
    issuer = str(request.base_url).rstrip("/")
    body: Json = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["read:*", "write:*"],
    }
    return JSONResponse(body)
