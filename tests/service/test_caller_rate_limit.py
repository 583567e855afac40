"""A budget for each caller: what is past it is told how long to wait, and nobody else notices."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest
from mcp import MCPError
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

from nomos_mcp.server.request_context import Caller, CallerToken
from nomos_mcp.service import caller_rate_limit
from nomos_mcp.service.caller_rate_limit import CPU_SECONDS_PER_CALL, CallerRateLimit
from nomos_mcp.service.http_limits import MAX_RUNNING_PER_CALLER
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from tests.service.running import running
from tests.service.wire import call, post


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Cpu:
    """A CPU whose time passes only where a call works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def answered(
    fair: CallerRateLimit,
    name: str,
    method: str = "tools/call",
    until: anyio.Event | None = None,
    work: Callable[[], Awaitable[None]] | None = None,
) -> Any:
    """Return the answer to a call; nobody's if the name is empty."""

    async def done(_: Any) -> dict[str, Any]:
        if until is not None:
            await until.wait()
        if work is not None:
            await work()
        return {}

    token = CallerToken(token="", client_id=name, scopes=[], caller=Caller(name=name))
    auth_context_var.set(AuthenticatedUser(token) if name else None)
    request_id = None if "notification" in method else 1
    return await fair(cast("Any", SimpleNamespace(method=method, request_id=request_id)), done)


async def passes(
    fair: CallerRateLimit, name: str, method: str = "tools/call", work: Callable[[], Awaitable[None]] | None = None
) -> bool:
    return bool(await answered(fair, name, method, work=work) == {})


@pytest.mark.parametrize("modern", [True, False])
def test_past_the_budget_a_tool_says_how_long_to_wait_and_nobody_else_notices(
    tmp_path: Path,
    modern: bool,  # noqa: FBT001  a parameter
) -> None:
    file = TokenFile(tmp_path / "tokens")
    greedy, modest = (file.add(name, ("orders:read", "org")) for name in ("greedy", "modest"))
    http = HttpSettings(tokens_file=str(tmp_path / "tokens"), calls_per_minute=1)
    with running(Settings(demo=True, http=http)) as service:
        other = call(service.url, token=modest, modern=modern).text  # also loads the texts, which takes CPU time
        first, second = (call(service.url, token=greedy, modern=modern).text for _ in range(2))
        prompt = post(service.url, "prompts/get", {"name": "x"}, token=greedy, modern=modern).text
        listed = post(service.url, "tools/list", token=greedy, modern=modern).text
    assert '"isError":true' not in first + other
    assert '"isError":true' in second
    assert "Wait 60 s, then call again" in second
    assert '"code":-32000' in prompt
    assert "get_meter_order" in listed


async def test_a_budget_is_regained_over_time(clock: Clock) -> None:
    fair = CallerRateLimit(60, clock)
    assert [await passes(fair, "greedy") for _ in range(21)] == [True] * 20 + [False]
    clock.now += 1.5
    assert [await passes(fair, "greedy") for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [await passes(fair, "greedy") for _ in range(21)] == [True] * 20 + [False]


async def test_a_caller_has_so_many_calls_at_once(clock: Clock) -> None:
    fair, leave = CallerRateLimit(6000, clock), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_RUNNING_PER_CALLER):
            tasks.start_soon(answered, fair, "greedy", "tools/call", leave)
        await anyio.wait_all_tasks_blocked()
        assert not await passes(fair, "greedy")
        assert await passes(fair, "modest")
        leave.set()
    assert await passes(fair, "greedy")


async def test_whoever_cannot_be_told_apart_is_not_held_back(clock: Clock) -> None:
    fair = CallerRateLimit(1, clock)
    assert all([await passes(fair, "") for _ in range(50)])


async def test_what_is_no_call_costs_nothing(clock: Clock) -> None:
    fair = CallerRateLimit(1, clock)
    assert all([await passes(fair, "greedy", "tools/list") for _ in range(50)])


async def test_callers_whose_budget_is_full_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_rate_limit, "MAX_CALLERS_REMEMBERED", 2)
    fair = CallerRateLimit(1, clock)
    for name in ("first", "second"):
        assert await passes(fair, name)
        clock.now += 40
    assert await passes(fair, "third")
    assert {name for name, _ in fair._accounts} == {"second", "third"}
    with pytest.raises(MCPError, match="Wait 20 s"):
        await answered(fair, "second", "prompts/get")


async def test_many_callers_whose_budgets_are_not_full_are_not_all_looked_at_with_each_new_one(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_rate_limit, "MAX_CALLERS_REMEMBERED", 10)
    fair, looks = CallerRateLimit(1, clock), 0
    forget = fair._forget_idle

    def counted(now: float) -> None:
        nonlocal looks
        looks += 1
        forget(now)

    monkeypatch.setattr(fair, "_forget_idle", counted)
    for number in range(300):
        assert await passes(fair, f"caller-{number}")
    assert looks == 5
    clock.now += 60
    for number in range(300, 700):
        assert await passes(fair, f"caller-{number}")
    assert len(fair._accounts) <= 400


async def test_cpu_time_beyond_that_of_a_call_costs_further_calls_and_nobody_else_notices(clock: Clock) -> None:
    cpu = Cpu()
    fair = CallerRateLimit(60, clock, cpu)

    async def hard() -> None:
        cpu.now += 0.5 * CPU_SECONDS_PER_CALL
        await anyio.lowlevel.checkpoint()
        cpu.now += 9.5 * CPU_SECONDS_PER_CALL

    assert [await passes(fair, "greedy", work=hard) for _ in range(3)] == [True, True, False]
    assert [await passes(fair, "modest") for _ in range(21)] == [True] * 20 + [False]
    clock.now += 10
    assert [await passes(fair, "greedy", work=hard) for _ in range(2)] == [True, False]


async def test_a_call_that_uses_no_more_than_its_cpu_time_costs_one_call(clock: Clock) -> None:
    cpu = Cpu()
    fair = CallerRateLimit(60, clock, cpu)

    async def easy() -> None:
        cpu.now += CPU_SECONDS_PER_CALL

    assert [await passes(fair, "modest", work=easy) for _ in range(21)] == [True] * 20 + [False]


async def test_waiting_is_no_work_even_while_others_work(clock: Clock) -> None:
    cpu, fair_to = Cpu(), anyio.Event()
    fair = CallerRateLimit(60, clock, cpu)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answered, fair, "patient", "tools/call", fair_to)
        await anyio.wait_all_tasks_blocked()
        cpu.now += 1000
        fair_to.set()
    assert [await passes(fair, "patient") for _ in range(20)] == [True] * 19 + [False]


@pytest.mark.parametrize("ending", ["fails", "is cancelled"])
async def test_a_call_that_does_not_succeed_costs_its_cpu_time(clock: Clock, ending: str) -> None:
    cpu = Cpu()
    fair = CallerRateLimit(60, clock, cpu)

    async def hard() -> None:
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            cpu.now += 20 * CPU_SECONDS_PER_CALL
        raise MCPError(-32603, "failed")

    with anyio.CancelScope() as scope:
        if ending == "is cancelled":
            scope.cancel()
        with pytest.raises(MCPError, match="failed"):
            await answered(fair, "greedy", work=hard)
    assert not await passes(fair, "greedy")


async def test_lists_cost_no_call_but_their_cpu_time(clock: Clock) -> None:
    cpu = Cpu()
    fair = CallerRateLimit(60, clock, cpu)

    async def hard() -> None:
        cpu.now += 10 * CPU_SECONDS_PER_CALL

    assert await passes(fair, "greedy", "tools/list", work=hard)
    assert await passes(fair, "greedy", "tools/list", work=hard)
    assert await passes(fair, "greedy", "tools/list", work=hard)
    with pytest.raises(MCPError, match="Wait 7 s"):
        await answered(fair, "greedy", "tools/list")
    assert await passes(fair, "greedy", "ping")


async def test_an_unknown_method_costs_a_call_like_a_known_one(clock: Clock) -> None:
    fair = CallerRateLimit(1, clock)
    assert await passes(fair, "greedy", "no/such/method")
    with pytest.raises(MCPError, match="Wait 60 s"):
        await answered(fair, "greedy", "no/such/method")


async def test_a_notification_is_never_refused_whatever_its_method(clock: Clock) -> None:
    fair = CallerRateLimit(1, clock)
    assert await passes(fair, "greedy")
    for method in ("notifications/cancelled", "a notification of the future"):
        assert await passes(fair, "greedy", method)


class Budgets:
    """Budgets that are counted elsewhere: what they answer, and what they were told."""

    def __init__(self, *answers: float | None) -> None:
        self.answers = list(answers)
        self.told: list[tuple[str, str, float]] = []

    async def spend(self, name: str, customer_id: str, calls: float) -> float | None:
        self.told.append((name, customer_id, calls))
        await anyio.lowlevel.checkpoint()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def charge(self, name: str, customer_id: str, calls: float) -> None:
        if calls:
            self.told.append((name, customer_id, calls))


def shared(clock: Clock, budgets: Budgets, cpu: Cpu | None = None, share: int = 4) -> CallerRateLimit:
    return CallerRateLimit(60, clock, cpu or Cpu(), budgets=cast("Any", budgets), share=share)


async def test_budgets_that_all_processes_share_go_before_this_ones(clock: Clock) -> None:
    fair = shared(clock, Budgets(0.0))
    assert all([await passes(fair, "greedy") for _ in range(50)])
    with pytest.raises(MCPError, match="Wait 8 s"):
        await answered(shared(clock, Budgets(7.2)), "greedy", "prompts/get")
    with pytest.raises(MCPError, match="Wait 1 s"):
        await answered(shared(clock, Budgets(0.0001)), "greedy", "prompts/get")


async def test_while_the_shared_budgets_are_away_a_process_grants_its_part(clock: Clock) -> None:
    fair = shared(clock, Budgets(None))
    assert [await passes(fair, "greedy") for _ in range(6)] == [True] * 5 + [False]
    clock.now += 4.1
    assert [await passes(fair, "greedy") for _ in range(2)] == [True, False]


async def test_calls_that_all_processes_granted_are_taken_from_this_ones_part_but_no_more_than_it_holds(
    clock: Clock,
) -> None:
    fair = shared(clock, Budgets(*[0.0] * 15, None))
    assert all([await passes(fair, "greedy") for _ in range(15)])
    assert not await passes(fair, "greedy")
    clock.now += 4.1
    assert [await passes(fair, "greedy") for _ in range(2)] == [True, False]


async def test_cpu_time_is_charged_to_the_shared_budgets(clock: Clock) -> None:
    cpu, budgets = Cpu(), Budgets(0.0)

    async def hard() -> None:
        cpu.now += 3 * CPU_SECONDS_PER_CALL

    assert await passes(shared(clock, budgets, cpu), "greedy", work=hard)
    assert budgets.told == [("greedy", "", 1), ("greedy", "", pytest.approx(2))]


async def test_calls_that_wait_for_the_shared_budgets_count_as_calls_at_once(clock: Clock) -> None:
    fair, passed = shared(clock, Budgets(0.0)), []

    async def call_once() -> None:
        passed.append(await passes(fair, "greedy"))

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_RUNNING_PER_CALLER + 2):
            tasks.start_soon(call_once)
    assert sorted(passed) == [False] * 2 + [True] * MAX_RUNNING_PER_CALLER
