"""UTC in, words about time out: Europe/Berlin with its zone, ages in whole days, and the one published target.

It is told what time it is, and how the language writes it.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from nomos_mcp.lifecycle.catalogue import Catalogue

TARGET: Final = timedelta(weeks=8)
"""Published target from order to installed meter ("about eight weeks"): the whole way, no single step."""

_BERLIN: Final = ZoneInfo("Europe/Berlin")


def berlin_moment(moment: datetime, words: Catalogue) -> str:
    """A moment for people, such as "12 Nov 2026, 10:30 CET".

    Args:
        moment: an aware time.
        words: the language's catalogue.
    """
    local = moment.astimezone(_BERLIN)
    zone = words.format.zones["CEST" if local.dst() else "CET"]
    return words.format.moment.format(date=_date(local, words), time=f"{local:%H:%M}", zone=zone)


def berlin_date(moment: datetime, words: Catalogue) -> str:
    """The day in Berlin, such as "12 Nov 2026"."""
    return _date(moment.astimezone(_BERLIN), words)


def age(moment: datetime, now: datetime, words: Catalogue) -> str:
    """The whole days that have passed since `moment` or remain until it, such as "8 days ago"."""
    elapsed = now - moment
    days = abs(elapsed).days
    ago = elapsed >= timedelta(0)
    if days == 0:
        return words.age.ago_none if ago else words.age.ahead_none
    if days == 1:
        return words.age.ago_one if ago else words.age.ahead_one
    return (words.age.ago_many if ago else words.age.ahead_many).format(days=days)


def _date(local: datetime, words: Catalogue) -> str:
    # Not strftime: month names would follow the locale of the process instead of the language asked for.
    month = words.format.months[local.month - 1]
    return words.format.date.format(day=local.day, month=month, year=local.year)
