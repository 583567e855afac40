"""The headers about the rate limit, as they come and as they should not."""

from datetime import UTC, datetime

import pytest

from nomos_mcp.client.constants import MAX_RETRY_AFTER
from nomos_mcp.client.rate_limit_headers import RateLimitHeaders

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
