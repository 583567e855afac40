"""`/customers`: list and get."""

from starlette.routing import Route

from nomos_mcp.simulator.calls import Call
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.lists.cursors import Cursors
from nomos_mcp.simulator.lists.pages import Listing, page
from nomos_mcp.simulator.routes.resource import resource, visible
from nomos_mcp.simulator.versions import EDISON
from nomos_mcp.simulator.views import customers as view
from nomos_mcp.simulator.world.world import World


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
        fields = view.FIELDS if call.version >= EDISON else ()
        listing = Listing(self._world.customers, fields, view.shown, lambda customer, _: view.render(customer))
        return page(listing, call.query, self._cursors)

    async def _get(self, call: Call) -> Json:
        return view.render(visible(self._world.customers.get(call.object_id), call, view.shown))
