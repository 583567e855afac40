"""The one write, sent once, and what became of it if its answer was lost."""

from typing import Final

import anyio

from nomos_mcp.client.errors import APIError, ConflictError, NomosError, UnreadableAnswerError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import CERTAIN, OrderingResult
from nomos_mcp.server.ordering.preflight import order_of

DEADLINE: Final = 150.0
"""Seconds for the write and for finding out what became of it. The caller's cancellation does not shorten it."""

ATTEMPTS: Final = 2
"""The write, and one repeat if looking shows that the first left no order. Upstream's uniqueness makes that safe."""


async def place(subscription_id: str, desk: Desk) -> OrderingResult:
    """Order, and do not return before it is as clear as it can be whether the order exists.

    Calls for the same subscription take turns. The caller has to shield this from its own cancellation.

    Args:
        subscription_id: `sub_…`; the preflight has passed, and a yes is there.
        desk: The means of the server.

    Returns:
        `ordered`, `already_ordered`, `refused` or `outcome_unknown`.
    """
    turn = desk.ordering.turns.setdefault(subscription_id, anyio.Lock())
    waited = turn.locked()
    with anyio.move_on_after(DEADLINE):
        async with turn:
            # A person may have taken minutes to say yes, and somebody else may have ordered: look before sending.
            try:
                order = await order_of(subscription_id, desk)
            except NomosError as error:
                return (
                    outcomes.outcome_unknown(desk, request_id=_request_id(error))
                    if waited
                    else outcomes.not_checked(error, desk)
                )
            return outcomes.already_ordered(order, desk) if order else await _sent(subscription_id, desk)
    return outcomes.outcome_unknown(desk)


async def _sent(subscription_id: str, desk: Desk) -> OrderingResult:
    failure: NomosError | None = None
    for attempt in range(ATTEMPTS):
        try:
            return outcomes.ordered(await _created(subscription_id, desk), desk)
        except NomosError as error:
            # A repeat that is refused says nothing about the first request, which may have come through late.
            if attempt == 0 and isinstance(error, CERTAIN) and not isinstance(error, ConflictError):
                return outcomes.refused_because(error, desk)
            failure = error
        try:
            order = await order_of(subscription_id, desk)
        except NomosError:
            return outcomes.outcome_unknown(desk, request_id=_request_id(failure))
        conflict = isinstance(failure, ConflictError)
        if order is not None:
            # A conflict at once is somebody else's order; on the repeat it is the one whose answer was lost.
            theirs = conflict and attempt == 0
            return outcomes.already_ordered(order, desk) if theirs else outcomes.ordered(order, desk)
        if isinstance(failure, CERTAIN):
            return outcomes.refused_because(failure, desk)
    return outcomes.refused("upstream_failed", desk, request_id=_request_id(failure))


async def _created(subscription_id: str, desk: Desk) -> MeterOrder:
    order = await desk.client.meter_orders.create(subscription_id)
    if order.subscription != subscription_id:
        raise UnreadableAnswerError("The answer is about the order of another subscription.", status=200)
    return order


def _request_id(error: NomosError | None) -> str:
    return error.request_id if isinstance(error, APIError) else ""
