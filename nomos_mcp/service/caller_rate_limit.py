"""A rate limit for each caller below the rate limit to upstream, so that one caller cannot starve the others.

Three limits: calls over time, CPU time, and calls at once. The first bounds one caller's share of upstream, the second
its share of the event loop, and the third its share of the queue to upstream, which all callers share.

CPU time, not wall-clock time: a call that waits for Nomos blocks nobody, and a call that waits for another one's work
is not to blame for it. It is measured between the points where a call yields to the event loop. Tasks that a call
starts are not measured: they read pages from upstream, as slowly as the rate limit allows.
"""

import math
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from nomos_mcp.server.request_context import Caller, CallerToken
from nomos_mcp.service.access_log import call_is_limited
from nomos_mcp.service.http_limits import BURST, MAX_CALLERS_REMEMBERED, MAX_RUNNING_PER_CALLER

if TYPE_CHECKING:  # only a server with a database pays for loading it
    from nomos_mcp.replicas.caller_budgets import CallerBudgets

CPU_SECONDS_PER_CALL: Final = 0.1
"""CPU time included in a call; each further portion of it costs one more call. Ordinary calls take milliseconds."""

_FREE: Final = frozenset({"initialize", "ping", "subscriptions/listen"})
_LISTS: Final = frozenset(
    {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
)
"""Methods that cost no call, only their CPU time. Every other method costs a call, known or not."""
_SERVER_ERROR: Final = -32000  # the first code that JSON-RPC leaves to servers


@dataclass(slots=True)
class _Account:
    left: float
    refilled_at: float
    running: int = 0


def full_budget(calls_per_minute: float) -> float:
    """Return how many calls in quick succession a budget holds."""
    return max(1.0, min(BURST, calls_per_minute))


class CallerRateLimit:
    """Rejects calls of an authenticated caller whose budget is used up; a token bucket for each caller.

    Without authentication callers cannot be told apart, and nobody is limited. How many calls a caller has at once is
    counted in this process only.

    Args:
        calls_per_minute: How fast calls are regained.
        budgets: Counts calls for all processes. While it does not know, this process's part of a budget counts.
        share: How many processes a budget is divided among then.
    """

    def __init__(
        self,
        calls_per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        *,
        budgets: "CallerBudgets | None" = None,
        share: int = 1,
    ) -> None:
        self._per_second = calls_per_minute / 60 / share
        self._full = max(1.0, full_budget(calls_per_minute) / share)
        self._budgets = budgets
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._most = MAX_CALLERS_REMEMBERED

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        token = get_access_token()
        free = ctx.method in _FREE or ctx.request_id is None  # a notification has no answer that could refuse it
        if free or not isinstance(token, CallerToken):
            return await call_next(ctx)
        cost = 0 if ctx.method in _LISTS else 1
        account = self._account(token.caller)
        account.running += cost
        try:
            return await self._within_budget(ctx, call_next, token.caller, account, cost)
        finally:
            account.running -= cost

    async def _within_budget(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, caller: Caller, account: _Account, cost: int
    ) -> HandlerResult:
        if wait := await self._wait(caller, account, cost):
            call_is_limited()
            text = f"You have used up your budget of calls. Wait {wait} s, then call again. Nomos was not asked."
            if ctx.method == "tools/call":
                return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
            raise MCPError(_SERVER_ERROR, text)
        work = _TimedCall(call_next(ctx), self._cpu_clock)
        try:
            return await work
        finally:
            further = max(0.0, work.cpu_seconds / CPU_SECONDS_PER_CALL - 1)
            account.left -= further
            if self._budgets:
                self._budgets.charge(caller.name, caller.customer_id, further)

    async def _wait(self, caller: Caller, account: _Account, cost: int) -> int:
        """Spend what a request costs and return 0, or the whole seconds until it is allowed."""
        if cost and account.running > MAX_RUNNING_PER_CALLER:
            return 1  # nobody knows when one of the running calls will end
        wait = await self._budgets.spend(caller.name, caller.customer_id, cost) if self._budgets else None
        if wait is None:
            wait = max(0.0, round((cost - account.left) / self._per_second, 3))
            account.left -= 0 if wait else cost
        elif not wait:
            account.left = max(0.0, account.left - cost)  # else others' parts would be missing here while it is away
        return math.ceil(round(wait, 3)) or int(wait > 0)

    def _account(self, caller: Caller) -> _Account:
        now = self._clock()
        key = caller.name, caller.customer_id
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= self._most:
                self._forget_idle(now)
            account = self._accounts[key] = _Account(self._full, now)
        account.left = self._refilled(account, now)
        account.refilled_at = now
        return account

    def _refilled(self, account: _Account, now: float) -> float:
        return min(self._full, account.left + (now - account.refilled_at) * self._per_second)

    def _forget_idle(self, now: float) -> None:
        """Drop accounts that are full again: a new account is the same."""
        self._accounts = {
            key: account
            for key, account in self._accounts.items()
            if account.running or self._refilled(account, now) < self._full
        }
        # None of those that are left may go. To look at them all again with each new caller would take ever longer.
        self._most = max(MAX_CALLERS_REMEMBERED, 2 * len(self._accounts))


class _TimedCall:
    """Awaits a call, and adds up the CPU time between the points where it yields to the event loop."""

    def __init__(self, call: Awaitable[HandlerResult], cpu_clock: Callable[[], float]) -> None:
        self._call = call
        self._cpu_clock = cpu_clock
        self.cpu_seconds = 0.0

    def __await__(self) -> Generator[Any, Any, HandlerResult]:
        steps = self._call.__await__()
        resume = partial(steps.send, None)
        while True:
            began = self._cpu_clock()
            try:
                awaited = resume()
            except StopIteration as done:
                return cast("HandlerResult", done.value)
            finally:
                self.cpu_seconds += self._cpu_clock() - began
            try:
                resume = partial(steps.send, (yield awaited))
            except BaseException as thrown:  # noqa: BLE001  a cancellation, for example; the call handles it
                resume = partial(steps.throw, thrown)
