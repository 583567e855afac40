"""`NomosClient`."""

import hmac
import os
import secrets
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Self

from pydantic import SecretBytes, SecretStr

from nomos_mcp.client.credentials import ClientCredentials, Credentials
from nomos_mcp.client.customer_scope import CustomerEvents, CustomerMeterOrders, CustomerSubscriptions
from nomos_mcp.client.endpoints import Customers, Events, MeterOrders, Subscriptions
from nomos_mcp.client.environment import ClientVariables, client_problems, stripped, unreadable
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.http_connection import HttpConnection, RequestObserver
from nomos_mcp.client.http_messages import API_VERSIONS, DEFAULT_API_VERSION, ApiVersion, AsgiApp
from nomos_mcp.client.ids import checked
from nomos_mcp.client.rate_limiter import (
    REAL_TIME,
    REQUESTS_PER_SECOND,
    RateLimiter,
    RateLimitHeaders,
    RateSlots,
    Timing,
)
from nomos_mcp.client.session import CALL_TIMEOUT, MAX_RETRIES, CallOptions, Session
from nomos_mcp.client.trusted_hosts import DEFAULT_BASE_URL, checked_base_url


class NomosClient:
    """A typed, asynchronous client of the Nomos API, for asyncio and trio.

    Identity is a static `access_token`, or `client_id` and `client_secret`. Without any the client can be made, and
    every call raises `CredentialsError`. Nothing is connected before the first call.

    Example:
        ```python
        async with NomosClient(client_id="…", client_secret="…") as client:
            order = await client.meter_orders.get("prdo_…")
        ```

    Args:
        client_id: ID of the Auth Client.
        client_secret: Its secret.
        access_token: A bearer token issued elsewhere, instead of the two above.
        api_version: Pinned on every request, and checked on every response.
        base_url: Where the API is; HTTPS, or plain HTTP on loopback.
        requests_per_second: The rate limit for all calls of this client together. The vendor's limit is per Auth
            Client: give each of several processes its part. Below one it is one request in a longer time.
        timeout: Seconds for a whole call, waiting and retries included.
        max_retries: How often a read is sent again at most. An order is never sent again.
        app: An ASGI application that answers in place of the network, such as the simulator.
        timing: Clock, sleep and jitter; for tests.
        rate_limiter: Used instead of one for `requests_per_second`, and closed with this client.

    Raises:
        InvalidRequestError: The arguments contradict each other, or the base URL is not safe.
    """

    meter_orders: MeterOrders
    subscriptions: Subscriptions
    customers: Customers
    events: Events

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: SecretStr | str | None = None,
        access_token: SecretStr | str | None = None,
        api_version: ApiVersion = DEFAULT_API_VERSION,
        base_url: str = DEFAULT_BASE_URL,
        requests_per_second: float = REQUESTS_PER_SECOND,
        timeout: float = CALL_TIMEOUT,
        max_retries: int = MAX_RETRIES,
        app: AsgiApp | None = None,
        timing: Timing = REAL_TIME,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        if api_version not in API_VERSIONS:
            raise InvalidRequestError(f"Unknown API version {api_version!r}. Known: {', '.join(API_VERSIONS)}.")
        if not 0 < requests_per_second < inf:
            raise InvalidRequestError("requests_per_second must be more than 0.")
        self.api_version: ApiVersion = api_version
        self.base_url = checked_base_url(base_url)
        self.timing = timing
        self._limiter = rate_limiter or RateLimiter(requests_per_second, timing)
        self.app = app
        self._connection = HttpConnection(self.base_url, app, self._limiter, timing)
        credentials = self._credentials(client_id, _secret(client_secret), _secret(access_token))
        secret = _secret(client_secret) or _secret(access_token)
        self._key = SecretBytes(secret.get_secret_value().encode() if secret else secrets.token_bytes(32))
        self._session = Session(self._connection, credentials, api_version)
        self._is_view = False
        self._set_options(CallOptions(timeout, max_retries))

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        requests_per_second: float = REQUESTS_PER_SECOND,
        timeout: float = CALL_TIMEOUT,
        max_retries: int = MAX_RETRIES,
        app: AsgiApp | None = None,
        timing: Timing = REAL_TIME,
    ) -> Self:
        """Make a client from `NOMOS_CLIENT_ID` and `NOMOS_CLIENT_SECRET`, or `NOMOS_ACCESS_TOKEN`.

        `NOMOS_API_VERSION`, `NOMOS_BASE_URL` and `NOMOS_CUSTOMER_ID` are read too; the last limits the client to one
        customer's objects, as `for_customer` does. An empty variable counts as not set. The rules are those of the
        server's settings.

        Args:
            environ: Read instead of the process's environment.
            requests_per_second: As for the class; so are the others.
            timeout: Seconds for a whole call, waiting and retries included.
            max_retries: How often a read is sent again at most.
            app: An ASGI application that answers in place of the network, such as the simulator.
            timing: Clock, sleep and jitter; for tests.

        Raises:
            InvalidRequestError: Variables are wrong, or contradict each other. It names all of them, one a line, each
                with its fix; secrets are not quoted.
        """
        env = stripped(os.environ if environ is None else environ)
        if problems := unreadable(env) or list(client_problems(env)):
            raise InvalidRequestError("\n".join(problems))
        read = ClientVariables.read(env)
        client = cls(
            client_id=read.client_id,
            client_secret=read.client_secret,
            access_token=read.access_token,
            api_version=read.api_version,
            base_url=read.base_url,
            requests_per_second=requests_per_second,
            timeout=timeout,
            max_retries=max_retries,
            app=app,
            timing=timing,
        )
        if read.customer_id:
            client._set_options(replace(client._options, customer_id=read.customer_id))
        return client

    def for_customer(self, customer_id: str) -> Self:
        """Return a view of this client that sees one customer's objects only, whatever it is asked for.

        Somebody else's object is answered like one that does not exist. The view shares connections, token and rate
        limiter with this client. Closing the view does not close this client.

        Args:
            customer_id: `cus_…`.

        Raises:
            InvalidRequestError: The ID is malformed, or this client is limited to another customer already.
        """
        if self._options.customer_id not in (None, customer_id):
            raise InvalidRequestError(
                "This client is limited to one customer; make the view of another one from the unlimited client."
            )
        return self._view(replace(self._options, customer_id=checked(customer_id, "customer")))

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """Return a view of this client whose calls have another timeout or another number of retries.

        The view shares connections, token, rate limiter and customer scope with this client. Closing the view does not
        close this client.

        Args:
            timeout: Seconds for a whole call, waiting and retries included; None to keep this client's.
            max_retries: How often a read is sent again at most; None to keep this client's.

        Raises:
            InvalidRequestError: The timeout is not above 0, or the number of retries is below 0.
        """
        options = self._options
        options = options if timeout is None else replace(options, timeout=timeout)
        options = options if max_retries is None else replace(options, max_retries=max_retries)
        return self._view(options)

    async def granted_scopes(self) -> frozenset[str] | None:
        """Return the scopes that the current token was granted, getting a token first if there is none.

        Returns:
            `read:*`, `write:*` and the like; None if unknown: the token is static, or the token endpoint did not say.

        Raises:
            CredentialsError: There are no credentials, or they were refused.
        """
        return await self._session.granted_scopes(self._options)

    async def health(self) -> datetime | None:
        """Ask whether the host answers at all; needs no credentials.

        Returns:
            The host's time (UTC) as its response says; None if it does not.

        Raises:
            APIConnectionError: It does not answer.
            APIError: It answers with an error.
        """
        return await self._session.health(self._options)

    def observe(self, observer: RequestObserver) -> None:
        """Tell an observer of every request from now on, in place of the one before; for metrics."""
        self._connection.observer = observer

    def derived_key(self, purpose: str) -> bytes:
        """Return a key that every process with these credentials derives alike; a random one without credentials."""
        return hmac.digest(self._key.get_secret_value(), f"nomos-mcp {purpose}".encode(), "sha256")

    @property
    def seconds_since_answer(self) -> float:
        """How long ago a call with these credentials last got what it asked for; infinite before the first."""
        return self.timing.monotonic() - self._session.answered_at

    @property
    def slots(self) -> RateSlots:
        """The state of the rate limiter now."""
        return self._limiter.slots

    @property
    def rate_limit(self) -> RateLimitHeaders | None:
        """What the last response said about the rate limit; None before the first."""
        return self._limiter.last_headers

    async def aclose(self) -> None:
        """Close the connections; a later call opens them again. Closing a view, or closing twice, does nothing."""
        if not self._is_view:
            await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _view(self, options: CallOptions) -> Self:
        view = copy(self)
        view._is_view = True  # noqa: SLF001  our own
        view._set_options(options)  # noqa: SLF001  our own
        return view

    def _set_options(self, options: CallOptions) -> None:
        self._options = options
        self.customers = Customers(self._session, options)
        if options.customer_id is None:
            self.subscriptions = Subscriptions(self._session, options)
            self.meter_orders = MeterOrders(self._session, options)
            self.events = Events(self._session, options)
        else:
            self.subscriptions = CustomerSubscriptions(self._session, options)
            self.meter_orders = CustomerMeterOrders(self._session, options)
            self.events = CustomerEvents(self._session, options)

    def _credentials(
        self, client_id: str | None, client_secret: SecretStr | None, access_token: SecretStr | None
    ) -> Credentials:
        if access_token and (client_id or client_secret):
            raise InvalidRequestError("Pass either access_token, or client_id and client_secret; not both.")
        if client_id and client_secret:
            return ClientCredentials(client_id, client_secret, self._connection, self.api_version)
        if client_id or client_secret:
            missing = "client_secret" if client_id else "client_id"
            raise InvalidRequestError(f"{missing} is missing; the two go together.")
        return Credentials(access_token or None)


def _secret(value: SecretStr | str | None) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else value
