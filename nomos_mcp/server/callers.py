"""Who is served, and what they may see and do. The operator or a verified token says so, never an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked

ORDERS_READ: Final = "orders:read"
ORDERS_WRITE: Final = "orders:write"
ORG: Final = "org"
SCOPES: Final = (ORDERS_READ, ORDERS_WRITE, ORG)


class NotAllowedError(InvalidRequestError):
    """The caller may not do this; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is served.

    Attributes:
        name: Goes on record and into the log.
        customer_id: The fence: only this customer's objects are seen. Empty: the whole organisation's, which takes the
            scope `org`.
        scopes: What the caller may do.
    """

    name: str = "local"
    customer_id: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)

    @classmethod
    def local(cls) -> Self:
        """Return the caller that the operator is: sees the whole organisation, may order."""
        return cls()

    @classmethod
    def customer(cls, customer_id: str, *, name: str = "", scopes: Iterable[str] = (ORDERS_READ, ORDERS_WRITE)) -> Self:
        """Return a caller behind the fence of one customer.

        Args:
            customer_id: `cus_…`.
            name: For the record; the customer's ID by default.
            scopes: What the caller may do.

        Raises:
            InvalidRequestError: The ID is malformed.
        """
        checked(customer_id, "customer")
        return cls(name=name or customer_id, customer_id=customer_id, scopes=frozenset(scopes))

    def require(self, scope: str) -> None:
        """Let pass only with a scope, and without a fence only with `org`.

        Raises:
            NotAllowedError: The message says what is missing.
        """
        missing = [
            needed for needed in (scope, "" if self.customer_id else ORG) if needed and needed not in self.scopes
        ]
        if missing:
            raise NotAllowedError(
                f"You may not do this: it takes the scope {' and '.join(missing)}, which your access token does not "
                "carry. Nothing was asked of Nomos. Ask the operator of this server."
            )


class CallerToken(AccessToken):
    """A verified token of the HTTP server, with the caller that it stands for."""

    caller: Caller


def current_caller(default: Caller) -> Caller:
    """Return who is calling: the one that the request's token stands for, else the one the server was made for."""
    token = get_access_token()
    return token.caller if isinstance(token, CallerToken) else default
