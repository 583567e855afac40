"""An order's past: what a read saw is recorded, and what the history knows about the order is told.

The history only adds to an answer. If its database fails or takes long, the order is answered without it, and says so.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil, floor
from typing import TYPE_CHECKING, Final, Literal

import anyio

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.database.errors import DatabaseError
from nomos_mcp.history.changes import Change, OrderLook, block_of
from nomos_mcp.lifecycle import CURIE, Audience, Language, StepTook
from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.order_state import berlin_beginning, berlin_date, berlin_moment
from nomos_mcp.lifecycle.statuses import PATHS
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import Result

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.store import History

MOST: Final = 2.0
"""Seconds that a read waits for the database."""
MAX_STEPS: Final = 10
ENOUGH: Final = 20
"""Finished cases from which on it is said how long a step took (our choice)."""

_MAX_CHANGES: Final = 100
_FOR_DURATIONS: Final = 0.25  # seconds to wait for statistics that are not computed yet; a later answer has them
_DAY: Final = timedelta(days=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Past:
    """What the history knows about an order.

    Attributes:
        changes: Oldest first.
        times_blocked: How many blocks were seen, the present one among them; 0 if it is not blocked.
        blocked_between: The two looks between which the present block began, if the history and not the order says so.
        missing: What the history could not do, a sentence.
        why: Why, for the operator.
    """

    changes: Sequence[Change] = ()
    times_blocked: int = 0
    blocked_between: tuple[datetime, datetime] | None = None
    missing: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRead:
    """An order that was read, and its past."""

    order: MeterOrder
    past: Past


class PastStep(Result):  # no docstring: clients would load it with every list of tools
    # What became of an order: `when`, or `after` one look and `by` the next one. Days in Berlin.
    what: str
    when: str | None = None
    after: str | None = None
    by: str | None = None
    source: Literal["documented", "observed"]


async def read_order(context: NomosContext, order_id: str) -> OrderRead:
    """Read an order by its ID (`prdo_…`)."""
    seen_at = context.now()
    order = await context.client.meter_orders.get(order_id)
    return OrderRead(order, await past_of(order, context, seen_at))


async def past_of(order: MeterOrder, context: NomosContext, seen_at: datetime) -> Past:
    """Record how an order was seen, and return its past. `seen_at` is when the request for it began."""
    past, missing, why = Past(), "The history cannot be read now.", "Its database takes too long."
    try:
        history = context.history
        if history is None:
            return past
        look = OrderLook.of(order, context.vocabulary, seen_at=seen_at, seen_by="read")
        with not_too_long(history):
            looks, past = await _known(history, look)
            missing = "What was read now could not be recorded."
            # What is known already needs no turn to write. Whether it is new is decided with the turn.
            if not looks or looks[-1].state != look.state:
                await history.record([look])
                _, past = await _known(history, look)
            return past
    except Exception as error:  # noqa: BLE001  whatever it is, the order is there
        why = reason_of(error)
    return replace(past, missing=missing, why=why)


def not_too_long(history: "History") -> anyio.CancelScope:
    """Give up what a history is asked after `MOST` seconds. One in memory is waited for: nobody else keeps it busy."""
    return anyio.move_on_after(None if history.database.is_in_memory else MOST)


def reason_of(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return str(error)
    _log.warning("The history failed: %s", type(error).__name__)
    return "It failed in a way that is not foreseen; the log names it."


async def _known(history: "History", look: OrderLook) -> tuple[list[OrderLook], Past]:
    looks = await history.looks(look.order_id)
    changes = await history.changes(order_id=look.order_id, limit=_MAX_CHANGES)
    return looks, Past(changes[::-1], _blocks(looks, look), _block_began(changes, looks, look))


def _block_began(
    changes: Iterable[Change], looks: Iterable[OrderLook], present: OrderLook
) -> tuple[datetime, datetime] | None:
    """Return between which looks the present block began. Of changes, newest first, the last one must tell it."""
    last = next((change for change in changes if change.kind in {"blocked", "unblocked"}), None)
    if last is None or last.not_before is None or last.before.startswith("blocked"):  # for another reason before
        return None
    if (last.api_version, last.after) != (present.api_version, block_of(present)):
        return None
    # The other vocabulary may have no word for a block: it may have ended and come back meanwhile.
    is_sure = all(look.api_version == last.api_version for look in looks if look.seen_at > last.seen_at)
    return (last.not_before, last.seen_at) if is_sure else None


def _blocks(looks: Iterable[OrderLook], present: OrderLook) -> int:
    """Count the blocks that were seen, if there is one now: each with a later time of its own, or after none."""
    count, before, since = 0, None, None
    for look in looks:
        if look.api_version != present.api_version:  # the other vocabulary may have no word for the block
            continue
        same = bool(before and before.is_blocked)
        if same and since and look.blocked_at and look.blocked_at > since:
            same = False
        count += look.is_blocked and not same
        since = look.blocked_at or (since if same else None)
        before = look
    return count if present.is_blocked else 0


async def step_took(order: MeterOrder, context: NomosContext) -> StepTook | None:
    """Return how long the step that an order is in took in all orders, if enough are known.

    It is about the whole organisation's orders, so it is for nobody who is limited to one customer.
    """
    if context.caller.is_fenced or (history := context.history) is None:
        return None
    look = OrderLook.of(order, context.vocabulary, seen_at=context.now(), seen_by="read")
    step = (look.api_version == CURIE and block_of(look)) or look.status
    try:
        known = await history.durations(60 if history.database.is_in_memory else _FOR_DURATIONS)
    except Exception as error:  # noqa: BLE001  whatever it is, the order is there
        reason_of(error)
        return None
    found = known and known.steps.get((look.api_version, step))
    if not found or found.finished < ENOUGH or found.least is None or found.median is None:
        return None
    return StepTook(
        cases=found.cases if look.is_blocked else found.orders,
        least=floor(found.least / _DAY),  # rounded so that what is said of them stays true
        median=ceil(found.median / _DAY),
        most=None if found.most is None else ceil(found.most / _DAY),
    )


def past_steps(order: MeterOrder, past: Past, audience: Audience, language: Language) -> list[PastStep] | None:
    """Return the last steps of an order, oldest first; None if its own dates say all that is known."""
    own = {order.created_at, order.installed_at, order.activated_at, order.cancelled_at, order.blocked_at}
    if all(change.happened_at in own for change in past.changes if change.happened_at) and not any(
        change.happened_at is None for change in past.changes
    ):
        return None
    words = texts(language)
    if audience == "customer":
        return _steps_for_customer(past.changes, words)[-MAX_STEPS:]
    steps = []
    before = ("", "")  # the status and the block that the lines so far leave it in
    for change in past.changes[-MAX_STEPS:]:
        steps.append(PastStep(what=_in_short(change, before, words), **_when(change, words)))
        before = (change.after, before[1]) if change.of_status else (before[0], change.after)
    return steps


def _in_short(change: Change, known: Iterable[str], words: Catalogue) -> str:
    if change.kind == "appointment":
        return in_berlin_time(change.after, words)
    after = "unblocked" if change.kind == "unblocked" and not change.of_status else change.after
    return after if not change.before or change.before in known else f"{change.before} → {after}"


def _steps_for_customer(changes: Iterable[Change], words: Catalogue) -> list[PastStep]:
    """One step for changes that a customer reads in the same words, unless a later one has a time of its own."""
    steps: list[PastStep] = []
    for change in changes:
        what = _for_customer(change, words)
        if not steps or steps[-1].what != what or change.happened_at:
            steps.append(PastStep(what=what, **_when(change, words)))
    return steps


def _for_customer(change: Change, words: Catalogue) -> str:
    say, version = words.past, change.api_version
    if change.kind == "appointment":
        moment = _appointment(change.after)
        return say.appointment.format(moment=berlin_moment(moment, words)) if moment else say.no_appointment
    if change.kind == "blocked" and not change.of_status:
        return say.on_hold
    status = PATHS[version][0] if change.after == "created" else change.after.partition(":")[0]
    label = words.statuses(version).get(status, words.unknown).label
    return say.goes_on.format(label=label) if change.kind == "unblocked" else label


def in_berlin_time(state: str, words: Catalogue) -> str:
    """Return what an order was or became as a change says it, but an appointment by Berlin's clocks."""
    moment = _appointment(state)
    return f"appointment {berlin_moment(moment, words)}" if moment else state


def _appointment(state: str) -> datetime | date | None:
    """The time in a change's words, such as "appointment 2026-06-12T08:00Z", or the day."""
    text = state.removeprefix("appointment ")
    if text == state:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _when(change: Change, words: Catalogue) -> dict[str, str]:
    if change.happened_at:
        return {"when": berlin_date(change.happened_at, words), "source": "documented"}
    by = berlin_date(change.seen_at, words)
    if change.not_before is None:
        return {"by": by, "source": "observed"}
    after = berlin_beginning(change.not_before, change.seen_at, words)
    return {"when": by, "source": "observed"} if after == by else {"after": after, "by": by, "source": "observed"}
