"""The facts of a text: IDs, statuses, dates and amounts, found by matching, in English and German.

The words for them lie in `words.toml`. `evals/invented.py` compares what an answer says with what was read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from evals.words import WORDS
from nomos_mcp.lifecycle import CURIE, EDISON
from nomos_mcp.lifecycle.statuses import BLOCKED_REASONS, CANCELLED_REASONS, STATUSES

_BERLIN: Final = ZoneInfo("Europe/Berlin")


class Period(NamedTuple):
    """The days that words such as "tomorrow" and "next week" mean, counted from today or from this week's Monday."""

    first: int
    last: int
    from_monday: bool = False


_WORDS: Final[Mapping[str, Any]] = WORDS["facts"]
ID: Final = re.compile(r"\b(?:prdo|prod|sub|cus|evt|pln|prd|mtr|adr|pm)_[A-Za-z0-9]+|\b[A-Z]{2,}[0-9]{3,}\b")
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s<>()\[\]{}`*\"',;]+\w")
_MONTHS: Final = {name: number for number, names in enumerate(_WORDS["months"], start=1) for name in names}
_MONTH: Final = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
MARKER: Final = re.compile(  # of a list, and what else is no figure
    rf"^\s*(?:\**\d+[.)](?! {_MONTH})\**|#+|[-*])\s|\(\d\)\s|\b1:1\b|\b1-to-1\b", re.MULTILINE | re.IGNORECASE
)
_UTC: Final = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z")
_ISO: Final = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?:[T ](?=\d\d:))?")
_TIME: Final = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::\d\d)?(?: ?([ap])\.?m\b\.?)?", re.IGNORECASE)
_TIME_UHR: Final = re.compile(r"\b([01]?\d|2[0-3])\.([0-5]\d) ?Uhr()\b")
_HOUR: Final = re.compile(r"\b([01]?\d|2[0-3]) ?(?:([ap])\.?m\b\.?|Uhr\b|o['\u2019]clock\b)", re.IGNORECASE)
_DOTTED: Final = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4}|\d\d\b)?(?!\d)")
_DOTTED_OPEN: Final = re.compile(r"(?<=m |n |s |t |b )(\d{1,2})\.(\d{1,2})\b(?![.,]?\d)()")  # am 27.06
_SLASHED: Final = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)\b")
_DAY_MONTH: Final = re.compile(rf"\b(\d{{1,2}})(?:\.|st|nd|rd|th)? (?:of )?{_MONTH}(?:,? (\d{{4}}))?", re.IGNORECASE)
_MONTH_DAY: Final = re.compile(rf"\b{_MONTH} (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_AND_DAY: Final = r"\.?(?:st|nd|rd|th)? ?(?:and|und|to|bis|or|oder|[-\u2013/&]) ?(?:the |dem |den |zum )?"
_FIRST_OF_TWO: Final = (  # the 8th and 9th of June, 8./9. Juni, 8. bis 9.6.
    re.compile(rf"\b(\d{{1,2}}){_AND_DAY}(?=\d{{1,2}}(?:\.|st|nd|rd|th)? (?:of )?{_MONTH})", re.IGNORECASE),
    re.compile(rf"(?<![\d.])(\d{{1,2}}){_AND_DAY}(?=\d{{1,2}}\.(\d{{1,2}})\.)", re.IGNORECASE),
)
_SECOND_OF_TWO: Final = re.compile(  # June 8 and 9
    rf"\b{_MONTH} (?=\d{{1,2}}{_AND_DAY}(\d{{1,2}})\b)(\d{{1,2}}){_AND_DAY}\d{{1,2}}\b", re.IGNORECASE
)
_MONTH_ALONE: Final = re.compile(
    rf"\b(?:in|by|until|till|since|early|late|mid|of|im|bis|seit|anfang|mitte|ende)[ -]{_MONTH}(?: \d{{4}})?",
    re.IGNORECASE,
)
_MONTH_NAME: Final = re.compile(  # those that are no other word
    r"\b(January|February|March|April|June|July|August|September|October|November|December"
    r"|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember)\b(?: \d{4})?"
)
_WEEKDAYS: Final = {name: number for number, names in enumerate(_WORDS["weekdays"]) for name in names}
_WEEKDAY: Final = "(" + "|".join(_WEEKDAYS) + ")"
_WEEKDAY_OF_DAY: Final = re.compile(
    rf"\b{_WEEKDAY},? (?:the |dem |den |am |on )?<(\d+)>"
    rf"|<(\d+)>,? \(?(?:which )?(?:is |was |ist |war )?(?:a |ein )?{_WEEKDAY}\b",
    re.IGNORECASE,
)
_WEEKDAY_ALONE: Final = re.compile(rf"\b{_WEEKDAY}s?\b", re.IGNORECASE)
PERIODS: Final[dict[str, Period]] = {said: Period(*rest) for said, *rest in _WORDS["periods"]}
_PERIOD: Final = re.compile("|".join(rf"(\b(?:{said})\b)" for said in PERIODS), re.IGNORECASE)
_VAGUE: Final = re.compile(rf"\b({'|'.join(_WORDS['vague'])})\b", re.IGNORECASE)
_UNITS: Final[dict[str, str]] = _WORDS["units"]
_NUMBERS: Final = {word: number for number, words in enumerate(_WORDS["numbers"]) for word in words}
_SINGULAR: Final = 2  # up to here a word is more often an article, or "both"
_ABOUT: Final = rf"(?:(?:{'|'.join(_WORDS['about'])}) )*"
_AMOUNT: Final = re.compile(
    rf"(?:\b(in|within|binnen|innerhalb von|vor|seit|for|since) {_ABOUT})?"
    rf"(?<![\w.,])(\d[\d.,]*|{'|'.join(_NUMBERS)})[ -]?({'|'.join(f'(?:{unit})' for unit in _UNITS.values())})(?!\w)"
    r"( ago| old| alt)?",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?<![\w.,<])\d+(?:[.,]\d+)*(?![\w>])")
_NUMBER_WORD: Final = re.compile(rf"\b({'|'.join(_NUMBERS)})\b", re.IGNORECASE)
STATUS_WORDS: Final = frozenset(chain(STATUSES[CURIE], STATUSES[EDISON], BLOCKED_REASONS, CANCELLED_REASONS))
_QUOTED: Final = re.compile("[`\"'\u201c\u201e\u2018\u201a]([a-z_]+)[`\"'\u201c\u201d\u2019\u2018]")

T = TypeVar("T")
Day = tuple[int | None, int, int]  # year if it is said, month, day


class Amount(NamedTuple):
    """A number with a unit, and whether it is said of what was ("ago", "seit") or of what will be ("in", "within")."""

    number: float
    unit: str
    direction: int = 0  # -1 what was, 1 what will be, 0 neither


@dataclass(slots=True)
class Facts:
    """What a text says that can be true or invented.

    Attributes:
        ids: IDs of objects, and contract numbers.
        addresses: E-mail addresses and those of pages.
        statuses: Statuses and reasons of either vocabulary; everyday words only where they are quoted.
        days: Dates.
        months: Months that are named without a day.
        weekdays: From 0, Monday, where no date stands beside it.
        weekdays_of: Weekdays that are said of a date.
        periods: Words such as "tomorrow" and "next week", as days from today, first and last, or from this Monday.
        vague: Words that promise without a number: "soon", "in a few days".
        times: Times of day, as HH:MM.
        amounts: Numbers with a unit.
        numbers: The other numbers; of those in words the ones from three on.
    """

    ids: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    statuses: set[str] = field(default_factory=set)
    days: set[Day] = field(default_factory=set)
    months: set[int] = field(default_factory=set)
    weekdays: set[int] = field(default_factory=set)
    weekdays_of: set[tuple[int, Day]] = field(default_factory=set)
    periods: set[str] = field(default_factory=set)
    vague: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    amounts: set[Amount] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)


def facts_of(text: str) -> Facts:
    """Find the facts of a text. What was found is taken out of it before the next kind is looked for."""
    found = Facts()
    found.addresses, text = _taken(_ADDRESS, text, lambda match: match[0].lower())
    found.ids, text = _taken(ID, text, lambda match: match[0])
    found.statuses = {word for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text) if word in STATUS_WORDS}
    found.statuses |= {word for word in _QUOTED.findall(text) if word in STATUS_WORDS}
    for match in _UTC.finditer(text):  # may be told by the customer's clock
        local = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).astimezone(_BERLIN)
        found.days.add((local.year, local.month, local.day))
        found.times.add(f"{local:%H:%M}")
    text = MARKER.sub(" ", text)
    days: list[Day] = []
    text = _marked(_ISO, text, days, lambda match: (int(match[1]), int(match[2]), int(match[3])))
    for pattern in (_TIME, _TIME_UHR):
        times, text = _taken(pattern, text, lambda match: _time(match[1], match[2], match[3]))
        found.times |= times
    times, text = _taken(_HOUR, text, lambda match: _time(match[1], "00", match[2]))
    found.times |= times
    text = _marked(_FIRST_OF_TWO[0], text, days, lambda match: (None, _MONTHS[match[2].lower()], int(match[1])))
    text = _marked(_FIRST_OF_TWO[1], text, days, lambda match: (None, int(match[2]), int(match[1])))
    days += [(None, _MONTHS[match[1].lower()], int(match[2])) for match in _SECOND_OF_TWO.finditer(text)]
    text = _SECOND_OF_TWO.sub(r"\1 \3", text)
    for pattern, read in (
        (_DOTTED, lambda match: (_year(match[3]), int(match[2]), int(match[1]))),
        (_DOTTED_OPEN, lambda match: (None, int(match[2]), int(match[1]))),
        (_SLASHED, lambda match: _slashed(int(match[1]), int(match[2]), match[3])),
        (_DAY_MONTH, lambda match: (_year(match[3]), _MONTHS[match[2].lower()], int(match[1]))),
        (_MONTH_DAY, lambda match: (_year(match[3]), _MONTHS[match[1].lower()], int(match[2]))),
    ):
        text = _marked(pattern, text, days, read)
    found.days |= set(days)
    for pattern in (_MONTH_ALONE, _MONTH_NAME):
        months, text = _taken(pattern, text, lambda match: _MONTHS[match[1].lower()])
        found.months |= months
    found.weekdays_of, text = _taken(
        _WEEKDAY_OF_DAY,
        text,
        lambda match: (_WEEKDAYS[(match[1] or match[4]).lower()], days[int(match[2] or match[3])]),
    )
    found.weekdays, text = _taken(_WEEKDAY_ALONE, text, lambda match: _WEEKDAYS[match[1].lower()])
    found.periods, text = _taken(_PERIOD, text, lambda match: list(PERIODS)[(match.lastindex or 1) - 1])
    found.vague = {match[1].lower() for match in _VAGUE.finditer(text)}
    found.amounts, text = _taken(_AMOUNT, text, _amount)
    found.numbers = {_number(match[0]) for match in _NUMBER.finditer(text)}
    found.numbers |= {number for word in _NUMBER_WORD.findall(text) if (number := _number(word)) > _SINGULAR}
    return found


def _taken(pattern: re.Pattern[str], text: str, read: Callable[[re.Match[str]], T]) -> tuple[set[T], str]:
    return {read(match) for match in pattern.finditer(text)}, pattern.sub(" ", text)


def _marked(pattern: re.Pattern[str], text: str, days: list[Day], read: Callable[[re.Match[str]], Day]) -> str:
    """Take dates out of a text and leave their number in the list, so that what stands beside them can be found."""

    def mark(match: re.Match[str]) -> str:
        days.append(read(match))
        return f" <{len(days) - 1}> "

    return re.sub(" +", " ", pattern.sub(mark, text))


def _year(text: str | None) -> int | None:
    return None if not text else 2000 + int(text) if len(text) == len("26") else int(text)


def _slashed(first: int, second: int, year: str) -> Day:
    """Read 27/06/2026 and 06/27/2026; where both are possible, the day comes first."""
    return (_year(year), first, second) if second > max(_MONTHS.values()) else (_year(year), second, first)


def _time(hour: str, minute: str, half: str | None) -> str:
    return f"{int(hour) % 12 + 12 * (half.lower() == 'p') if half else int(hour):02}:{minute}"


def _amount(match: re.Match[str]) -> Amount:
    before, number, unit, after = match.groups()
    direction = 0
    if after or (before or "").lower() in {"vor", "seit", "for", "since"}:
        direction = -1
    elif before:
        direction = 1
    return Amount(_number(number), _unit(unit), direction)


def _number(text: str) -> float:
    """Read a number in English or in German: a point or comma before three digits at the end separates thousands."""
    if (word := _NUMBERS.get(text.lower())) is not None:
        return float(word)
    plain = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", text.rstrip(".,"))
    return float(plain.replace(",", ".")) if plain.count(",") + plain.count(".") <= 1 else float("nan")


def _unit(text: str) -> str:
    return next(name for name, pattern in _UNITS.items() if re.fullmatch(pattern, text, re.IGNORECASE))
