"""Settling open attempts to order: by the order that Nomos shows, or else by a person's word."""

from dataclasses import dataclass, field
from typing import Final, Literal

from nomos_mcp.client import MeterOrder, NomosClient
from nomos_mcp.lifecycle import INTEREST
from nomos_mcp.replicas.order_attempts import OrderAttempt, OrderAttempts

Word = Literal["ordered", "not-ordered"]

RECONCILE: Final = "reconcile"
"""Who closed an attempt whose order `nomos-mcp orders reconcile` found."""

YOUNG: Final = 300.0
"""Seconds after which no process works at an attempt any more: twice as long as one may take until there is an outcome.

By PostgreSQL's clock."""

_OUTCOMES: Final[dict[Word, str]] = {"ordered": "ordered", "not-ordered": "not_ordered"}


@dataclass(frozen=True, slots=True)
class Look:
    """What Nomos shows for the subscription of an attempt.

    Attributes:
        order: The order; None proves nothing, since reads may lag behind writes.
        interest: The IDs of records of a customer's mere interest, which may be how Nomos shows the order (edison).
    """

    order: MeterOrder | None = None
    interest: list[str] = field(default_factory=list)


async def look_up(attempt: OrderAttempt, client: NomosClient) -> Look:
    """Look for the order of an attempt.

    Raises:
        NomosError: It cannot be read.
    """
    listed = await client.meter_orders.all_of_subscription(
        attempt.subscription_id, enough=lambda order: order.status != INTEREST
    )
    order = next((order for order in listed if order.status != INTEREST), None)
    return Look(order, [order.id for order in listed if order.status == INTEREST])


async def reconciled(attempt: OrderAttempt, attempts: OrderAttempts, client: NomosClient) -> Look:
    """Look for the order of an open attempt, and close the attempt if the order is there.

    Raises:
        NomosError: It cannot be read.
        DatabaseError: The database does not answer.
    """
    look = await look_up(attempt, client)
    if look.order is not None:
        await attempts.found(attempt.subscription_id, look.order.id, RECONCILE)
    return look


async def close_by_word(attempt: OrderAttempt, attempts: OrderAttempts, word: Word, order_id: str, by: str) -> bool:
    """Close an open attempt as a person says; False if it is not open any more, or still `YOUNG`.

    Raises:
        DatabaseError: The database does not answer.
    """
    if attempt.age < YOUNG:
        return False
    return bool(await attempts.close(attempt.number, outcome=_OUTCOMES[word], order_id=order_id, by=by))
