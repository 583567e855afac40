"""`NomosClient`: the front door of the room."""

from copy import copy
from datetime import datetime
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from nomos_mcp.client.constants import (
    API_VERSIONS,
    CALL_DEADLINE,
    DEFAULT_API_VERSION,
    DEFAULT_BASE_URL,
    REQUESTS_PER_SECOND,
    ApiVersion,
)
from nomos_mcp.client.credentials import ClientCredentials, Credentials, NoCredentials, StaticToken
from nomos_mcp.client.customer_scope import FencedEvents, FencedMeterOrders, FencedSubscriptions
from nomos_mcp.client.endpoints import Events, MeterOrders, Subscriptions
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.http_messages import AsgiApp
from nomos_mcp.client.ids import checked
from nomos_mcp.client.rate_limit_headers import RateHints
from nomos_mcp.client.rate_limiter import RateBudget
from nomos_mcp.client.session import Transport
from nomos_mcp.client.time_source import REAL_TIME, Timing
from nomos_mcp.client.trusted_hosts import checked_base_url


class NomosClient:
    """A typed, asynchronous client of the Nomos API, for asyncio and trio.

    Identity is a static `access_token`, or `client_id` and `client_secret`. Without any the client can be made, and
    every call raises `CredentialsError`. Opening is lazy: nothing is connected before the first call.

    Example:
        ```python
        async with NomosClient(client_id="…", client_secret="…") as client:
            order = await client.meter_orders.get("prdo_…")
        ```

    Args:
        client_id: ID of the Auth Client.
        client_secret: Its secret.
        access_token: A bearer token issued elsewhere, instead of the two above.
        api_version: Pinned on every request, and checked on every answer.
        base_url: Where the API is; HTTPS, or plain HTTP on loopback.
        requests_per_second: The rate budget, shared by all calls of this client. The vendor's limit is per Auth
            Client: give each of several processes its part.
        deadline: Seconds for a whole call, waiting and repeats included.
        app: An ASGI application that answers in place of the network, the simulator for one.
        timing: Clock, sleep and jitter; for tests.

    Raises:
        InvalidRequestError: The arguments contradict each other, or the base URL is not safe.

    Attributes:
        meter_orders: `get`, `list`, `create`.
        subscriptions: `get`, `list`.
        events: `get`.
        api_version: The pinned version.
        base_url: The API's address.
        timing: Clock, sleep and jitter.
    """

    def __init__(
        self,
        *,
        client_id: str = "",
        client_secret: SecretStr | str = "",
        access_token: SecretStr | str = "",
        api_version: ApiVersion = DEFAULT_API_VERSION,
        base_url: str = DEFAULT_BASE_URL,
        requests_per_second: int = REQUESTS_PER_SECOND,
        deadline: float = CALL_DEADLINE,
        app: AsgiApp | None = None,
        timing: Timing = REAL_TIME,
    ) -> None:
        if api_version not in API_VERSIONS:
            raise InvalidRequestError(f"Unknown API version {api_version!r}. Known: {', '.join(API_VERSIONS)}.")
        if requests_per_second < 1 or not deadline > 0:
            raise InvalidRequestError("requests_per_second must be at least 1, and deadline more than 0 seconds.")
        self.api_version: ApiVersion = api_version
        self.base_url = checked_base_url(base_url)
        self.timing = timing
        self._transport = Transport(
            self.base_url,
            app=app,
            api_version=api_version,
            credentials=_credentials(client_id, _secret(client_secret), _secret(access_token), timing),
            budget=RateBudget(requests_per_second, timing),
            deadline=deadline,
            timing=timing,
        )
        self.meter_orders: MeterOrders = MeterOrders(self._transport, api_version)
        self.subscriptions: Subscriptions = Subscriptions(self._transport, api_version)
        self.events: Events = Events(self._transport)

    def for_customer(self, customer_id: str) -> Self:
        """Return a view of this client that sees one customer's objects only, whatever it is asked for.

        Somebody else's object is answered like one that does not exist. The view shares connections, token and rate
        budget with this client, which stays the one to close.

        Args:
            customer_id: `cus_…`.

        Raises:
            InvalidRequestError: The ID is malformed, or this is another customer's view already.
        """
        fence = self.subscriptions
        if isinstance(fence, FencedSubscriptions) and fence.customer_id != customer_id:
            raise InvalidRequestError("This view of the client is one customer's; another's is made from the client.")
        subscriptions = FencedSubscriptions(self._transport, self.api_version, checked(customer_id, "customer"))
        view = copy(self)
        view.subscriptions = subscriptions
        view.meter_orders = FencedMeterOrders(self._transport, self.api_version, subscriptions)
        view.events = FencedEvents(self._transport, subscriptions)
        return view

    async def granted_scopes(self) -> frozenset[str] | None:
        """Return the scopes that the current token was granted, getting a token first if there is none.

        Returns:
            `read:*`, `write:*` and the like; None if unknown: the token is static, or the token endpoint did not say.

        Raises:
            CredentialsError: There are no credentials, or they were refused.
        """
        return await self._transport.granted_scopes()

    async def health(self) -> datetime | None:
        """Ask whether the host answers at all; needs no credentials.

        Returns:
            The host's time (UTC) as its answer told; None if it did not.

        Raises:
            APIConnectionError: It does not answer.
            APIError: It answers with an error.
        """
        return await self._transport.health()

    @property
    def rate_hints(self) -> RateHints | None:
        """What the last answer said about the rate limit; None before the first."""
        return self._transport.rate_hints

    async def aclose(self) -> None:
        """Close the connections. Closing twice does no harm; a later call opens them again."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _secret(value: SecretStr | str) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(value)


def _credentials(client_id: str, client_secret: SecretStr, access_token: SecretStr, timing: Timing) -> Credentials:
    pair = bool(client_id), bool(client_secret.get_secret_value())
    if access_token.get_secret_value():
        if any(pair):
            raise InvalidRequestError("Pass either access_token, or client_id and client_secret; not both.")
        return StaticToken(access_token)
    if all(pair):
        return ClientCredentials(client_id, client_secret, timing.monotonic)
    if any(pair):
        raise InvalidRequestError(f"{'client_secret' if pair[0] else 'client_id'} is missing; the two go together.")
    return NoCredentials()
