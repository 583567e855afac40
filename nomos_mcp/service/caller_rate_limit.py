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
from typing import Any, Final, cast

from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from nomos_mcp.server.request_context import Caller, CallerToken
from nomos_mcp.service.http_limits import BURST, MAX_CALLERS_REMEMBERED, MAX_RUNNING_PER_CALLER

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


class CallerRateLimit:
    """Rejects calls of an authenticated caller whose budget is used up; a token bucket for each caller.

    Without authentication callers cannot be told apart, and nobody is limited.
    """

    def __init__(
        self,
        calls_per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._per_second = calls_per_minute / 60
        self._full = max(1.0, min(BURST, calls_per_minute))
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._accounts: dict[tuple[str, str], _Account] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        token = get_access_token()
        free = ctx.method in _FREE or ctx.request_id is None  # a notification has no answer that could refuse it
        if free or not isinstance(token, CallerToken):
            return await call_next(ctx)
        cost = 0 if ctx.method in _LISTS else 1
        account = self._account(token.caller)
        if wait := self._wait(account, cost):
            text = f"You have used up your budget of calls. Wait {wait} s, then call again. Nomos was not asked."
            if ctx.method == "tools/call":
                return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
            raise MCPError(_SERVER_ERROR, text)
        account.left -= cost
        account.running += cost
        work = _TimedCall(call_next(ctx), self._cpu_clock)
        try:
            return await work
        finally:
            account.running -= cost
            account.left -= max(0.0, work.cpu_seconds / CPU_SECONDS_PER_CALL - 1)

    def _wait(self, account: _Account, cost: int) -> int:
        """Return the whole seconds until a request of this cost is allowed."""
        if cost and account.running >= MAX_RUNNING_PER_CALLER:
            return 1  # nobody knows when one of the running calls will end
        return 0 if account.left >= cost else math.ceil(round((cost - account.left) / self._per_second, 3))

    def _account(self, caller: Caller) -> _Account:
        now = self._clock()
        key = caller.name, caller.customer_id
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MAX_CALLERS_REMEMBERED:
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
