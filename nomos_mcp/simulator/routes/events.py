"""`/events/{id}`."""

from starlette.routing import Route

from nomos_mcp.simulator.calls import Call
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.routes.resource import resource, visible
from nomos_mcp.simulator.views import events as view
from nomos_mcp.simulator.world.world import World


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
        return view.render(visible(self._world.events.get(call.object_id), call, view.shown))
