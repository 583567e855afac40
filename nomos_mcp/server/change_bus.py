"""`ChangeBus`: tells the streams of this process that changes were recorded, by whichever process on any machine."""

from collections.abc import Callable
from typing import Final

from mcp.shared.subscriptions import ResourceUpdated, ServerEvent

from nomos_mcp.database.postgresql import CHANGES_CHANNEL, SharedConnection
from nomos_mcp.server.subscriptions import CHANGES

_RECORDED: Final = ResourceUpdated(uri=CHANGES)


class ChangeBus:
    """The SDK's `SubscriptionBus` over LISTEN and NOTIFY of PostgreSQL, which sends a notification with each commit.

    A notification says only whose changes were recorded, not which: those who are told look into the changes table.
    Listeners are also called after each new connection, as notifications may have been lost before it.

    Args:
        shared: What hears the notifications, for as long as it is kept.
        schema: `Database.schema` of the history whose changes are meant.
    """

    def __init__(self, shared: SharedConnection, schema: str) -> None:
        self._shared = shared
        self._schema = schema
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}
        shared.listen(CHANGES_CHANNEL, self._heard)

    async def publish(self, event: ServerEvent) -> None:
        """Tell every process that something was recorded; a transaction that records does so itself.

        Raises:
            DatabaseError: The database does not answer.
        """
        del event  # all are the same to those who look
        await self._shared.fetch("SELECT pg_notify($1, $2)", CHANGES_CHANNEL, self._schema)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        key = object()
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe

    def _heard(self, schema: str | None) -> None:
        if schema in {None, self._schema}:
            for listener in list(self._listeners.values()):
                listener(_RECORDED)
