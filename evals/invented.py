"""What an answer says and nobody read: its facts, compared with those of the results and the questions."""

import json
import re
from collections.abc import Iterator, Sequence, Set as AbstractSet
from datetime import date, timedelta
from itertools import chain
from typing import Final

from evals.facts import ID, MARKER, PERIODS, STATUS_WORDS, Amount, Day, Facts, facts_of
from nomos_mcp.lifecycle.order_state import TARGET_DAYS

_NEAR: Final = 7  # days: a weekday without a date is not further away
_ORDER: Final = re.compile(r"\b(prdo_[A-Za-z0-9]+)")
_SENTENCE: Final = re.compile(r"(?<!\d)[.!?;](?:\s|$)")
_FROM: Final = re.compile(r"\b(?:since|from|after|before|until|by|seit|ab|nach|vor|bis)\b", re.IGNORECASE)
_CONDITION: Final = re.compile(r"\b(?:once|until|when|as soon as|sobald|wenn|bis)\b[^.,;\n]*", re.IGNORECASE)
_DENIED: Final = re.compile(r"\b(?:not|no|nicht|kein\w*)\b|n['\u2019]t\b", re.IGNORECASE)
_LISTED: Final = re.compile(r"(?:[:,;→\"] ?|\bstatus )([a-z]+)(?=[\",.;]| \(| →)")  # created (Order accepted) → placed


def invented(
    answer: str, sources: Sequence[str], counts: AbstractSet[int], today: date, definitions: str = ""
) -> Iterator[str]:
    """Yield each fact of an answer that no source has, and that cannot be counted from the sources.

    Args:
        answer: What was said.
        sources: What was read: results, and the questions.
        counts: How many there are of what the results list.
        today: The day of the question. It may be named, and days may be counted between it and a date that was read.
        definitions: What the server says of itself and its tools: addresses and durations in it were read too.
    """
    said, read, known = facts_of(answer), facts_of("\n".join(sources)), facts_of(definitions)
    said.statuses = facts_of(_CONDITION.sub(" ", answer)).statuses  # "once it is `activated`" is told of no order
    read.days.add((today.year, today.month, today.day))
    dates = _dates(read.days, today)
    numbers = read.numbers | {amount.number for amount in read.amounts} | set(map(float, counts | _listed(answer)))
    near = {each for each in dates if abs((each - today).days) <= _NEAR}
    named = {each.weekday() for each in near | (dates & _dates(said.days, today))}
    for name, unknown in (
        ("ID", said.ids - read.ids),
        ("address", said.addresses - read.addresses - known.addresses),
        ("status", said.statuses - read.statuses - _listed_statuses(sources)),
        (
            "date",
            {day for day in said.days if not _known(day, read.days | {(None, month, 1) for month in read.months})},
        ),
        ("month", said.months - read.months - {month for _, month, _ in read.days}),
        ("weekday", said.weekdays - read.weekdays - named),
        ("weekday of", {each for each in said.weekdays_of if not _is_weekday(*each, today)}),
        ("time", {each for each in said.periods - read.periods if not _falls_into(each, dates, today)}),
        ("time", said.vague - read.vague),
        ("time", said.times - read.times),
        ("amount", said.amounts - _amounts(said, read, known, dates, today)),
        ("number", said.numbers - numbers - {float(each.year) for each in dates}),
    ):
        yield from sorted(f"the {name} {_shown(each)} was not read" for each in unknown)


def mixed_up(answer: str, results: Sequence[str], asked: str, today: date) -> Iterator[str]:
    """Yield each date and status that an answer tells of an order, and that was read only of others.

    In a line, what stands behind IDs is of these; where a date stands before the first one, it is of those behind it.
    """
    records = _records(results)
    allowed = facts_of(asked).days | {(today.year, today.month, today.day)}
    for line in answer.splitlines():
        for ids, text in _told(line):
            said = facts_of(text)
            for each in ids & records.keys():
                read = facts_of(records[each])
                statuses = set() if _DENIED.search(text) else said.statuses - read.statuses
                for wrong in said.days:
                    if not _known(wrong, read.days | allowed):
                        yield f"the date {_shown(wrong)} was not read of {each}"
                for status in sorted(statuses - _listed_statuses([records[each]])):
                    yield f"the status {status} was not read of {each}"


def _told(line: str) -> Iterator[tuple[set[str], str]]:
    """Yield the orders of a line, together with the text that tells of them."""
    first, *rest = _ORDER.split(line)
    texts = [_SENTENCE.split(text, maxsplit=1)[0] for text in rest[1::2]]
    before = facts_of(first).days and not _FROM.search(first) and not any(facts_of(text).days for text in texts[-1:])
    ids: set[str] = set()
    told = first
    for each, text in zip(rest[::2], texts, strict=True):
        ids.add(each)
        if facts_of(text).days or facts_of(text).statuses:
            yield ids, told if before else text
            ids, told = set(), text
    if before and ids:
        yield ids, told


def _records(results: Sequence[str]) -> dict[str, str]:
    """Return all that was read of each order: its objects and lines, and the results that name no other."""
    found: dict[str, str] = {}
    for result in results:
        ids = set(_ORDER.findall(result))
        for text in [result] if len(ids) == 1 else _smallest(json_of(result)):
            for each in set(_ORDER.findall(text)):
                found[each] = f"{found.get(each, '')}\n{text}"
    return found


def _smallest(data: object) -> Iterator[str]:
    """Return the lines and the objects of a result that hold an order's ID themselves."""
    if isinstance(data, dict):
        if any(isinstance(each, str) and _ORDER.match(each) for each in data.values()):
            yield json.dumps(data, ensure_ascii=False)
        else:
            yield from chain.from_iterable(map(_smallest, data.values()))
    elif isinstance(data, list):
        yield from chain.from_iterable(map(_smallest, data))
    elif isinstance(data, str):
        yield data


def json_of(text: str) -> object:
    """Return what a result holds; nothing if it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _listed(answer: str) -> AbstractSet[int]:
    """Return how many IDs the answer lists, in all and in each paragraph, and how many lines its lists have."""
    parts = (answer, *re.split(r"\n\s*\n", answer))
    return {len(set(ID.findall(part))) for part in parts} | {len(MARKER.findall(part)) for part in parts}


def _amounts(said: Facts, read: Facts, known: Facts, dates: AbstractSet[date], today: date) -> AbstractSet[Amount]:
    """Return the amounts that may be said: read, or counted from today, or between two dates that are said."""
    spoken = dates & (_dates(said.days, today) | {today})
    passed = {float((today - each).days) for each in dates if each <= today}
    ahead = {float((each - today).days) for each in dates if each >= today}
    late = {each - TARGET_DAYS for each in passed if each > TARGET_DAYS}
    between = late | {float(abs((one - other).days)) for one in spoken for other in spoken} | passed | ahead
    every = read.amounts | known.amounts
    allowed = set()
    for amount in said.amounts:
        unit, number = _in_days(amount)
        same = {each.direction for each in every if _in_days(each) == (unit, number)}
        match amount.direction:
            case 1:
                good = 1 in same or (unit == "day" and number in ahead) or (bool(same) and number == TARGET_DAYS)
            case -1:
                good = bool(same - {1}) or (unit == "day" and number in passed) or _roughly(amount, passed)
            case _:
                good = bool(same) or (unit == "day" and number in between)
        if good:
            allowed.add(amount)
    return allowed


def _roughly(amount: Amount, days: AbstractSet[float]) -> bool:
    """Whether so many weeks or months, in round figures, have passed."""
    length, most = {"week": (7.0, 3.0), "month": (30.4, 10.0)}.get(amount.unit, (0.0, -1.0))
    return any(abs(amount.number * length - each) <= most for each in days)


def _dates(days: AbstractSet[Day], today: date) -> AbstractSet[date]:
    return {each for day in days if (each := _date(day, today.year))}


def _falls_into(period: str, dates: AbstractSet[date], today: date) -> bool:
    first, last, from_monday = PERIODS[period]
    start = today - timedelta(days=today.weekday() if from_monday else 0)
    return any(first <= (each - start).days <= last for each in dates if each != today)


def _is_weekday(weekday: int, day: Day, today: date) -> bool:
    return (each := _date(day, today.year)) is not None and each.weekday() == weekday


def _known(day: Day, days: AbstractSet[Day]) -> bool:
    year, *rest = day
    return any(other[1:] == tuple(rest) and (year is None or other[0] in (None, year)) for other in days)


def _in_days(amount: Amount) -> tuple[str, float]:
    return ("day", 7 * amount.number) if amount.unit == "week" else (amount.unit, amount.number)


def _date(day: Day, this_year: int) -> date | None:
    try:
        return date(day[0] or this_year, day[1], day[2])
    except ValueError:
        return None


def _shown(fact: object) -> str:
    return " ".join(str(part) for part in fact if part is not None) if isinstance(fact, tuple) else str(fact)


def _listed_statuses(sources: Sequence[str]) -> AbstractSet[str]:
    """Return the statuses that results name without quotes: in a path, in a list, or as the nearest one."""
    return STATUS_WORDS & set(chain.from_iterable(_LISTED.findall(source) for source in sources))
