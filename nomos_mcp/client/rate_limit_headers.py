"""What the headers of an answer say about the rate limit: `ratelimit-*` and `Retry-After`. All of them may be absent.

Source: the vendor's documentation; `Retry-After` may be a date (RFC 9110), `ratelimit-limit` may carry more after its
number (the IETF draft).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nomos_mcp.client.constants import MAX_TOLD_WAIT

_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)(?![\d.])")


@dataclass(frozen=True, slots=True)
class RateHints:
    """What an answer said; None where it said nothing that can be read.

    Attributes:
        limit: Requests in a window.
        remaining: How many of them are left.
        reset: Seconds until the window ends, at most an hour.
        retry_after: Seconds to wait before a repeat, at most an hour.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None


def rate_hints(headers: Mapping[str, str], now: datetime) -> RateHints:
    """Read the headers.

    Args:
        headers: By lower-case name.
        now: The date, for a `Retry-After` that is one. The answer's own `Date` goes before it: two readings of one
            clock differ by the right amount however wrong that clock, or ours, is.
    """
    limit, remaining = _number(headers.get("ratelimit-limit")), _number(headers.get("ratelimit-remaining"))
    asked = headers.get("retry-after")
    wait = _number(asked)
    if wait is None and (until := date_of(asked)) is not None:
        wait = max(0.0, (until - (date_of(headers.get("date")) or now)).total_seconds())
    return RateHints(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset=_capped(_number(headers.get("ratelimit-reset"))),
        retry_after=_capped(wait),
    )


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_TOLD_WAIT)


def _number(text: str | None) -> float | None:
    found = _NUMBER.match(text or "")
    return float(found[1]) if found else None


def date_of(text: str | None) -> datetime | None:
    """Read a date as HTTP writes it; None if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
