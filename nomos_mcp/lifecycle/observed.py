"""What an operator's own history adds to an order's fields: how often it was blocked, and how long its step took."""

from dataclasses import dataclass
from datetime import datetime

from nomos_mcp.lifecycle.catalogue import Catalogue
from nomos_mcp.lifecycle.order_state import berlin_beginning, berlin_date


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTook:
    """How long a step, or a block, took other orders: whole days.

    Attributes:
        cases: How many orders, or blocks, this was seen in; those that still wait are among them.
        least: Within which a tenth of them finished.
        median: Half of them.
        most: Nine tenths; None if so many have not finished.
    """

    cases: int
    least: int
    median: int
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was observed beside an order's fields.

    Attributes:
        times_blocked: How many blocks of this order were seen, the present one among them.
        blocked_between: The two looks between which the present block began; None if it was not seen to begin.
        took: How long the step that it is in took; of a block if it is blocked. For support staff only.
    """

    times_blocked: int = 0
    blocked_between: tuple[datetime, datetime] | None = None
    took: StepTook | None = None


def for_which_time(times: int, words: Catalogue) -> str | None:
    """Say that an order is blocked again, such as "for the second time"; None if it is not known to be."""
    say = words.observed
    if times < 2:  # noqa: PLR2004  the first time is no news
        return None
    return say.nth[times - 2] if times - 2 < len(say.nth) else say.many.format(count=times)


def began_between(looks: tuple[datetime, datetime], words: Catalogue) -> str:
    """Say between which days something began, such as "between 11 Jun and 12 Jun 2026", or on which."""
    first, last = looks
    after, by = berlin_beginning(first, last, words), berlin_date(last, words)
    return by if after == by else words.observed.between.format(after=after, by=by)


def took_sentence(took: StepTook, words: Catalogue, *, of_block: bool) -> str:
    """Say how long a step, or a block, took."""
    say = words.observed
    if took.most is None:
        template, span = (say.block_half if of_block else say.step_half), _days(took.median, words)
    else:
        template = say.block if of_block else say.step
        span = say.span.format(least=took.least, most=took.most)
        span = _days(took.most, words) if took.least == took.most else span
    return template.format(count=took.cases, span=span, median=took.median)


def _days(days: int, words: Catalogue) -> str:
    return words.observed.day if days == 1 else words.observed.days.format(days=days)
