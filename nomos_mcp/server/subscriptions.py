"""`subscriptions/listen`: tells a client when the history records a change of an order that the client may see.

The SDK's own handler acknowledges every address. That would tell a stranger when somebody else's order moves, so this
one refuses an address outside the caller's scope before it acknowledges any, and checks the caller again while the
stream is open. A notification carries an address only: the client reads it, within its scope.

The changes table is the one source: whichever process recorded a change, every process finds it there. On PostgreSQL a
bus says when to look; without one it is looked at every second.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.subscriptions import SubscriptionBus
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY, ResourceUpdated, ServerEvent, event_to_notification
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST
from mcp_types import (
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from nomos_mcp.client import NomosError, NotFoundError
from nomos_mcp.client.ids import kind_of
from nomos_mcp.server.request_context import ORDERS_READ, Caller, CallerToken, NomosContext, NotAllowedError
from nomos_mcp.server.resource_uris import ORDERS

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.changes import Change
    from nomos_mcp.history.store import History

CHANGES: Final = "nomos://changes"

MAX_ADDRESSES: Final = 20
"""Addresses that one stream may listen to: the order behind each is read once to see whose it is."""
MAX_STREAMS: Final = 256
"""Streams of one process; over HTTP each caller has a lower limit of its own."""

_PERIOD: Final = 1.0  # seconds between two looks into the changes table, however many streams are open ...
_PERIOD_WITH_BUS: Final = 15.0  # ... and where a bus tells when to look: what it lost is found then
_APART: Final = 0.1  # seconds between two looks, however many changes a bus tells of
_CHECKED_EVERY: Final = 1.0  # seconds after which a stream sees whether its token still holds
_KEPT: Final = 10_000  # changes that a stream may lag behind; a slower one is ended
_AT_ONCE: Final = 1_000

_log = logging.getLogger(__name__)


class Subscriptions:
    """Serves `subscriptions/listen`; the SDK calls it once for each stream.

    Args:
        context: What says who is calling, and what they may see.
        history: The whole organisation's.
        bus: Tells when to look into the changes table; None if that is not known.
        period: Seconds between two looks if nothing tells of a change.
    """

    def __init__(
        self,
        context: NomosContext,
        history: "History",
        bus: SubscriptionBus | None = None,
        period: float | None = None,
    ) -> None:
        self._context = context
        self._changes = _NewChanges(history, period or (_PERIOD_WITH_BUS if bus else _PERIOD))
        self._checked_every = min(_CHECKED_EVERY, period or _CHECKED_EVERY)
        self._open = 0
        self._is_closing = False
        self._woken = anyio.Event()
        if bus:
            bus.subscribe(self._heard)

    def close(self) -> None:
        """End every stream in the way that tells its client that this was on purpose."""
        self._is_closing = True
        self._wake()

    def _heard(self, _: ServerEvent) -> None:
        self._changes.expect_news()
        self._wake()

    def _wake(self) -> None:
        self._woken.set()
        self._woken = anyio.Event()

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        stream_id = ctx.request_id
        if stream_id is None:
            raise MCPError(INVALID_REQUEST, "subscriptions/listen is a request and needs an id.")
        if self._open >= MAX_STREAMS or self._is_closing:
            raise MCPError(INTERNAL_ERROR, "This server has no room for another stream now. Try again later.")
        caller, token = self._context.caller, get_access_token()
        try:
            caller.require(ORDERS_READ)
        except NotAllowedError as error:
            raise MCPError(INVALID_REQUEST, str(error)) from None
        self._open += 1
        try:
            addresses = await self._checked(list(params.notifications.resource_subscriptions or ()))
            seen = await self._position()
            meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: stream_id}
            accepted = SubscriptionFilter(resource_subscriptions=addresses or None)
            acknowledgement = SubscriptionsAcknowledgedNotificationParams(notifications=accepted, _meta=meta)
            await ctx.session.send_notification(
                SubscriptionsAcknowledgedNotification(params=acknowledgement), related_request_id=stream_id
            )
            woken = self._woken
            while not self._is_closing:
                with anyio.move_on_after(self._checked_every):
                    await woken.wait()
                woken = self._woken  # of what happens from here on it tells
                if isinstance(token, CallerToken) and not token.still_holds():
                    break
                news = await self._changes.after(seen)
                if news is None:
                    _log.warning("a client listens too slowly; its stream is ended")
                    break
                for address in _affected(addresses, news, caller):
                    notification = event_to_notification(ResourceUpdated(uri=address), meta)
                    await ctx.session.send_notification(notification, related_request_id=stream_id)
                seen = news[-1].number if news else seen
        finally:
            self._open -= 1
        return SubscriptionsListenResult(_meta=meta)

    async def _position(self) -> int:
        position = await self._changes.position(anew=self._open == 1)
        if position is None:
            text = "Changes cannot be listened to now: the database of the history does not answer. Try again later."
            raise MCPError(INTERNAL_ERROR, text)
        return position

    async def _checked(self, addresses: Sequence[str]) -> list[str]:
        """Return the addresses if the caller may see what is behind every one; else the same error, whatever is wrong.

        An order that does not exist, is somebody else's, or has a malformed ID must look alike.
        """
        wanted = list(dict.fromkeys(addresses))
        if len(wanted) > MAX_ADDRESSES:
            raise MCPError(
                INVALID_PARAMS, f"One stream listens to at most {MAX_ADDRESSES} addresses. Open another one."
            )
        orders = [address.removeprefix(ORDERS) for address in wanted if address != CHANGES]
        if any(f"{ORDERS}{order_id}" not in wanted or kind_of(order_id) != "meter order" for order_id in orders):
            raise _refused()
        try:
            for order_id in orders:
                await self._context.client.meter_orders.get(order_id)
        except NotFoundError:
            raise _refused() from None
        except NomosError:
            text = "Nomos did not answer, so it is not known whose orders these are. Try again later."
            raise MCPError(INTERNAL_ERROR, text) from None
        return wanted


def _refused() -> MCPError:
    return MCPError(
        INVALID_PARAMS,
        f"One of these addresses cannot be listened to. Use {CHANGES}, or {ORDERS} and the ID (prdo_…) of an order "
        "that get_meter_order shows you.",
    )


def _affected(addresses: Iterable[str], news: Iterable["Change"], caller: Caller) -> list[str]:
    """Return the addresses behind which something has changed that the caller may see."""
    orders = {each.order_id for each in news if caller.customer_id in {"", each.customer_id}}
    return [each for each in addresses if (orders if each == CHANGES else each.removeprefix(ORDERS) in orders)]


class _NewChanges:
    """What is new in the changes table: one query in a period, or when news are told, for all streams of a process."""

    def __init__(self, history: "History", period: float) -> None:
        self._history = history
        self._period = period
        self._kept: deque[Change] = deque(maxlen=_KEPT)
        self._last = 0
        self._asked_at = float("-inf")
        self._ask_at = float("-inf")
        self._is_told = False  # that there are news
        self._failed = False
        self._lock = anyio.Lock()

    async def position(self, *, anew: bool) -> int | None:
        """Return the number of the last change; None if the database does not answer. `anew` forgets older changes."""
        async with self._lock:
            if anew:
                self._kept.clear()
                await self._ask(anew=True)
        return None if self._failed else self._last

    def expect_news(self) -> None:
        """Ask soon, and once more if that is happening now."""
        self._is_told = True

    async def after(self, number: int) -> "list[Change] | None":
        """Return the changes since the one with this number, as far as they are known; None if too many are."""
        async with self._lock:
            if self._is_told:
                await anyio.sleep(max(0.0, self._asked_at + _APART - time.monotonic()))
            if self._is_told or time.monotonic() >= self._ask_at:
                await self._ask()
        if len(self._kept) == _KEPT and number < self._kept[0].number - 1:
            return None
        return [change for change in self._kept if change.number > number]

    async def _ask(self, *, anew: bool = False) -> None:
        from nomos_mcp.database.database import DatabaseError  # noqa: PLC0415  loads SQLAlchemy; here it is loaded

        self._is_told = False
        try:
            if anew:
                self._last = await self._history.last_number()
            while news := await self._history.changes_after(self._last, _AT_ONCE):
                self._kept.extend(news)
                self._last = news[-1].number
        except DatabaseError as error:
            if not self._failed:
                _log.warning("changes cannot be told to those who listen: %s", error)
            self._failed = True
        else:
            self._failed = False
        self._asked_at = time.monotonic()
        self._ask_at = self._asked_at + (min(_PERIOD, self._period) if self._failed else self._period)
