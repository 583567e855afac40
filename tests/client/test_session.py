"""Repeats: of what, how often, and after which pause. In virtual time, against an application that fails on purpose."""

import json
from dataclasses import replace

import pytest

from nomos_mcp.client import (
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    CertificateError,
    CredentialsError,
    InternalServerError,
    LocalRateLimitError,
    NomosClient,
    NomosError,
    RateLimitError,
    UnreadableResponseError,
    VersionMismatchError,
)
from nomos_mcp.client.rate_limiter import REAL_TIME
from nomos_mcp.client.session import BACKOFF_CAP, is_transient, pause_before_retry
from tests.client.fake_time import VIRTUAL, SkippingTime, virtually
from tests.client.fake_upstream import answering
from tests.client.faults.wire_server import ORDER


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (RateLimitError(429), True),
        (InternalServerError(503), True),
        (APIConnectionError("x"), True),
        (APITimeoutError("x"), True),
        (CertificateError("x"), False),
        (BadRequestError(400), False),
        (LocalRateLimitError(1), False),
        (CredentialsError("x"), False),
        (UnreadableResponseError("x", status_code=200), False),
        (VersionMismatchError("a", "b"), False),
    ],
)
def test_only_what_may_pass_by_itself_is_repeated(error: NomosError, *, may_pass: bool) -> None:
    assert is_transient(error) is may_pass


def test_the_pause_doubles_up_to_a_cap_and_adds_to_what_upstream_asks() -> None:
    pauses = [pause_before_retry(InternalServerError(500), attempt, VIRTUAL) for attempt in (1, 2, 3, 9, 5000)]
    assert pauses == [0.5, 1, 2, BACKOFF_CAP, BACKOFF_CAP]
    assert pause_before_retry(RateLimitError(429, retry_after=30), 1, VIRTUAL) == 30.5


def test_the_jitter_is_full() -> None:
    pauses = [pause_before_retry(InternalServerError(500), 1, REAL_TIME) for _ in range(200)]
    assert 0 <= min(pauses) < 0.1
    assert 0.4 < max(pauses) <= 0.5


def test_a_read_that_succeeds_at_last_returns_its_answer() -> None:
    app, asked = answering((500, b""), (503, b""), (200, json.dumps(ORDER).encode()))

    async def main() -> tuple[str, float]:
        begin = VIRTUAL.monotonic()
        async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=app, timing=VIRTUAL) as client:
            order = await client.meter_orders.get("prdo_1")
        return order.id, VIRTUAL.monotonic() - begin

    order_id, waited = virtually(main)
    assert order_id == "prdo_1"
    assert waited == pytest.approx(1.5)
    assert len(asked) == 3


def test_a_pause_that_would_pass_the_deadline_is_not_begun() -> None:
    app, asked = answering((500, b""))

    async def main() -> float:
        begin = VIRTUAL.monotonic()
        async with NomosClient(
            access_token="t", base_url="http://127.0.0.1", app=app, timing=VIRTUAL, timeout=1.2
        ) as client:
            with pytest.raises(InternalServerError):
                await client.meter_orders.get("prdo_1")
        return VIRTUAL.monotonic() - begin

    assert virtually(main) == pytest.approx(0.5)
    assert len(asked) == 2


async def test_a_pause_that_took_longer_than_meant_ends_with_the_failure_before_it() -> None:
    app, asked = answering((500, b""))
    timing = SkippingTime().timing
    overslept = replace(timing, sleep=lambda seconds: timing.sleep(seconds + 60))
    async with NomosClient(access_token="t", base_url="http://127.0.0.1", app=app, timing=overslept) as client:
        with pytest.raises(InternalServerError):
            await client.meter_orders.get("prdo_1")
    assert len(asked) == 1
