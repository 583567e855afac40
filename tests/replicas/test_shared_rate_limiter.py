"""The shared rate limiter, in virtual time, with the database's part played by a model of it."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from nomos_mcp.client.rate_limiter import RateLimitHeaders
from nomos_mcp.replicas.rate_leases import LEASE
from nomos_mcp.replicas.shared_rate_limiter import SharedRateLimiter
from tests.client.fake_time import VIRTUAL, virtually as virtually_in_trio
from tests.client.test_rate_limiter import most_in_a_second
from tests.ordering.campaign.virtual_time import virtually
from tests.replicas.lease_table import Process, World


def between(moments: Sequence[float], begin: float, end: float) -> int:
    return sum(begin < moment <= end for moment in moments)


def busy_world(callers: Sequence[int], seconds: float = 30) -> World:
    """Let processes with so many callers each use all that they get."""

    async def main() -> World:
        world = World()
        async with asyncio.TaskGroup() as tasks:
            for process, count in [(world.process(len(callers)), count) for count in callers]:
                for _ in range(count):
                    tasks.create_task(process.call_until(seconds))
        await world.aclose()
        return world

    return virtually(main)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    processes=st.integers(1, 14),
    lost=st.sampled_from([0, 0.02, 0.2]),
    slow=st.sampled_from([0, 0.02, 0.2]),
    latency=st.sampled_from([0.01, 0.1, 1.0, 3.0]),
)
def test_no_second_at_upstream_holds_more_than_ten_whoever_dies_and_whatever_gets_lost(
    seed: int, processes: int, lost: float, slow: float, latency: float
) -> None:
    end = 20.0

    async def main() -> World:
        world = World(seed)
        world.lost, world.slow, world.latency = lost, slow, latency
        dice = world.dice

        async def live() -> None:
            await asyncio.sleep(dice.uniform(0, 3))
            while world.now < end:
                process = world.process(processes)
                until, pause = dice.uniform(world.now, end), dice.choice([0, 0.3, 3])
                calls = [asyncio.create_task(process.call_until(until, pause)) for _ in range(dice.choice([1, 3, 12]))]
                await asyncio.wait(calls, timeout=dice.choice([100, dice.uniform(0, 8)]))
                await process.kill(calls)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(processes):
                tasks.create_task(live())
        return world

    assert most_in_a_second(virtually(main).arrivals()) <= 10


@pytest.mark.parametrize("callers", [[1], [40], [20, 20, 20], [5] * 6, [3] * 12])
def test_together_they_use_what_upstream_allows_and_ask_less_often_than_they_send(callers: list[int]) -> None:
    world = busy_world(callers)
    rate = len(world.arrivals()) / 30
    assert rate >= 8.5
    assert most_in_a_second(world.arrivals()) == 10
    if len(callers) <= 6:
        assert world.round_trips < len(world.arrivals())


@pytest.mark.parametrize("callers", [[20, 20, 20], [1, 50], [1, 1, 50], [5] * 6, [3] * 12])
def test_each_gets_the_same_however_many_callers_it_has(callers: list[int]) -> None:
    world = busy_world(callers, 60)
    counts = [len(process.arrivals) for process in world.processes]
    assert min(counts) >= 0.65 * max(counts)
    assert sum(process.refused for process in world.processes) == 0


def test_more_processes_than_slots_wait_for_seconds_and_none_for_ever() -> None:
    world = busy_world([1] * 40, 40)
    assert max(max(process.waits) for process in world.processes) < 20


def test_a_request_of_an_idle_process_costs_one_round_trip_and_idleness_none() -> None:
    async def main() -> list[int]:
        world = World()
        process = world.process()
        trips = []
        for _ in range(3):
            await process.request(0.05)
            await asyncio.sleep(60)
            trips.append(world.round_trips)
        assert process.limiter._task is None
        await world.aclose()
        return trips

    assert virtually(main) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_the_slots_of_killed_processes_are_free_within_a_second_of_those_of_their_requests(seed: int) -> None:
    async def main() -> None:
        world = World(seed)
        processes = [world.process(10) for _ in range(10)]
        calls = [[asyncio.create_task(each.call_until(20)) for _ in range(20)] for each in processes]
        await asyncio.sleep(10 + seed / 10)
        survivor = processes.pop()
        assert survivor.limiter.slots.held == 1
        for process, running in zip(processes, calls, strict=False):
            await process.kill(running)
        await asyncio.sleep(2)
        assert survivor.limiter.slots.held == 10
        await asyncio.wait(calls[-1])
        await world.aclose()

    virtually(main)


def test_a_request_that_runs_for_long_keeps_its_slot() -> None:
    async def main() -> World:
        world = World()
        one, two = world.process(2), world.process(2)
        running = asyncio.create_task(one.request(20))
        await asyncio.sleep(5)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(two.call_until(15))
        assert not running.done()
        await running
        await world.aclose()
        return world

    assert most_in_a_second(virtually(main).processes[1].arrivals) == 9


def test_a_process_that_stood_still_asks_anew_before_it_sends() -> None:
    async def main() -> list[int]:
        world = World()
        process = world.process()
        await process.request(0)
        assert world.round_trips == 1
        await process.request(0)  # within the lease
        assert world.round_trips == 1
        process.skipped += 5  # its clock goes on, and nothing else does
        async with process.limiter.slot(30):
            trips = [world.round_trips]
        await world.aclose()
        return trips

    assert virtually(main) == [2]


@pytest.mark.parametrize(("held_up", "may_leave"), [(0.0, True), (0.3, True), (0.9, False), (5.0, False)])
def test_a_request_that_was_held_up_after_it_got_its_slot_may_not_leave(held_up: float, may_leave: bool) -> None:  # noqa: FBT001
    async def main() -> bool:
        world = World()
        process = world.process()
        async with process.limiter.slot(30):
            process.skipped += held_up
            answer = process.limiter.may_leave()
        await world.aclose()
        return answer

    assert virtually(main) == may_leave


def test_a_lease_that_ended_while_its_answer_was_on_its_way_is_not_used() -> None:
    async def main() -> None:
        world = World()
        process = world.process()
        exchange = process.limiter._exchange

        async def late(*request: float) -> object:
            grant = await exchange(*request)  # type: ignore[arg-type]
            process.skipped += 5 * (world.round_trips == 1)
            return grant

        process.limiter._exchange = late  # type: ignore[assignment]
        await process.request(0)
        assert world.round_trips == 2
        await world.aclose()

    virtually(main)


def test_a_process_that_stood_still_while_it_asked_does_not_lease_slots_for_longer_than_slow_answers_take() -> None:
    async def main() -> list[float]:
        world = World()
        process = world.process()
        exchange, lasted = process.limiter._exchange, []

        async def late(*request: float) -> object:
            lasted.append(request[3])
            grant = await exchange(*request)  # type: ignore[arg-type]
            process.skipped += 60 * (len(lasted) == 1)
            return grant

        process.limiter._exchange = late  # type: ignore[assignment]
        await process.request(5)
        await world.aclose()
        return lasted

    lasted = virtually(main)
    assert len(lasted) > 2
    assert max(lasted) < 6


def test_a_lease_that_was_asked_for_after_a_slow_answer_is_used_no_longer_than_a_quick_one_needs() -> None:
    async def main() -> float:
        world = World()
        process = world.process()
        exchange, slow = process.limiter._exchange, [2.0]

        async def late(*request: float) -> object:
            await asyncio.sleep(slow.pop() if slow else 0)
            return await exchange(*request)  # type: ignore[arg-type]

        process.limiter._exchange = late  # type: ignore[assignment]
        await process.request(0)
        assert world.round_trips == 2
        lasts = process.limiter._usable_until - world.now
        await world.aclose()
        return lasts

    assert virtually(main) < LEASE - 1


def test_while_it_asks_a_process_takes_no_slot_that_it_did_not_call_busy() -> None:
    async def main() -> None:
        world = World()
        one, two = world.process(), world.process()
        exchange = one.limiter._exchange
        await one.request(0)
        assert one.limiter.slots.held == 5

        async def stuck(*request: float) -> object:
            grant = await exchange(*request)  # type: ignore[arg-type]
            await asyncio.sleep(0.2)
            return grant

        one.limiter._exchange = stuck  # type: ignore[assignment]
        asking = asyncio.create_task(one.limiter._ask())  # with one that is busy still
        await asyncio.sleep(0.05)
        request = asyncio.create_task(one.request(0))
        await asyncio.sleep(0.1)
        assert len(one.arrivals) == 1
        await asyncio.wait([asking, request])
        assert len(one.arrivals) == 2
        for process in (one, two):
            await process.limiter.aclose()

    virtually(main)


def test_a_database_that_takes_a_second_to_answer_is_waited_for() -> None:
    async def main() -> None:
        world = World()
        process = world.process()
        exchange = process.limiter._exchange

        async def slow(*request: float) -> object:
            await asyncio.sleep(1)
            return await exchange(*request)  # type: ignore[arg-type]

        process.limiter._exchange = slow  # type: ignore[assignment]
        async with asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(process.call_until(20))
        assert len(process.arrivals) > 60
        assert not process.limiter.is_divided
        await world.aclose()

    virtually(main)


def away(of: int, callers: int, begin: float = 10, end: float = 30) -> World:
    """Take the database away from processes that are busy, from `begin` to `end`, and then serve on for 20 seconds."""

    async def main() -> World:
        world = World()
        processes = [world.process(of) for _ in range(of)]
        calls = [asyncio.create_task(each.call_until(end + 20)) for each in processes for _ in range(callers)]
        await asyncio.sleep(begin)
        world.is_away = True
        await asyncio.sleep(end - begin)
        world.is_away, world.started_at = False, world.now
        await asyncio.wait(calls)
        await world.aclose()
        return world

    return virtually(main)


@pytest.mark.parametrize(("of", "rate"), [(1, 9.0), (3, 8.5), (6, 5.5), (10, 9.0)])
def test_without_the_database_each_uses_its_part_and_never_more(of: int, rate: float) -> None:
    world = away(of, 20 // of + 1)
    assert most_in_a_second(world.arrivals()) <= 10
    assert between(world.arrivals(), 10 + LEASE + 1, 30) >= rate * (20 - LEASE - 1)
    assert between(world.arrivals(), 35, 50) >= 8.5 * 15


def test_more_than_ten_processes_send_one_request_in_a_longer_time_without_the_database() -> None:
    world = away(20, 2)
    for process in world.processes:
        sent = [moment for moment in process.arrivals if 10 + LEASE + 1 < moment <= 30]
        assert most_in_a_second([moment / 2 for moment in sent]) == 1
    assert between(world.arrivals(), 10 + LEASE + 1, 30) >= 0.85 * 10 * (20 - LEASE - 1)


def test_when_the_database_is_back_nobody_takes_more_until_the_others_must_have_noticed() -> None:
    async def main() -> World:
        world = World()
        idle, busy = world.process(2), world.process(2)
        await idle.request(0)
        await asyncio.sleep(10)
        world.is_away = True
        calls = [asyncio.create_task(busy.call_until(40)) for _ in range(20)]
        await asyncio.sleep(10.1)
        world.is_away, world.started_at = False, world.now
        async with asyncio.TaskGroup() as tasks:  # the idle one is the first to see it
            for _ in range(20):
                tasks.create_task(idle.call_until(40))
        await asyncio.wait(calls)
        await world.aclose()
        return world

    world = virtually(main)
    assert most_in_a_second(world.arrivals()) <= 10
    assert most_in_a_second([moment for moment in world.processes[0].arrivals if 20 < moment < 23]) == 5


def test_a_connection_that_was_cut_while_it_was_idle_delays_nothing() -> None:
    async def main() -> float:
        world = World()
        process = world.process()
        await process.request(0)
        await asyncio.sleep(600)
        process.fail_next()
        begin = world.now
        await process.request(0)
        await world.aclose()
        return world.now - begin

    assert virtually(main) < 0.1


def test_an_idle_process_stops_asking_whether_the_database_is_back() -> None:
    async def main() -> None:
        world = World()
        process = world.process()
        world.is_away = True
        await process.request(0)
        await asyncio.sleep(90)
        trips = world.round_trips
        await asyncio.sleep(90)
        assert world.round_trips == trips
        world.is_away = False
        await process.request(0)
        assert not process.limiter.is_divided
        assert process.limiter.slots.held == 5
        await asyncio.sleep(LEASE)
        assert process.limiter.slots.held == 0
        await world.aclose()

    virtually(main)


def test_a_429_of_one_stops_all() -> None:
    async def main() -> World:
        world = World()
        processes = [world.process(2), world.process(2)]
        calls = [asyncio.create_task(each.call_until(20)) for each in processes for _ in range(10)]
        await asyncio.sleep(10)
        processes[0].limiter.observe(RateLimitHeaders(retry_after=5), refused=True)
        await asyncio.wait(calls)
        await world.aclose()
        return world

    arrivals = virtually(main).arrivals()
    assert between(arrivals, 10.8, 14.9) == 0
    assert between(arrivals, 15, 17) >= 15


def test_a_lower_limit_of_upstreams_is_the_limit_of_all() -> None:
    async def main() -> World:
        world = World()
        async with asyncio.TaskGroup() as tasks:
            for process in (world.process(2), world.process(2)):
                process.limiter.observe(RateLimitHeaders(limit=4), refused=False)
                for _ in range(10):
                    tasks.create_task(process.call_until(10))
        await world.aclose()
        return world

    assert most_in_a_second(virtually(main).arrivals()) == 4


def test_a_wait_that_would_be_too_long_is_refused() -> None:
    async def main() -> Process:
        world = World()
        process = world.process()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(400):
                tasks.create_task(process.request(0.01))
        await world.aclose()
        return process

    process = virtually(main)
    assert max(process.waits) <= 30
    assert 0 < process.refused < 120


def test_under_trio_it_is_as_if_the_database_were_away() -> None:
    async def never(*_: float) -> object:
        raise AssertionError

    async def main() -> float:
        limiter = SharedRateLimiter(never, 5, VIRTUAL)  # type: ignore[arg-type]
        for _ in range(5):
            async with limiter.slot(30):
                pass
        await limiter.aclose()
        return VIRTUAL.monotonic()

    assert virtually_in_trio(main) == pytest.approx(2)
