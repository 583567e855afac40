"""`/meter-orders`: list, get, create; from edison on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.routing import Route

from nomos_mcp.simulator.calls import Call
from nomos_mcp.simulator.errors import ApiError, Json, ViolationCode, bad_request, conflict
from nomos_mcp.simulator.lists.cursors import Cursors
from nomos_mcp.simulator.lists.pages import Listing, page
from nomos_mcp.simulator.routes.bodies import json_object
from nomos_mcp.simulator.routes.resource import resource, visible
from nomos_mcp.simulator.versions import EDISON
from nomos_mcp.simulator.views import meter_orders as view, subscriptions as subscriptions_view
from nomos_mcp.simulator.world.rules import OrderRefusedError, Refusal, installer_for
from nomos_mcp.simulator.world.world import World

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
        listing = Listing(self._world.orders, view.fields(call.version), view.shown, view.render)
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        order = visible(self._world.orders.get(call.object_id), call, view.shown)
        return view.render(order, call.version)

    async def _create(self, call: Call) -> Json:
        subscription_id = json_object(await call.request.body()).get("subscription")
        if not isinstance(subscription_id, str):
            raise bad_request("invalid_type", "subscription", "Invalid input: expected string")
        # No await from here on: two requests for one subscription cannot both pass the rules.
        subscription = visible(self._world.subscriptions.get(subscription_id), call, subscriptions_view.shown)
        try:
            provider = installer_for(self._world, subscription)
        except OrderRefusedError as error:
            raise _wire_error(error.refusal) from None
        order = self._world.place_order(subscription, provider)
        client = call.caller.client
        self.ledger.append(LedgerEntry(order.id, subscription.id, client.id, order.created_at, call.request_id))
        return view.render(order, call.version)


def _wire_error(refusal: Refusal) -> ApiError:
    code, message = _REFUSALS[refusal]
    make = conflict if refusal == "already_ordered" else bad_request
    return make(code, "subscription", message)
