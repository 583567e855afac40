"""A budget for each caller inside the budget to upstream, so that one cannot starve the rest.

Three bounds: how many calls over time, how much CPU time, and how many calls at once. The first keeps one caller's
share of upstream small, the second its share of the event loop, and the third its share of the queue to upstream, where
calls of all callers wait in the order of asking.

CPU time, and not time on the clock: a call that waits for Nomos holds nobody, and a call that waits for another one's
work is not to blame for it. It is measured between the points where a call gives the event loop back. Tasks that a call
starts are left out: they read pages from upstream, at the pace of the rate limit.
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
from nomos_mcp.service.constants import BURST, MAX_CALLERS_REMEMBERED, MAX_RUNNING_PER_CALLER

CPU_SECONDS_PER_CALL: Final = 0.1
"""CPU time that a request may take; as much again costs a call each time. Ordinary ones take some milliseconds."""

_FREE: Final = frozenset({"initialize", "ping", "subscriptions/listen"})
_LISTS: Final = frozenset(
    {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
)
"""Methods that cost no call, but CPU time as all others. Every other one costs a call, known or not."""
_SERVER_ERROR: Final = -32000  # the first code that JSON-RPC leaves to servers
_SECONDS_A_MINUTE: Final = 60.0


@dataclass(slots=True)
class _Account:
    left: float
    counted_at: float
    running: int = 0


class Fairness:
    """Lets an authenticated caller's calls through as long as its budget lasts.

    Without authentication callers cannot be told apart, and nobody is held back.

    Args:
        calls_per_minute: How much a budget regains.
        clock: Seconds that only go forward; for tests.
        cpu_clock: Seconds of CPU time that this thread has used; for tests.
    """

    def __init__(
        self,
        calls_per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._per_second = calls_per_minute / _SECONDS_A_MINUTE
        self._full = max(1.0, min(BURST, calls_per_minute))
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._accounts: dict[tuple[str, str], _Account] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Serve one message of the protocol."""
        token = get_access_token()
        free = ctx.method in _FREE or ctx.request_id is None  # a notification has no answer that could refuse it
        if free or not isinstance(token, CallerToken):
            return await call_next(ctx)
        cost = 0 if ctx.method in _LISTS else 1
        account = self._account(token.caller)
        if wait := self._wait(account, cost):
            text = f"You have used up your budget of calls. Wait {wait} s, then call again. Nothing was asked of Nomos."
            if ctx.method == "tools/call":
                return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
            raise MCPError(_SERVER_ERROR, text)
        account.left -= cost
        account.running += cost
        work = _Work(call_next(ctx), self._cpu_clock)
        try:
            return await work
        finally:
            account.running -= cost
            account.left -= max(0.0, work.cpu_seconds / CPU_SECONDS_PER_CALL - 1)

    def _wait(self, account: _Account, cost: int) -> int:
        """Return the whole seconds until a request of this cost may be made; 0 if it may be made now."""
        if cost and account.running >= MAX_RUNNING_PER_CALLER:
            return 1  # nobody can tell when one of those that run will be over
        return 0 if account.left >= cost else math.ceil(round((cost - account.left) / self._per_second, 3))

    def _account(self, caller: Caller) -> _Account:
        now = self._clock()
        key = caller.name, caller.customer_id
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MAX_CALLERS_REMEMBERED:
                self._forget_idle(now)
            account = self._accounts[key] = _Account(self._full, now)
        account.left = self._regained(account, now)
        account.counted_at = now
        return account

    def _regained(self, account: _Account, now: float) -> float:
        return min(self._full, account.left + (now - account.counted_at) * self._per_second)

    def _forget_idle(self, now: float) -> None:
        """Forget whose budget is full again: a new account is the same."""
        self._accounts = {
            key: account
            for key, account in self._accounts.items()
            if account.running or self._regained(account, now) < self._full
        }


class _Work:
    """Awaits something, and adds up the CPU time between the points where it gives the event loop back.

    Attributes:
        cpu_seconds: The sum so far.
    """

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
            except BaseException as thrown:  # noqa: BLE001  a cancellation, for one; it is the call's to handle
                resume = partial(steps.throw, thrown)
