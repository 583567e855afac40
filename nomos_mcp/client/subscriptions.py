"""`/subscriptions`: read and list."""

from collections.abc import Iterable
from datetime import datetime

from nomos_mcp.client import filters
from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.client.ids import checked
from nomos_mcp.client.models import Subscription
from nomos_mcp.client.pages import Listing
from nomos_mcp.client.resource import Resource
from nomos_mcp.client.transport import Transport
from nomos_mcp.client.versions import BATMAN, CHUCKY, CURIE, EDISON, ApiVersion

_DOCUMENTED = frozenset({"status", "customer", "plan", "created_at", "updated_at"})
_FILTERS: dict[ApiVersion, frozenset[str]] = {
    CURIE: _DOCUMENTED,
    EDISON: _DOCUMENTED,
    BATMAN: _DOCUMENTED,
    CHUCKY: frozenset(),  # nothing published on it mentions filters
}


class Subscriptions(Resource[Subscription]):
    """Subscriptions; their personal data is sealed in `personal`."""

    def __init__(self, transport: Transport, api_version: ApiVersion) -> None:
        super().__init__(transport, "/subscriptions", Subscription)
        self._api_version: ApiVersion = api_version

    async def get(self, subscription_id: str) -> Subscription:
        """Read one subscription.

        Args:
            subscription_id: `sub_…`.

        Raises:
            InvalidRequestError: The ID is malformed.
            NotFoundError: No such subscription, or not visible to this token.
            NomosError: Anything else of the tree in `errors`.
        """
        return await self._get(checked(subscription_id, "subscription"))

    def list(
        self,
        *,
        status: str | Iterable[str] = "",
        customer: str = "",
        plan: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
        cursor: str = "",
    ) -> Listing[Subscription]:
        """List subscriptions, newest first. All filters given have to hold.

        Args:
            status: `pending`, `active`, `ended`, or several of them.
            customer: `cus_…`.
            plan: `plan_…` or `pln_…`.
            created_after: Inclusive, with a zone.
            created_before: Inclusive, with a zone.
            updated_after: Inclusive, with a zone.
            updated_before: Inclusive, with a zone.
            limit: Subscriptions a page, 1 to 100.
            cursor: `next_cursor` of a page that was listed with the same arguments.

        Returns:
            A listing: `await` it for one `Page`, or `async for` it for every subscription.

        Raises:
            InvalidRequestError: An argument is malformed, or the pinned version documents no filters.
        """
        conditions = (
            *filters.one_of("status", status),
            *filters.equal("customer", checked(customer, "customer") if customer else ""),
            *filters.equal("plan", checked(plan, "plan") if plan else ""),
            *filters.between("created_at", created_after, created_before),
            *filters.between("updated_at", updated_after, updated_before),
        )
        filters.refuse_unknown(conditions, _FILTERS[self._api_version], self._api_version)
        return self._list(conditions, limit, cursor)
