"""The facts of a text: IDs, statuses, dates and amounts, found by matching, in English and German."""

import re
from collections.abc import Callable, Iterator, Sequence, Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Final, TypeVar

from nomos_mcp.lifecycle import CURIE, EDISON
from nomos_mcp.lifecycle.statuses import BLOCKED_REASONS, STATUSES

_ID: Final = re.compile(r"\b(?:prdo|prod|sub|cus|evt|pln|prd|mtr|adr|pm)_[A-Za-z0-9]+")
_ADDRESS: Final = re.compile(r"\S+@\S+|https?://\S+")
_MARKER: Final = re.compile(r"^\s*(?:\d+[.)]|#+|[-*])\s", re.MULTILINE)
_TIME: Final = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::\d\d)?")
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan", "januar"),
            ("february", "feb", "februar"),
            ("march", "mar", "märz", "mär"),
            ("april", "apr"),
            ("may", "mai"),
            ("june", "jun", "juni"),
            ("july", "jul", "juli"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct", "oktober", "okt"),
            ("november", "nov"),
            ("december", "dec", "dezember", "dez"),
        ),
        start=1,
    )
    for name in names
}
_MONTH: Final = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_ISO: Final = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?:[T ](?=\d\d:))?")
_DOTTED: Final = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})?(?!\d)")
_DAY_MONTH: Final = re.compile(rf"\b(\d{{1,2}})(?:\.|st|nd|rd|th)? (?:of )?{_MONTH}(?:,? (\d{{4}}))?", re.IGNORECASE)
_MONTH_DAY: Final = re.compile(rf"\b{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", re.IGNORECASE)
_MONTH_ALONE: Final = re.compile(
    rf"\b(?:in|by|until|till|since|early|late|mid|of|im|bis|seit|anfang|mitte|ende)[ -]{_MONTH}(?: \d{{4}})?",
    re.IGNORECASE,
)
_WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "montag"),
            ("tuesday", "dienstag"),
            ("wednesday", "mittwoch"),
            ("thursday", "donnerstag"),
            ("friday", "freitag"),
            ("saturday", "samstag", "sonnabend"),
            ("sunday", "sonntag"),
        )
    )
    for name in names
}
_WEEKDAY: Final = re.compile(r"\b(" + "|".join(_WEEKDAYS) + r")s?\b", re.IGNORECASE)
_RELATIVE: Final = re.compile(
    r"\b(tomorrow|next (?:week|month)|(?<!guten )morgen|übermorgen|(?:nächste|kommende)[nrs]? (?:woche|monat))\b"
)
_UNITS: Final = {
    "hour": "hours?|stunden?|h",
    "minute": "minutes?|minuten?",
    "day": "(?:working |business |calendar )?days?|(?:arbeits|werk|kalender)?tag(?:en?)?",
    "week": "weeks?|wochen?",
    "month": "months?|monat(?:en?)?",
    "year": "years?|jahr(?:en?)?",
    "euro": "euros?|eur|€",
    "percent": "percent|prozent|%",
    "kwh": "kwh",
}
_WORDS: Final = {
    word: number
    for number, words in enumerate(
        (
            (),
            ("one", "ein", "eine", "einen", "einem", "einer"),
            ("two", "zwei"),
            ("three", "drei"),
            ("four", "vier"),
            ("five", "fünf"),
            ("six", "sechs"),
            ("seven", "sieben"),
            ("eight", "acht"),
            ("nine", "neun"),
            ("ten", "zehn"),
            ("eleven", "elf"),
            ("twelve", "zwölf"),
        )
    )
    for word in words
}
_AMOUNT: Final = re.compile(
    rf"(?<![\w.,])(\d[\d.,]*|{'|'.join(_WORDS)})[ -]?({'|'.join(f'(?:{unit})' for unit in _UNITS.values())})(?!\w)",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
_STATUS_WORDS: Final = frozenset(chain(STATUSES[CURIE], STATUSES[EDISON], BLOCKED_REASONS))
_LISTED: Final = re.compile(r"(?:[:,;→\"] ?|\bstatus )([a-z]+)(?=[\",.;]| \(| →)")  # created (Order accepted) → placed
_QUOTED: Final = re.compile("[`\"'\u201c\u201e\u2018\u201a]([a-z_]+)[`\"'\u201c\u201d\u2019\u2018]")

T = TypeVar("T")
Day = tuple[int | None, int, int]  # year if it is said, month, day
Amount = tuple[float, str]  # number, unit


@dataclass(slots=True)
class Facts:
    """What a text says that can be true or invented.

    Attributes:
        ids: IDs of objects.
        statuses: Statuses and reasons of either vocabulary; everyday words only where they are quoted.
        days: Dates.
        months: Months that are named without a day.
        weekdays: From 0, Monday.
        relative: Words such as "tomorrow".
        times: Times of day, as HH:MM.
        amounts: Numbers with a unit.
        numbers: The other numbers.
    """

    ids: set[str] = field(default_factory=set)
    statuses: set[str] = field(default_factory=set)
    days: set[Day] = field(default_factory=set)
    months: set[int] = field(default_factory=set)
    weekdays: set[int] = field(default_factory=set)
    relative: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    amounts: set[Amount] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)


def facts_of(text: str) -> Facts:
    """Find the facts of a text. What was found is taken out of it before the next kind is looked for."""
    found = Facts()
    found.ids, text = _taken(_ID, text, lambda match: match[0])
    found.statuses = {word for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text) if word in _STATUS_WORDS}
    found.statuses |= {word for word in _QUOTED.findall(text) if word in _STATUS_WORDS}
    text = _ADDRESS.sub(" ", _MARKER.sub(" ", text))
    for pattern, read in (
        (_ISO, lambda match: (int(match[1]), int(match[2]), int(match[3]))),
        (_DOTTED, lambda match: (_year(match[3]), int(match[2]), int(match[1]))),
        (_DAY_MONTH, lambda match: (_year(match[3]), _MONTHS[match[2].lower()], int(match[1]))),
        (_MONTH_DAY, lambda match: (_year(match[3]), _MONTHS[match[1].lower()], int(match[2]))),
    ):
        days, text = _taken(pattern, text, read)
        found.days |= days
    found.months, text = _taken(_MONTH_ALONE, text, lambda match: _MONTHS[match[1].lower()])
    found.times, text = _taken(_TIME, text, lambda match: f"{int(match[1]):02}:{match[2]}")
    found.weekdays = {_WEEKDAYS[match[1].lower()] for match in _WEEKDAY.finditer(text)}
    found.relative = {match[1].lower() for match in _RELATIVE.finditer(text)}
    found.amounts, text = _taken(_AMOUNT, text, lambda match: (_number(match[1]), _unit(match[2])))
    found.numbers = {_number(match[0]) for match in _NUMBER.finditer(text)}
    return found


def invented(answer: str, sources: Sequence[str], counts: AbstractSet[int], today: date) -> Iterator[str]:
    """Yield each fact of an answer that no source has, and that cannot be counted from the sources.

    Args:
        answer: What was said.
        sources: What was read: results, and the questions.
        counts: How many there are of what the results list.
        today: The day of the question. It may be named, and days may be counted between it and a date that was read.
    """
    said, read = facts_of(answer), facts_of("\n".join(sources))
    read.days.add((today.year, today.month, today.day))
    dates = {each for day in read.days if (each := _date(day, today.year))}
    spans = {("day", float(abs((one - other).days))) for one in dates for other in dates}
    amounts = {_in_days(unit, number) for number, unit in read.amounts} | spans
    numbers = read.numbers | {number for number, _ in read.amounts} | set(map(float, counts))
    years = {year for year, _, _ in read.days}
    for name, unknown in (
        ("ID", said.ids - read.ids),
        ("status", said.statuses - read.statuses - _listed_statuses(sources)),
        ("date", {day for day in said.days if not _known(day, read.days)}),
        ("month", said.months - read.months - {month for _, month, _ in read.days}),
        ("weekday", said.weekdays - read.weekdays - {each.weekday() for each in dates}),
        ("time", said.relative - read.relative),
        ("time", said.times - read.times),
        ("amount", {amount for amount in said.amounts if _in_days(amount[1], amount[0]) not in amounts}),
        ("number", said.numbers - numbers - {float(year) for year in years if year}),
    ):
        yield from sorted(f"the {name} {_shown(each)} was not read" for each in unknown)


def _known(day: Day, days: AbstractSet[Day]) -> bool:
    year, *rest = day
    return any(other[1:] == tuple(rest) and (year is None or other[0] in (None, year)) for other in days)


def _in_days(unit: str, number: float) -> tuple[str, float]:
    return ("day", 7 * number) if unit == "week" else (unit, number)


def _date(day: Day, this_year: int) -> date | None:
    try:
        return date(day[0] or this_year, day[1], day[2])
    except ValueError:
        return None


def _shown(fact: object) -> str:
    return " ".join(str(part) for part in fact if part is not None) if isinstance(fact, tuple) else str(fact)


def _taken(pattern: re.Pattern[str], text: str, read: Callable[[re.Match[str]], T]) -> tuple[set[T], str]:
    return {read(match) for match in pattern.finditer(text)}, pattern.sub(" ", text)


def _year(text: str | None) -> int | None:
    return int(text) if text else None


def _number(text: str) -> float:
    """Read a number in English or in German: a point or comma before three digits at the end separates thousands."""
    if (word := _WORDS.get(text.lower())) is not None:
        return float(word)
    plain = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", text.rstrip(".,"))
    return float(plain.replace(",", ".")) if plain.count(",") + plain.count(".") <= 1 else float("nan")


def _unit(text: str) -> str:
    return next(name for name, pattern in _UNITS.items() if re.fullmatch(pattern, text, re.IGNORECASE))


def _listed_statuses(sources: Sequence[str]) -> AbstractSet[str]:
    """Return the statuses that results name without quotes: in a path, in a list, or as the nearest one."""
    return _STATUS_WORDS & set(chain.from_iterable(_LISTED.findall(source) for source in sources))
