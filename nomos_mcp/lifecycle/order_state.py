"""The fields of an order that its explanation needs, what they say together, and what is odd about them.

Last come the rules about its times: Berlin time with its zone, and ages in days.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    BLOCKS,
    CONTRADICTION,
    CURIE,
    PASSED,
    PATHS,
    UNKNOWN,
    ApiVersion,
    Confidence,
    Facts,
    blocked_statuses,
    facts_of,
)

_CLOCK_SKEW: Final = timedelta(minutes=5)
"""The vendor's clock and ours may differ: an order created this second must not look like one from the future."""

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_YEARS: Final = range(1900, 9999)
"""Years that Berlin's calendar can show. Year 1 and year 9999 stand for no date in many systems, and overflow here."""

Time = datetime | date
"""A time of the API, aware, or a day where it gave no time of day: a day in Berlin."""

TARGET_DAYS: Final = 8 * 7
"""Published target from order to installed meter ("about eight weeks"): the whole way, no single step."""

_CHECK_REVIEWED: Final = PATHS[CURIE][PATHS[CURIE].index("check_reviewed") :]
"""curie's statuses from the review of the check on."""

_HAPPENED: Final = ("created_at", "installed_at", "activated_at", "cancelled_at", "blocked_at")
_MILESTONES: Final = {"installed": "installed_at", "activated": "activated_at", "cancelled": "cancelled_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """A meter order as far as its explanation needs it.

    Every time is aware and in UTC, or a plain date where the API gave a day without a time of day. An edison order
    carries no time but `created_at`, and no reason. Its `updated_at` is left out on purpose: it is not the time of the
    change of status.

    Attributes:
        malo, melo: whether the subscription has the market and the metering location; None if that is not known.
        unreadable: times that could not be parsed, field name to raw text, bounded in length by whoever read it.
    """

    api_version: ApiVersion
    status: str
    created_at: Time | None = None
    installed_at: Time | None = None
    activated_at: Time | None = None
    cancelled_at: Time | None = None
    blocked_at: Time | None = None
    appointment_at: Time | None = None
    blocked_reason: str | None = None
    cancelled_reason: str | None = None
    malo: bool | None = None
    melo: bool | None = None
    unreadable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def has(self, name: str) -> bool:
        """Whether the API sent something in this field, readable or not."""
        return bool(getattr(self, name)) or name in self.unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an order's fields say together: the facts of its status, with the block laid over them.

    Attributes:
        state: the order that was read.
        status: the facts of the status, as if nothing lay over it.
        block: key of the text on curie's overlay (one of `BLOCKS`); None if no overlay lies there.
        turn: the facts that decide who acts: `CONTRADICTION`, else `PASSED` if an appointment has passed, else the
            overlay's if there is one, else the status's.
    """

    state: OrderState
    status: Facts
    block: str | None
    turn: Facts

    @property
    def confidence(self) -> Confidence:
        """How well it is known who must act."""
        return self.turn.confidence

    @property
    def sources(self) -> tuple[str, ...]:
        """Where all this is written. What is inferred of the status does not count once a block decides who acts."""
        if self.turn is self.status:
            return self.status.sources
        documented = (source for source in self.status.sources if not source.startswith("inferred"))
        return tuple(dict.fromkeys([*documented, *self.turn.sources]))


def read(state: OrderState, now: datetime | None, status: Facts | None = None) -> Reading:
    """Read an order: a contradiction of its fields first, then an appointment that has passed, a block, the status.

    Args:
        state: the order.
        now: the current time, aware; None for a status without an order.
        status: the facts to read it by, where its status is no status of its version but has facts all the same.
    """
    status = status or facts_of(state.status, state.api_version)
    block = _overlay(state) if is_blocked(state) else None
    turn = BLOCKS[block] if block else status
    if now and status.phase == "before_installation" and _has_passed(state.appointment_at, now):
        turn = PASSED
    # Whether a block still holds up an order that seems to have gone further is not known either.
    if turn.outcome == "open" and fields_ahead(state):
        turn = CONTRADICTION
    # Nor whether a status was reached whose own time lies ahead, or a meter is in place whose installation does.
    if now and (_milestone_ahead(state, now) or (turn is status and _appointment_too_late(state, status, now))):
        turn = CONTRADICTION
    return Reading(state=state, status=status, block=block, turn=turn)


def _milestone_ahead(state: OrderState, now: datetime) -> bool:
    """Whether the time at which an order reached its status lies further ahead than clocks differ."""
    name = _MILESTONES.get(state.status)
    reached = getattr(state, name) if name and state.api_version == CURIE else None
    return reached is not None and time_of_event(reached, now) is None


def _appointment_too_late(state: OrderState, status: Facts, now: datetime) -> bool:
    """Whether an installed curie order has an appointment that is still to come. One that cannot be read may be."""
    if state.api_version != CURIE or status.phase != "after_installation":
        return False
    return _is_to_come(state.appointment_at, now) or "appointment_at" in state.unreadable


def fields_ahead(state: OrderState) -> list[str]:
    """Fields that are ahead of the status, such as `installed_at` of an order that is placed.

    A status that is new to us may be final, unless there is a block: then it is open.
    """
    if state.api_version != CURIE:
        return []
    status = facts_of(state.status, state.api_version)
    may_go_on = status.outcome == "open" or (status is UNKNOWN and is_blocked(state))
    early = {
        "installed_at": status.phase == "before_installation",
        "activated_at": may_go_on,
        "cancelled_at": may_go_on or status.outcome == "success",
        "cancelled_reason": may_go_on or status.outcome == "success",
    }
    return [name for name, is_early in early.items() if is_early and state.has(name)]


def is_final(state: OrderState) -> bool:
    """Whether the order will not progress any more. An unknown status is not taken for final."""
    return facts_of(state.status, state.api_version).phase == "over"


def is_blocked(state: OrderState) -> bool:
    """Whether something holds the order up.

    edison says so in the status. In curie a block is transient and lies over the status: either of its two fields
    shows it, even one that cannot be read. A final order has nothing left to hold up: there the fields are an anomaly.
    """
    if state.api_version != CURIE:
        return state.status in blocked_statuses(state.api_version)
    return not is_final(state) and (state.has("blocked_at") or state.has("blocked_reason"))


def is_past_target(reading: Reading, now: datetime) -> bool | None:
    """Whether an order that is not installed yet is older than the target of about eight weeks; None if not known."""
    state, phase = reading.state, reading.status.phase
    ended = any(state.has(name) for name in _MILESTONES.values())
    if phase not in ("before_installation", "unknown") or ended or fields_ahead(state):
        return False
    past = is_older_than_target(state, now)
    return None if past and phase == "unknown" else past  # an order of a status that is new may be installed


def is_older_than_target(state: OrderState, now: datetime) -> bool | None:
    """Whether an order, wherever it stands, was placed longer ago than the target; None if not known."""
    days = days_since(state.created_at, now) if state.created_at else None
    return None if days is None else days > TARGET_DAYS


def _overlay(state: OrderState) -> str | None:
    if state.api_version != CURIE:
        return None
    if not state.blocked_reason:
        return "unstated"
    if state.blocked_reason == "check_missing" and (
        state.status in _CHECK_REVIEWED or state.has("installed_at") or state.has("activated_at")
    ):
        return "check_missing_after_review"
    # Only true reasons count: the vendor sending "unstated" would be a new reason like any other.
    return state.blocked_reason if state.blocked_reason in BLOCKED_REASONS else "unknown"


Anomaly = tuple[str, dict[str, str]]
"""An entry of `AnomalyTexts`, and what fills in its placeholders."""


def anomalies(reading: Reading, now: datetime, words: Catalogue) -> list[str]:
    """What is odd about the order's own fields, one sentence each."""
    return [getattr(words.anomaly, name).format(**blanks) for name, blanks in _anomalies(reading, now, words)]


def anomaly_names(state: OrderState, now: datetime, language: str = "en") -> list[str]:
    """What is odd about an order, each in three words at most, such as "appointment has passed"; each name once."""
    return names_of_anomalies(read(state, now), now, texts(language))


def names_of_anomalies(reading: Reading, now: datetime, words: Catalogue) -> list[str]:
    """As `anomaly_names`, of an order that was read already."""
    return list(dict.fromkeys(words.anomaly_names[name] for name, _ in _anomalies(reading, now, words)))


def _anomalies(reading: Reading, now: datetime, words: Catalogue) -> Iterator[Anomaly]:
    # Edison orders carry no times but `created_at`, and no reasons, so there nothing can be missing.
    state = reading.state
    for name, raw in state.unreadable.items():
        yield "unreadable", {"field": name, "text": repr(raw)}
    times = [(name, getattr(state, name)) for name in (*_HAPPENED, "appointment_at")]
    for name, moment in times:
        if moment and not in_berlin(moment):
            yield "unreadable", {"field": name, "text": repr(_as_it_came(moment))}
    for name, moment in times[:-1]:
        if moment and in_berlin(moment) and _is_after(moment, now + _CLOCK_SKEW):
            yield "in_future", {"field": name, "when": berlin_moment(moment, words)}
    if state.api_version == CURIE:
        yield from _odd_appointment(reading, now)
        yield from _odd_milestones(state)
        yield from _odd_block(state)


def _odd_appointment(reading: Reading, now: datetime) -> Iterator[Anomaly]:
    state, phase = reading.state, reading.status.phase
    if phase in ("after_installation", "over"):
        if _is_to_come(state.appointment_at, now):
            yield "appointment_too_late", {"status": state.status}
        elif "appointment_at" in state.unreadable and is_blocked(state):
            yield "appointment_while_blocked", {}
    elif is_blocked(state) and (is_ahead(state.appointment_at, now) or "appointment_at" in state.unreadable):
        yield "appointment_while_blocked", {}
    elif phase == "before_installation" and _has_passed(state.appointment_at, now):
        yield "appointment_past", {"status": state.status}
    if state.status == "scheduled" and not state.has("appointment_at"):
        yield "appointment_missing", {}


def _odd_milestones(state: OrderState) -> Iterator[Anomaly]:
    name = _MILESTONES.get(state.status)
    if name and not state.has(name):
        yield "without_time", {"field": name, "status": state.status}
    if state.status == "cancelled" and not state.cancelled_reason:
        yield "cancelled_without_reason", {}
    for name in fields_ahead(state):
        yield "too_early", {"field": name, "status": state.status}


def _odd_block(state: OrderState) -> Iterator[Anomaly]:
    if is_final(state) and (state.has("blocked_at") or state.has("blocked_reason")):
        yield "blocked_when_final", {"status": state.status}
    if not is_blocked(state):
        return
    if not state.blocked_reason:
        yield "blocked_without_reason", {}
    if not state.has("blocked_at"):
        yield "blocked_without_time", {}
    if state.blocked_reason == "check_missing" and state.status in _CHECK_REVIEWED:
        yield "check_already_reviewed", {"status": state.status}


def in_berlin(time: Time) -> Time | None:
    """A time by Berlin's clocks, a day as it is; None for what Berlin's calendar cannot show."""
    if time.year not in _YEARS:
        return None
    return time.astimezone(_BERLIN) if isinstance(time, datetime) else time


def _as_it_came(time: Time) -> str:
    return time.isoformat().replace("+00:00", "Z")


def berlin_moment(time: Time, words: Catalogue, *, zone: bool = True) -> str:
    """A time for people, such as "12 Nov 2026, 10:30 CET"; a day without a time of day; or a time as it came."""
    local = in_berlin(time)
    if not isinstance(local, datetime):
        return berlin_date(time, words)
    moment = words.format.moment.format(date=_date(local, words), time=f"{local:%H:%M}")
    return f"{moment} {words.format.zones['CEST' if local.dst() else 'CET']}" if zone else moment


def berlin_date(time: Time, words: Catalogue) -> str:
    """The day in Berlin, such as "12 Nov 2026", or the time as it came."""
    local = in_berlin(time)
    return _as_it_came(time) if local is None else _date(local, words)


def berlin_beginning(time: Time, end: Time, words: Catalogue) -> str:
    """The day in Berlin on which something begins that ends at `end`, without the year if that is the same."""
    first, last = in_berlin(time), in_berlin(end)
    if first is None or last is None or first.year != last.year or _day(first) == _day(last):
        return berlin_date(time, words)
    return words.format.day.format(day=first.day, month=words.format.months[first.month - 1])


def is_before(time: Time, now: datetime) -> bool:
    """Whether a time has passed. A day passes when it ends in Berlin."""
    return time < (now if isinstance(time, datetime) else _day(now))


def _is_after(time: Time, now: datetime) -> bool:
    """Whether a time lies ahead. A day lies ahead until it begins in Berlin."""
    return time > (now if isinstance(time, datetime) else _day(now))


def is_ahead(appointment: Time | None, now: datetime) -> bool:
    """Whether an appointment's day is not over in Berlin yet: installers come late."""
    days = days_since(appointment, now) if appointment else None
    return days is not None and days <= 0


def _has_passed(appointment: Time | None, now: datetime) -> bool:
    """Whether an appointment's day is over in Berlin."""
    days = days_since(appointment, now) if appointment else None
    return days is not None and days > 0


def _is_to_come(appointment: Time | None, now: datetime) -> bool:
    """Whether even the hour of an appointment has not come yet: a day is until it ends in Berlin."""
    return appointment is not None and in_berlin(appointment) is not None and not is_before(appointment, now)


def days_since(time: Time, now: datetime) -> int | None:
    """Days from a time to now by Berlin's calendar, negative if it lies ahead; None for what it cannot show."""
    return None if in_berlin(time) is None else (_day(now) - _day(time)).days


def age(time: Time, now: datetime, words: Catalogue) -> str | None:
    """The days that have passed since `time` or remain until it, such as "8 days ago". None as for `days_since`."""
    days = days_since(time, now)
    if days is None:
        return None
    if days == 0:
        return words.age.today
    if abs(days) == 1:
        return words.age.ago_one if days > 0 else words.age.ahead_one
    return (words.age.ago_many if days > 0 else words.age.ahead_many).format(days=abs(days))


def time_of_event(time: Time, now: datetime) -> Time | None:
    """The time of something that has happened: one that lies ahead by no more than clocks differ is now.

    None for one that lies further ahead: it cannot have happened.
    """
    if in_berlin(time) is None or not _is_after(time, now):
        return time
    if _is_after(time, now + _CLOCK_SKEW):
        return None
    return now if isinstance(time, datetime) else _day(now)


def _day(time: Time) -> date:
    local = in_berlin(time) or time
    return local.date() if isinstance(local, datetime) else local


def _date(local: date, words: Catalogue) -> str:
    # Not strftime: month names would follow the locale of the process instead of the language asked for.
    month = words.format.months[local.month - 1]
    return words.format.date.format(day=local.day, month=month, year=local.year)
