"""What becomes of an order between two looks at it. Pure: knows no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, Self

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import CURIE, ApiVersion, OrderState, is_blocked
from nomos_mcp.lifecycle.order_state import in_berlin
from nomos_mcp.lifecycle.statuses import INTEREST

SeenBy = Literal["poll", "webhook", "read"]
"""How an order was looked at: by watching, after a webhook's delivery, or to answer a question."""

Kind = Literal["created", "status", "blocked", "unblocked", "activated", "cancelled", "appointment"]
"""What became of an order. `status` is every change of status without a kind of its own."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far clocks may differ: upstream's, ours, and those of several machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLook:
    """An order as upstream showed it at one moment. Holds no personal data.

    Attributes:
        api_version: Whose vocabulary `status` is of.
        seen_at: When the request that read it began, so that nothing later than this is claimed.
        event_id: The webhook's event that led to this look.
    """

    order_id: str
    subscription_id: str
    customer_id: str
    api_version: ApiVersion
    status: str
    blocked_reason: str | None = None
    cancelled_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    blocked_at: datetime | None = None
    appointment_at: datetime | None = None
    installed_at: datetime | None = None
    activated_at: datetime | None = None
    cancelled_at: datetime | None = None
    seen_at: datetime
    seen_by: SeenBy
    event_id: str | None = None

    @classmethod
    def of(
        cls,
        order: MeterOrder,
        api_version: ApiVersion,
        *,
        seen_at: datetime,
        seen_by: SeenBy,
        event_id: str | None = None,
    ) -> Self:
        said = {name: getattr(order, name) for name in STATE if hasattr(order, name)}
        return cls(
            order_id=order.id,
            subscription_id=order.subscription,
            customer_id=order.customer,
            api_version=api_version,
            seen_at=seen_at,
            seen_by=seen_by,
            event_id=event_id,
            **said,
        )

    @property
    def state(self) -> tuple[object, ...]:
        """What upstream said; two looks with the same saw no difference."""
        return (self.api_version, *(getattr(self, name) for name in STATE))

    @property
    def is_blocked(self) -> bool:
        return is_blocked(self.order_state)

    @property
    def order_state(self) -> OrderState:
        """The order as the lifecycle reads it."""
        said = {name: getattr(self, name) for name in STATE if name != "updated_at"}
        return OrderState(api_version=self.api_version, **said | {"appointment_at": _day_or_time(self.appointment_at)})


_ABOUT: Final = frozenset({"order_id", "subscription_id", "customer_id", "api_version"})
_OF_LOOK: Final = frozenset({"seen_at", "seen_by", "event_id"})
STATE: Final = tuple(each.name for each in fields(OrderLook) if each.name not in _ABOUT | _OF_LOOK)
"""The fields of an order that a look keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that became of one order.

    Attributes:
        number: Its place in the order in which changes were recorded, from 1; 0 if it is not recorded.
        before: What it was, in the API's words, such as "placed" or "blocked: check_missing"; empty if not known.
        after: What it became.
        of_status: Whether the status changed.
        happened_at: When, as the order's own fields say; None if they do not.
        not_before: Without that: the last look that still showed the state before; None if there was none.
        seen_at: The first look that showed it: known since then.
    """

    number: int = 0
    order_id: str
    subscription_id: str
    customer_id: str
    api_version: ApiVersion
    kind: Kind
    before: str = ""
    after: str
    of_status: bool = False
    happened_at: datetime | None = None
    not_before: datetime | None = None
    seen_at: datetime
    seen_by: SeenBy
    event_id: str | None = None

    @property
    def earliest(self) -> datetime:
        """When it happened at the earliest, as far as that is known."""
        return self.happened_at or self.not_before or self.seen_at

    @property
    def latest(self) -> datetime:
        """When it happened at the latest."""
        return self.happened_at or self.seen_at


def changes_between(
    before: OrderLook | None, look: OrderLook, *, not_before: datetime | None, watched_since: datetime | None = None
) -> list[Change]:
    """What a look shows that the one before did not.

    Args:
        before: The last recorded look at this order; None if there was none, or it was in another API version's words.
        look: The present one.
        not_before: When the state before was last seen.
        watched_since: Since when every new order is noticed; None if nobody watches.

    Returns:
        Oldest first. Without a look before: what the order's own fields date. An order that was created while somebody
        watched had no status before but `created`, or edison's `waiting`. An order that is `intended` begins with that.
    """
    say = _Teller(look, not_before)
    if before is None:
        changes = say.first(watched_since)
    elif before.api_version != look.api_version:  # two vocabularies do not map one to one
        said = {"created", _named(before)}
        changes = [each for each in say.dated() if each.latest > before.seen_at and each.after not in said]
    else:
        changes = say.since(before)
    return sorted(changes, key=lambda change: change.latest)


_FIRST: Final = frozenset({"created", "waiting", INTEREST})
_DATED: Final[Mapping[str, Kind]] = {"installed": "status", "activated": "activated", "cancelled": "cancelled"}
"""The statuses that have a time of their own, in the order in which they come."""


@dataclass(frozen=True, slots=True)
class _Teller:
    look: OrderLook
    not_before: datetime | None

    def first(self, watched_since: datetime | None) -> list[Change]:
        """What is known of an order that was never seen before."""
        look = self.look
        created = self._plausible(look.created_at)
        if watched_since is None or (created and created < watched_since):
            return self.dated()
        not_before = min(created, look.seen_at) if created else None
        nothing: dict[str, Any] = dict.fromkeys(set(STATE) - {"status"})
        unseen = replace(look, status="", **nothing)
        return [self._created(), *replace(self, not_before=not_before).since(unseen)]

    def dated(self) -> list[Change]:
        """What the order's own fields say happened to it, each with its time."""
        look = self.look
        told = [self._created()] if self._plausible(look.created_at) else []
        told += self._dated_statuses("", (*self._dated_before(), look.status))
        if look.is_blocked and (moment := self._plausible(look.blocked_at)):
            told.append(self._change("blocked", "", block_of(look), happened_at=moment))
        return told

    def since(self, before: OrderLook) -> list[Change]:
        return [*self._status(before), *self._block(before), *self._appointment(before)]

    def _created(self) -> Change:
        moment = self._plausible(self.look.created_at)
        after = INTEREST if self.look.status == INTEREST else "created"  # nothing is ordered by an interest
        return self._change("created", "", after, happened_at=moment, of_status=True)

    def _status(self, before: OrderLook) -> list[Change]:
        look = self.look
        if before.status == look.status or (look.api_version != CURIE and (look.is_blocked or before.is_blocked)):
            return []  # what blocks in edison is a status: `_block` tells it
        if not before.status and look.status in _FIRST:
            return []  # it begins with it
        passed = [each for each in self._dated_before() if not getattr(before, f"{each}_at") and each != before.status]
        between = self._dated_statuses(_named(before), passed)
        was = between[-1].after if between else _named(before)
        kind, moment = _DATED.get(look.status, "status"), self._time_of(look.status)
        return [*between, self._change(kind, was, _named(look), happened_at=moment, of_status=True)]

    def _block(self, before: OrderLook) -> list[Change]:
        look, of_status = self.look, self.look.api_version != CURIE
        was, now = block_of(before), block_of(look)
        if not now:
            return self._unblocked(was) if was else []
        again = bool(was and before.blocked_at and look.blocked_at and look.blocked_at > before.blocked_at)
        if now == was and not again:
            return []
        # Another reason for the same block came at a time that nobody tells.
        moment = self._plausible(look.blocked_at) if again or not was else None
        if not was and (of_status or before.status == look.status):
            was = before.status  # of a block that lies over a new status it is not known whether it came before that
        return [self._change("blocked", was, now, happened_at=moment, of_status=of_status)]

    def _unblocked(self, was: str) -> list[Change]:
        kind: Kind = _DATED.get(self.look.status, "status")
        if self.look.api_version != CURIE:
            kind = "unblocked" if kind == "status" else kind
            return [self._change(kind, was, _named(self.look), of_status=True)]
        # A cancelled order is not freed of what blocked it.
        return [] if kind == "cancelled" else [self._change("unblocked", was, _named(self.look))]

    def _appointment(self, before: OrderLook) -> list[Change]:
        was, now = before.appointment_at, self.look.appointment_at
        return [] if was == now else [self._change("appointment", _appointment(was), _appointment(now))]

    def _dated_before(self) -> list[str]:
        """The statuses with times that come before the present one. Times of later ones contradict it: untold."""
        dated = list(_DATED)
        return dated[: dated.index(self.look.status)] if self.look.status in dated else []

    def _dated_statuses(self, was: str, statuses: Iterable[str]) -> list[Change]:
        told = []
        for status in statuses:
            if moment := self._time_of(status):
                after = _named(self.look, status)
                told.append(self._change(_DATED[status], was, after, happened_at=moment, of_status=True))
                was = after
        return told

    def _change(
        self, kind: Kind, before: str, after: str, *, happened_at: datetime | None = None, of_status: bool = False
    ) -> Change:
        look = self.look
        return Change(
            order_id=look.order_id,
            subscription_id=look.subscription_id,
            customer_id=look.customer_id,
            api_version=look.api_version,
            kind=kind,
            before=before,
            after=after,
            of_status=of_status,
            happened_at=happened_at,
            not_before=None if happened_at else self.not_before,
            seen_at=look.seen_at,
            seen_by=look.seen_by,
            event_id=look.event_id,
        )

    def _time_of(self, status: str) -> datetime | None:
        return self._plausible(getattr(self.look, f"{status}_at")) if status in _DATED else None

    def _plausible(self, moment: datetime | None) -> datetime | None:
        """A time at which something happened; None for one further ahead than clocks differ, or of no calendar."""
        return moment if moment and in_berlin(moment) and moment <= self.look.seen_at + CLOCK_SKEW else None


def block_of(look: OrderLook) -> str:
    """What blocks an order, such as "blocked: check_missing", or edison's own word for it; empty if nothing does."""
    if not look.is_blocked:
        return ""
    return f"blocked: {look.blocked_reason or 'no reason'}" if look.api_version == CURIE else look.status


def _named(look: OrderLook, status: str = "") -> str:
    status = status or look.status
    return f"cancelled: {look.cancelled_reason}" if status == "cancelled" and look.cancelled_reason else status


def _appointment(moment: datetime | None) -> str:
    day_or_time = _day_or_time(moment)
    if isinstance(day_or_time, datetime):
        return f"appointment {day_or_time.date()}T{day_or_time:%H:%MZ}"
    return f"appointment {day_or_time}" if day_or_time else "no appointment"


def _day_or_time(appointment: datetime | None) -> datetime | date | None:
    """Return an appointment without its time of day if that is midnight UTC, as which a mere day is read."""
    return appointment and (appointment.date() if appointment.time() == time() else appointment)
