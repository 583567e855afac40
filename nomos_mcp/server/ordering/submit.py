"""The one write, and the search for its outcome if the answer was lost.

Reads may lag behind writes, so a search that finds no order proves nothing. After a lost answer only an order that was
found settles the outcome; everything else leaves it unknown.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from nomos_mcp.client.errors import (
    ConflictError,
    InvalidRequestError,
    LocalRateLimitError,
    NomosError,
    UnreadableResponseError,
)
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import INTEREST
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.consent import Yes, recheck
from nomos_mcp.server.ordering.eligibility import OrderSearch, read_state, search_order
from nomos_mcp.server.ordering.outcomes import OrderingResult
from nomos_mcp.server.ordering.reasons import Unknown
from nomos_mcp.server.ordering.record import Attempt, CodeUsedError, Earlier, EarlierAttemptError, RecordError
from nomos_mcp.server.request_context import NomosContext

DEADLINE: Final = 150.0
"""Seconds until the order has to leave, and from then on until there is an outcome."""

LOOK_FOR: Final = 10.0
"""Seconds for which an order is searched for after a lost answer, before the repeat and once more after it."""

LOOK_FOR_OTHERS: Final = 3.0
"""Seconds for which somebody else's order is searched for. It is known to exist; only its ID is missing."""

_PAUSES: Final = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Seconds between searches; the last one repeats."""

_CODE_USED: Final = "Another call has used the code."

_TRIES: Final = 3
"""How often an order is checked again because another attempt was sent meanwhile."""


class WithheldError(InvalidRequestError):
    """The order was not sent, for a reason that came up at the last moment."""

    def __init__(self, message: str, reason: str = "not_sent") -> None:
        super().__init__(message)
        self.reason = reason


class Submission:
    """One order for one subscription, from the confirmation to the outcome. `sent` counts requests that have left."""

    def __init__(
        self,
        subscription_id: str,
        yes: Yes,
        context: NomosContext,
        attempt: Attempt,
        is_gone: Callable[[], Awaitable[bool]],
    ) -> None:
        self.sent = 0
        self._subscription_id = subscription_id
        self._yes = yes
        self._context = context
        self._attempt = attempt
        self._is_gone = is_gone
        self._scope = anyio.CancelScope()
        self._bound = anyio.CancelScope()
        self._unknown: Unknown = "answer_lost"
        self._conflict = False
        self._request_id = ""
        self._before = OrderSearch(None)
        self._earlier = Earlier()
        self._looked_at = context.now()

    async def run(self) -> OrderingResult:
        """Order, and wait until the outcome is as clear as it can be.

        Submissions for the same subscription wait for each other. A cancellation takes effect until the request is
        sent, and again before a repeat; in between it waits for the outcome.
        """
        lock = self._context.ordering.lock(self._context.client.base_url, self._subscription_id)
        self._bound.deadline = anyio.current_time() + DEADLINE
        with self._scope, self._bound:
            async with lock:
                return await self._once()
        if self._conflict:
            return outcomes.already_ordered(None, self._context, request_id=self._request_id)
        if self.sent:
            return self._not_known()
        return outcomes.refused("not_sent", self._context, detail="it had to wait too long")

    async def _once(self) -> OrderingResult:
        """Order while no other attempt is open, and none was sent since the last look."""
        try:
            for _ in range(_TRIES):
                earlier = await wait_for_earlier(self._subscription_id, self._context)
                if isinstance(earlier, OrderingResult):
                    return earlier
                self._earlier = earlier
                with suppress(EarlierAttemptError):
                    return await self._checked()
        except RecordError as error:
            return outcomes.not_recorded(error, self._context)
        return outcomes.refused("not_sent", self._context, detail="others order for this subscription at this moment")

    async def _checked(self) -> OrderingResult:
        """Check once more, then send: a person may have taken minutes to confirm, or somebody else may have ordered."""
        context, subscription_id = self._context, self._subscription_id
        self._looked_at = context.now()
        try:
            preview, self._before = await read_state(subscription_id, context)
        except NomosError as error:
            return outcomes.not_checked(error, context)
        if self._before.order is not None:
            return outcomes.already_ordered(self._before.order, context)
        if isinstance(preview, OrderingResult):
            return preview
        return await recheck(self._yes, preview, context) or await self._sent()

    async def _sent(self) -> OrderingResult:
        try:
            return await self._create()
        except WithheldError as error:
            return outcomes.refused(error.reason, self._context, detail=str(error))
        except NomosError as error:
            self._request_id = outcomes.request_id_of(error)
            # After a 401 the order is sent once more; a conflict then may be with the first, if that was a wrong 401.
            self._conflict = isinstance(error, ConflictError) and self.sent == 1
            self._unknown = "not_visible" if isinstance(error, ConflictError) else "answer_lost"
            if not isinstance(error, ConflictError) and (not self.sent or outcomes.is_certain(error)):
                return outcomes.refused_because(error, self._context)
        if self._conflict:
            order = await self._find(LOOK_FOR_OTHERS)
            return outcomes.already_ordered(order, self._context, request_id=self._request_id)
        if (order := await self._find(LOOK_FOR)) is not None:
            return outcomes.ordered(order, "unknown", self._context)
        repeats = self._unknown == "answer_lost" and not self._context.ordering.record.is_shared
        return await self._repeated() if repeats else self._not_known()

    async def _repeated(self) -> OrderingResult:
        """Send once more. Nomos accepts one order for a subscription, so this cannot make a second one.

        Not with a shared record, where an attempt whose outcome is not known keeps everything else back. A refused
        repeat says nothing about the first request, which may have arrived late.
        """
        try:
            return await self._create()
        except WithheldError:
            return self._not_known()
        except ConflictError:
            self._unknown = "not_visible"
        except NomosError as error:
            self._request_id = outcomes.request_id_of(error) or self._request_id
        if (order := await self._find(LOOK_FOR)) is not None:
            return outcomes.ordered(order, "unknown", self._context)
        return self._not_known()

    async def _create(self) -> OrderingResult:
        order = await self._context.client.meter_orders.create(self._subscription_id, before_send=self._before_send)
        if order.subscription != self._subscription_id or order.id in {each.id for each in self._before.interest}:
            raise UnreadableResponseError("The response is not about the order that was sent.", status_code=200)
        return outcomes.ordered(order, "this_call", self._context)

    async def _before_send(self) -> None:
        """Check that the order may still be sent; from here on a cancellation waits for the outcome."""
        await self._require_caller()
        if self.sent:
            self.sent += 1
            return
        ordering, code = self._context.ordering, self._yes.code
        if code and not ordering.record.is_shared and not ordering.codes.use(code):
            raise WithheldError(_CODE_USED, "invalid_code")
        try:
            await self._attempt.sending(ordering.codes.signature(code), self._earlier)
        except CodeUsedError:
            raise WithheldError(_CODE_USED, "invalid_code") from None
        if ordering.record.is_shared:  # which may have taken a while
            await self._require_caller()
        self.sent = 1
        self._bound.deadline = anyio.current_time() + DEADLINE

    async def _require_caller(self) -> None:
        """Withhold the order if nobody waits for it any more; afterwards no cancellation takes effect."""
        self._scope.shield = False
        if await self._is_gone():
            raise WithheldError("The client went away before the order was sent.")
        if self._context.ordering.stopping:
            raise WithheldError("The server is stopping.")
        await checkpoint_if_cancelled()
        self._scope.shield = True

    async def _find(self, seconds: float) -> MeterOrder | None:
        """Search with growing pauses until the order is found, or a search begun after so many seconds finds none."""
        timing = self._context.client.timing
        began = timing.monotonic()
        pauses = iter(_PAUSES)
        pause = 0.0
        while True:
            waited = timing.monotonic() - began
            try:
                seen = await search_order(self._subscription_id, self._context)
            except LocalRateLimitError as error:  # this is no failed look: none was sent
                await timing.sleep(max(error.retry_after, _PAUSES[0]))
                continue
            except NomosError:
                failed = True
            else:
                failed = False
                found = (seen.order, *(order for order in seen.interest if self._counts(order)))
                if order := next(filter(None, found), None):
                    return order
            if waited >= (2 * seconds if failed else seconds):
                self._unknown = "look_failed" if failed and self._unknown == "answer_lost" else self._unknown
                return None
            pause = next(pauses, pause)
            await timing.sleep(min(pause, max(seconds - waited, _PAUSES[0])))

    def _counts(self, order: MeterOrder) -> bool:
        """Whether an order was made since the last search before the request.

        A customer's interest (edison's `intended`) may be how Nomos shows the order, or may have existed before.
        """
        if order.status != INTEREST:
            return True
        known = {each.id for each in self._before.interest}
        since = self._looked_at.replace(microsecond=0)  # as precise as upstream's times
        return order.id not in known and order.created_at is not None and order.created_at >= since

    def _not_known(self) -> OrderingResult:
        return outcomes.outcome_unknown(self._unknown, self._context, request_id=self._request_id)


async def wait_for_earlier(subscription_id: str, context: NomosContext) -> Earlier | OrderingResult:
    """Wait until no attempt at a subscription is open any more, or until the order of the open one can be seen.

    A search that finds none closes nothing: reads may lag behind writes, and the request may still be on its way.

    Returns:
        What was sent before, none of it open; or the outcome of this call, which sends nothing.

    Raises:
        RecordError: The record cannot be read.
    """
    timing, pauses, pause = context.client.timing, iter(_PAUSES), 0.0
    began = timing.monotonic()
    while (earlier := await context.ordering.record.earlier(subscription_id)).open_since is not None:
        waited = timing.monotonic() - began
        with suppress(NomosError):  # another search may succeed
            if (order := (await search_order(subscription_id, context)).order) is not None:
                return outcomes.already_ordered(order, context)
        if waited >= LOOK_FOR:
            return outcomes.outcome_unknown("earlier_attempt", context, since=earlier.open_since)
        pause = next(pauses, pause)
        await timing.sleep(min(pause, max(LOOK_FOR - waited, _PAUSES[0])))
    return earlier
