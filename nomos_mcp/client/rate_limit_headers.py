"""What the headers of a response say about the rate limit: `ratelimit-*` and `Retry-After`. All of them may be absent.

Source: the vendor's documentation; `Retry-After` may be a date (RFC 9110), `ratelimit-limit` may carry more after its
number (the IETF draft).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

from nomos_mcp.client.constants import MAX_RETRY_AFTER

_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)(?![\d.])")


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What a response said; None where it said nothing that can be read.

    Attributes:
        limit: Requests in a window.
        remaining: How many of them are left.
        reset: Seconds until the window ends, at most an hour.
        retry_after: Seconds to wait before a retry, at most an hour.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None

    @classmethod
    def parse(cls, headers: Mapping[str, str], now: datetime) -> Self:
        """Read the headers.

        Args:
            headers: By lower-case name.
            now: The date, for a `Retry-After` that is one. The response's own `Date` takes precedence: two readings of
                one clock differ by the right amount however wrong that clock, or ours, is.
        """
        limit, remaining = _number(headers.get("ratelimit-limit")), _number(headers.get("ratelimit-remaining"))
        retry_after = _number(headers.get("retry-after"))
        if retry_after is None and (until := http_date(headers.get("retry-after"))) is not None:
            retry_after = max(0.0, (until - (http_date(headers.get("date")) or now)).total_seconds())
        return cls(
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            reset=_capped(_number(headers.get("ratelimit-reset"))),
            retry_after=_capped(retry_after),
        )


def http_date(text: str | None) -> datetime | None:
    """Parse a date as HTTP writes it; None if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER)


def _number(text: str | None) -> float | None:
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None
