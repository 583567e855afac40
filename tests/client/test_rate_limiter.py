"""The rate limiter, in virtual time: what it lets through, in which order, how long it waits; and the headers."""

import random
from collections import deque
from datetime import UTC, datetime
from functools import partial

import anyio
import pytest
from hypothesis import given, strategies as st

from nomos_mcp.client import LocalRateLimitError
from nomos_mcp.client.rate_limiter import MAX_HOLD, MAX_RETRY_AFTER, REAL_TIME, RateLimiter, RateLimitHeaders, Timing
from tests.client.fake_time import VIRTUAL, WALL, virtually


def most_in_a_second(moments: list[float]) -> int:
    """Return how many moments the fullest window of one second holds."""
    window: deque[float] = deque()
    most = 0
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - 1 + 1e-9:
            window.popleft()
        most = max(most, len(window))
    return most


@given(per_second=st.integers(1, 12), calls=st.integers(1, 60), seed=st.integers())
def test_no_second_at_upstream_holds_more_than_the_limit(per_second: int, calls: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  delays, not secrets
    arrivals: list[float] = []

    async def main() -> None:
        limiter = RateLimiter(per_second, VIRTUAL)

        async def call() -> None:
            await anyio.sleep(dice.uniform(0, 2))
            async with limiter.slot(1e9):
                await anyio.sleep(dice.choice([0, 0.01, 0.4]) * dice.random())  # on its way there
                arrivals.append(VIRTUAL.monotonic())
                await anyio.sleep(dice.choice([0, 0.01, 0.4]) * dice.random())  # and back

        async with anyio.create_task_group() as group:
            for _ in range(calls):
                group.start_soon(call)

    try:
        virtually(main)
    except* LocalRateLimitError:
        pass  # the queue is bounded; what was sent is what counts
    assert most_in_a_second(arrivals) <= per_second


@pytest.mark.parametrize(("processes", "sent"), [(1, 30), (3, 27), (7, 21), (10, 30), (12, 36), (25, 50)])
def test_processes_that_divide_the_limit_keep_it_over_time_however_many_they_are(processes: int, sent: int) -> None:
    arrivals: list[float] = []

    async def call(limiter: RateLimiter) -> None:
        async with limiter.slot(60):
            arrivals.append(VIRTUAL.monotonic())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for limiter in [RateLimiter(10 / processes, VIRTUAL) for _ in range(processes)]:
                for _ in range(30 // processes + 2):
                    group.start_soon(call, limiter)
            await anyio.sleep(2.9)
            group.cancel_scope.cancel()

    virtually(main)
    assert len(arrivals) == sent
    window = max(1.0, processes / 10)
    assert most_in_a_second([moment / window for moment in arrivals]) <= 10 * window


def test_the_first_to_ask_is_the_first_to_go() -> None:
    gone: list[int] = []

    async def main() -> None:
        limiter = RateLimiter(3, VIRTUAL)

        async def call(number: int) -> None:
            async with limiter.slot(60):
                gone.append(number)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(call, number)
                await anyio.sleep(0.001)

    virtually(main)
    assert gone == list(range(20))


def test_a_token_request_goes_before_the_queue() -> None:
    gone: list[str] = []

    async def main() -> None:
        limiter = RateLimiter(1, VIRTUAL)

        async def call(name: str, *, urgent: bool) -> None:
            async with limiter.slot(60, urgent=urgent):
                gone.append(name)

        async with anyio.create_task_group() as group:
            for name in ("first", "second", "third"):
                group.start_soon(partial(call, name, urgent=False))
                await anyio.sleep(0.01)
            group.start_soon(partial(call, "token", urgent=True))

    virtually(main)
    assert gone == ["first", "token", "second", "third"]


def test_a_wait_past_the_patience_is_refused_at_once_and_says_how_long() -> None:
    async def main() -> tuple[float, float]:
        limiter = RateLimiter(2, VIRTUAL)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(_pass_through, limiter)
            await anyio.sleep(0.5)
            asked = VIRTUAL.monotonic()
            with pytest.raises(LocalRateLimitError, match="Try again in 4 seconds") as caught:
                async with limiter.slot(2):
                    pass
            waited = VIRTUAL.monotonic() - asked
        return caught.value.retry_after, waited

    retry_after, waited = virtually(main)
    assert retry_after == pytest.approx(3.5)
    assert waited == 0


async def test_whoever_is_late_gets_a_free_slot_and_is_not_told_of_others() -> None:
    limiter = RateLimiter(1, REAL_TIME)
    async with limiter.slot(-1):
        with pytest.raises(LocalRateLimitError):
            async with limiter.slot(-1):
                pass


async def _pass_through(limiter: RateLimiter) -> None:
    async with limiter.slot(60):
        pass


def test_a_wait_that_turns_out_longer_than_foreseen_ends_with_the_patience() -> None:
    async def main() -> float:
        limiter = RateLimiter(1, VIRTUAL)
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, limiter, 50)  # nobody can foresee when it ends
            await anyio.sleep(0.1)
            with pytest.raises(LocalRateLimitError):
                async with limiter.slot(10):
                    pass
            waited = VIRTUAL.monotonic()
            group.cancel_scope.cancel()
        return waited

    started_at = 0.0
    assert virtually(main) - started_at == pytest.approx(10.1)


async def _hold(limiter: RateLimiter, seconds: float) -> None:
    async with limiter.slot(60):
        await anyio.sleep(seconds)


def test_whoever_stops_waiting_leaves_nothing_behind() -> None:
    async def main() -> float:
        limiter = RateLimiter(1, VIRTUAL)
        begin = VIRTUAL.monotonic()
        await _pass_through(limiter)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(_pass_through, limiter)
            await anyio.sleep(0.5)
            group.cancel_scope.cancel()
        await _pass_through(limiter)
        return VIRTUAL.monotonic() - begin

    assert virtually(main) == pytest.approx(1)


async def test_the_limiter_runs_on_asyncio_too() -> None:
    slept: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    limiter = RateLimiter(2, Timing(monotonic=lambda: now, sleep=sleep))
    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(_pass_through, limiter)
    assert slept == [1, 1]


def waits_after(*hints: RateLimitHeaders, refused: bool = False, per_second: int = 10, calls: int = 1) -> float:
    """Return how long the last of some calls waits after answers that said this."""

    async def main() -> float:
        limiter = RateLimiter(per_second, VIRTUAL)
        for hint in hints:
            limiter.observe(hint, refused=refused)
        begin = VIRTUAL.monotonic()
        for _ in range(calls):
            await _pass_through(limiter)
        return VIRTUAL.monotonic() - begin

    return virtually(main)


@pytest.mark.parametrize(
    ("hints", "waits"),
    [
        (RateLimitHeaders(), 0),
        (RateLimitHeaders(remaining=0, reset=7), 7),
        (RateLimitHeaders(remaining=1, reset=7), 0),
        (RateLimitHeaders(remaining=0), 0),
        (RateLimitHeaders(remaining=0, reset=1e9), MAX_HOLD),
    ],
)
def test_what_upstream_says_is_left_is_believed(hints: RateLimitHeaders, waits: float) -> None:
    if waits > 30:
        with pytest.raises(LocalRateLimitError) as caught:
            waits_after(hints)
        assert caught.value.retry_after == pytest.approx(waits)
    else:
        assert waits_after(hints) == pytest.approx(waits)


def test_no_more_go_than_upstream_says_are_left() -> None:
    told = RateLimitHeaders(limit=10, remaining=3, reset=5)
    assert waits_after(told, calls=3) == 0
    assert waits_after(told, calls=4) == pytest.approx(5)


def test_answers_that_overtake_each_other_do_not_raise_what_is_left() -> None:
    assert waits_after(
        RateLimitHeaders(remaining=1, reset=5), RateLimitHeaders(remaining=8, reset=5), calls=2
    ) == pytest.approx(5)


def test_a_lower_limit_of_upstreams_is_taken_over_and_a_higher_one_is_not() -> None:
    assert waits_after(RateLimitHeaders(limit=1), calls=3) == pytest.approx(2)
    assert waits_after(RateLimitHeaders(limit=100), calls=11) == pytest.approx(1)


@pytest.mark.parametrize(
    ("hints", "waits"),
    [
        (RateLimitHeaders(), 1),
        (RateLimitHeaders(reset=4), 4),
        (RateLimitHeaders(retry_after=20, reset=4), 20),
        (RateLimitHeaders(retry_after=0), 0),
    ],
)
def test_a_429_stops_every_call_for_as_long_as_it_says(hints: RateLimitHeaders, waits: float) -> None:
    assert waits_after(hints, refused=True) == pytest.approx(waits)


@pytest.mark.parametrize("asked", [str(365 * 24 * 3600), "9" * 12, "Mon, 15 Jun 2099 10:00:00 GMT"])
def test_a_429_that_asks_for_ages_stops_calls_for_a_minute_at_most(asked: str) -> None:
    async def main() -> list[float]:
        limiter = RateLimiter(10, VIRTUAL)
        begin = VIRTUAL.monotonic()
        limiter.observe(RateLimitHeaders.parse({"retry-after": asked}, WALL), refused=True)
        waits = []
        for pause in (0, 20):
            await VIRTUAL.sleep(pause)
            with pytest.raises(LocalRateLimitError) as caught:
                await _pass_through(limiter)
            waits.append(caught.value.retry_after)
        await VIRTUAL.sleep(20)
        await _pass_through(limiter)
        return [*waits, VIRTUAL.monotonic() - begin]

    assert virtually(main) == pytest.approx([60, 40, 60])


NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        (" 1.5 ", 1.5),
        ("31536000", MAX_RETRY_AFTER),
        ("9" * 400, None),
        ("Mon, 15 Jun 2026 10:00:20 GMT", 20),
        ("Mon, 15 Jun 2026 10:00:20 -0000", 20),
        ("Mon, 15 Jun 2026 09:00:00 GMT", 0),
        ("Tue, 15 Jun 2027 10:00:00 GMT", MAX_RETRY_AFTER),
        ("Mon, 99 Jun 2026 10:00:20 GMT", None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(text: str, seconds: float | None) -> None:
    assert RateLimitHeaders.parse({"retry-after": text}, NOW).retry_after == seconds


def test_a_date_is_counted_from_the_answers_own_date() -> None:
    headers = {"retry-after": "Mon, 15 Jun 2020 10:00:20 GMT", "date": "Mon, 15 Jun 2020 10:00:00 GMT"}
    assert RateLimitHeaders.parse(headers, NOW).retry_after == 20


def test_a_reset_in_a_year_is_capped_too() -> None:
    assert RateLimitHeaders.parse({"ratelimit-reset": "31536000"}, NOW).reset == MAX_RETRY_AFTER


def test_absent_headers_say_nothing() -> None:
    assert RateLimitHeaders.parse({}, NOW) == RateLimitHeaders()


def test_the_ratelimit_headers_are_read_with_and_without_a_policy() -> None:
    headers = {"ratelimit-limit": "10, 10;w=1", "ratelimit-remaining": "3", "ratelimit-reset": "1"}
    assert RateLimitHeaders.parse(headers, NOW) == RateLimitHeaders(limit=10, remaining=3, reset=1)
