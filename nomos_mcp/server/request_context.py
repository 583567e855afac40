"""What a request works with: who is calling, the client as they may use it, the clock and the rules of ordering.

The operator or a verified token says who is calling, never an argument. No tool can reach the whole organisation's
client on behalf of one customer: `nomos_context(ctx)`, the lifespan context and the server all hold a `NomosContext`,
which makes its client for the caller each time that it is asked for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.mcpserver import Context
from pydantic import ConfigDict, Field

from nomos_mcp.client import NomosClient
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.lifecycle import ApiVersion as Vocabulary
from nomos_mcp.server.ordering.config import Ordering

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.store import History

ORDERS_READ: Final = "orders:read"
ORDERS_WRITE: Final = "orders:write"
ORG: Final = "org"
SCOPES: Final = (ORDERS_READ, ORDERS_WRITE, ORG)


class NotAllowedError(InvalidRequestError):
    """The caller may not do this; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and what they may see and do.

    Attributes:
        name: For the audit log and the server's log.
        customer_id: Only this customer's objects are visible. Empty: the whole organisation's, which needs the scope
            `org`.
        scopes: What the caller may do.
        organisation: Whose data the caller asks for, where one deployment serves several; else empty.
    """

    name: str = "local"
    customer_id: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)
    organisation: str = ""

    @classmethod
    def local(cls) -> Self:
        """Return the operator, who sees the whole organisation and may order."""
        return cls()

    @classmethod
    def customer(cls, customer_id: str, *, name: str = "", scopes: Iterable[str] = (ORDERS_READ, ORDERS_WRITE)) -> Self:
        """Return a caller who sees one customer's (`cus_…`) objects only; its ID is the default name.

        Raises:
            InvalidRequestError: The ID is malformed.
        """
        checked(customer_id, "customer")
        return cls(name=name or customer_id, customer_id=customer_id, scopes=frozenset(scopes))

    @property
    def is_fenced(self) -> bool:
        """Whether only one customer's objects can be seen, so that answers speak to that customer's assistant."""
        return bool(self.customer_id)

    def require(self, scope: str) -> None:
        """Require a scope, and `org` as well if the caller is not limited to one customer.

        Raises:
            NotAllowedError: The message says what is missing.
        """
        needed = (scope,) if self.customer_id else (scope, ORG)
        missing = [each for each in needed if each not in self.scopes]
        if missing:
            if self.is_fenced:
                raise NotAllowedError("Your access does not include this. Nothing was sent to Nomos.")
            raise NotAllowedError(
                f"You may not do this: it takes the scope {' and '.join(missing)}, which your access token does not "
                "have. Nothing was sent to Nomos. Ask the operator of this server for that scope."
            )


class CallerToken(AccessToken):
    """A verified token of the HTTP server, with the caller that it stands for.

    Attributes:
        still_holds: Asked again where an answer takes long: whether the token would be accepted now, for this caller.
    """

    model_config = ConfigDict(defer_build=True)  # most servers check no tokens

    caller: Caller
    still_holds: Callable[[], bool] = Field(default=lambda: True, exclude=True, repr=False)


def current_caller(default: Caller) -> Caller:
    token = get_access_token()
    return token.caller if isinstance(token, CallerToken) else default


class NomosContext:
    """What a request works with. One object serves all callers of a server.

    Args:
        client: The whole organisation's. It is kept in a closure, not in an attribute.
        vocabulary: The API version whose statuses upstream answers with.
        ordering: The settings, codes and audit log of ordering.
        now: Returns the current time, aware.
        caller: Who is calling if no token says so; by default the operator.
        history: The whole organisation's; None without a database. Kept like the client.
    """

    __slots__ = ("__weakref__", "_client_for", "_default", "_history_for", "now", "ordering", "vocabulary")

    def __init__(
        self,
        *,
        client: NomosClient,
        vocabulary: Vocabulary,
        ordering: Ordering,
        now: Callable[[], datetime],
        caller: Caller | None = None,
        history: "History | None" = None,
    ) -> None:
        def client_for(caller: Caller) -> NomosClient:
            caller.require(ORDERS_READ)
            return client.for_customer(caller.customer_id) if caller.customer_id else client

        def history_for(caller: Caller) -> "History | None":
            caller.require(ORDERS_READ)
            return history.for_customer(caller.customer_id) if history and caller.customer_id else history

        self._client_for = client_for
        self._history_for = history_for
        self._default = caller or Caller.local()
        self.vocabulary = vocabulary
        self.ordering = ordering
        self.now = now

    @property
    def caller(self) -> Caller:
        return current_caller(self._default)

    @property
    def client(self) -> NomosClient:
        """The client as the caller may use it: limited to one customer, if the caller is."""
        return self._client_for(self.caller)

    @property
    def history(self) -> "History | None":
        """The history as the caller may see it: limited to one customer, if the caller is. None without a database."""
        return self._history_for(self.caller)


def nomos_context(ctx: Context[NomosContext]) -> NomosContext:
    """Return the context of a call, if the caller may read."""
    context = ctx.request_context.lifespan_context
    context.caller.require(ORDERS_READ)
    return context
