"""`/subscriptions`: list with IDs, get with whole objects."""

from starlette.routing import Route

from nomos_mcp.simulator.calls import Call
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.lists.cursors import Cursors
from nomos_mcp.simulator.lists.pages import Listing, page
from nomos_mcp.simulator.routes.resource import resource, visible
from nomos_mcp.simulator.versions import BATMAN
from nomos_mcp.simulator.views import customers as customers_view, subscriptions as view
from nomos_mcp.simulator.world.world import World


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
        fields = view.FIELDS if call.version >= BATMAN else ()
        listing = Listing(self._world.subscriptions, fields, view.shown, view.listed)
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        subscription = visible(self._world.subscriptions.get(call.object_id), call, view.shown)
        customer = visible(self._world.customers.get(subscription.customer_id), call, customers_view.shown)
        return view.whole(subscription, customer, call.version)
