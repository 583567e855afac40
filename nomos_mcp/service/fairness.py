"""A budget for each caller inside the budget to upstream, so that one cannot starve the rest.

Two bounds: how many calls over time, and how many at once. The first keeps one caller's share of upstream small, the
second its share of the queue to upstream, where calls of all callers wait in the order of asking.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

from nomos_mcp.server.callers import Caller, CallerToken
from nomos_mcp.service.constants import BURST, MAX_CALLERS_REMEMBERED, MAX_RUNNING_PER_CALLER

_METERED: Final = frozenset({"tools/call", "resources/read", "prompts/get", "completion/complete"})
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
    """

    def __init__(self, calls_per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = calls_per_minute / _SECONDS_A_MINUTE
        self._full = max(1.0, min(BURST, calls_per_minute))
        self._clock = clock
        self._accounts: dict[tuple[str, str], _Account] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Serve one message of the protocol."""
        token = get_access_token()
        if ctx.method not in _METERED or not isinstance(token, CallerToken):
            return await call_next(ctx)
        account = self._account(token.caller)
        if wait := self._wait(account):
            text = f"You have used up your budget of calls. Wait {wait} s, then call again. Nothing was asked of Nomos."
            if ctx.method == "tools/call":
                return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
            raise MCPError(_SERVER_ERROR, text)
        account.left -= 1
        account.running += 1
        try:
            return await call_next(ctx)
        finally:
            account.running -= 1

    def _wait(self, account: _Account) -> int:
        """Return the whole seconds until the next call may be made; 0 if it may be made now."""
        if account.running >= MAX_RUNNING_PER_CALLER:
            return 1  # nobody can tell when one of those that run will be over
        return 0 if account.left >= 1 else math.ceil(round((1 - account.left) / self._per_second, 3))

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
