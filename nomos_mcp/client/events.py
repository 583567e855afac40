"""`/events`: read."""

from nomos_mcp.client.ids import checked
from nomos_mcp.client.models import Event
from nomos_mcp.client.resource import Resource
from nomos_mcp.client.transport import Transport


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
