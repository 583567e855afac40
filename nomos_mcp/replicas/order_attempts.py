"""`OrderAttempts`: the table of attempts to order, which all processes share and operators read.

Whether an order may be sent is decided here, by unique indexes: one open attempt of a subscription, and each
confirmation code once. All times are PostgreSQL's.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Float, Row, Select, case, cast, func, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import order_attempts

UNKNOWN: Final = "outcome_unknown"
"""The outcome of an attempt that was sent and stays open."""

LOOK: Final = "look"
"""Who closed an attempt whose order a later call found."""

_AT_ONCE: Final = 500
_columns = order_attempts.c
_now = func.clock_timestamp()  # the moment, not that of the transaction's beginning
_CODE_INDEX: Final = "used_codes"

Opened = Literal["open", "code used", "earlier attempt"]


@dataclass(frozen=True, slots=True)
class OrderAttempt:
    """One row; what is empty was never known.

    Attributes:
        number: Counts up.
        sent_at: When the order was about to leave; None if it never was.
        is_open: Whether nothing else is sent for the subscription, because the outcome is not known for certain.
        outcome: `begun`, then that of the call: `ordered`, `refused`, `outcome_unknown` and so on.
        closed_by: Who closed it, if not the call itself: `look`, `reconcile`, or a person.
        age: Seconds since it was sent, or else since it began.
    """

    number: int
    subscription_id: str
    caller: str
    host: str
    began_at: datetime
    decision: str
    confirmed: str
    sent_at: datetime | None
    is_open: bool
    outcome: str
    reason: str
    made_by: str
    order_id: str
    request_id: str
    closed_at: datetime | None
    closed_by: str
    age: float


_NAMES: Final = tuple(each.name for each in fields(OrderAttempt))


class OrderAttempts:
    """The attempts of one organisation at one host of Nomos.

    Every method raises `DatabaseError` if the database does not answer.

    Args:
        database: A PostgreSQL database.
        host: Where orders are sent.
    """

    def __init__(self, database: Database, host: str) -> None:
        self.database = database
        self.host = host

    async def begin(self, subscription_id: str, caller: str, decision: str, confirmed: str) -> int:
        """Insert an attempt and return its number."""
        row = {
            "subscription_id": subscription_id,
            "caller": _text(caller),
            "host": self.host,
            "began_at": _now,
            "decision": decision,
            "confirmed": confirmed,
            "is_open": False,
            "outcome": "begun",
            **dict.fromkeys(("reason", "made_by", "order_id", "request_id", "closed_by"), ""),
        }
        async with self.database.unordered() as connection:
            inserted = await connection.execute(order_attempts.insert().values(row).returning(_columns.number))
            return int(inserted.scalar_one())

    async def earlier(self, subscription_id: str) -> tuple[int, datetime | None]:
        """Return how many attempts at a subscription were about to be sent, and when the open one was."""
        query = select(func.count(_columns.sent_at), func.max(_columns.sent_at).filter(_columns.is_open))
        async with self.database.unordered() as connection:
            row = (await connection.execute(query.where(_columns.subscription_id == subscription_id))).one()
            return row[0], row[1]

    async def open(self, number: int, subscription_id: str, code: str, earlier: int) -> Opened:
        """Open an attempt, so that no other one at its subscription is sent.

        Args:
            number: Of the attempt.
            subscription_id: Its subscription.
            code: The signature of the confirmation code; empty without one.
            earlier: How many attempts were sent before the last look upstream. One more, and that look is too old.

        Raises:
            DatabaseError: Whether it is open is not known; see `is_open_for_certain`.
        """
        statement = (
            update(order_attempts)
            .where(_columns.number == number, _columns.outcome == "begun", _columns.closed_at.is_(None))
            .where(_columns.sent_at.is_(None))
            .values(is_open=True, sent_at=_now, code=code or None)
        )
        sent = select(func.count(_columns.sent_at)).where(_columns.subscription_id == subscription_id)
        try:
            async with self.database.unordered() as connection:
                try:
                    opened = await connection.execute(statement)
                except IntegrityError as error:
                    raise _RefusedError("code used" if _index_of(error) == _CODE_INDEX else "earlier attempt") from None
                # A statement of its own sees also what others sent and closed while the first one waited.
                all_sent = (await connection.execute(sent)).scalar_one()
                if (opened.rowcount, all_sent) != (1, earlier + 1):
                    await connection.rollback()
                    return "earlier attempt"
                return "open"
        except _RefusedError as refusal:
            return refusal.why

    async def is_open_for_certain(self, number: int) -> bool:
        """Read back whether an attempt was opened; one that was not can never be opened any more.

        Waits for the transaction that may still be opening it.
        """
        async with self.database.unordered(at_once=True) as connection:
            query = select(_columns.is_open, _columns.sent_at).where(_columns.number == number).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is not None and row.sent_at is None:
                closed = {"outcome": "refused", "reason": "no_record", "closed_at": _now}
                await connection.execute(update(order_attempts).where(_columns.number == number).values(closed))
            return row is not None and row.is_open

    async def complete(self, number: int, subscription_id: str, outcome: str, **more: str) -> Sequence[OrderAttempt]:
        """Write what an attempt knows of its own outcome; an unknown one leaves it open if it was opened.

        If the subscription has its order, an open attempt of an ended process is closed with that.

        Args:
            number: Of the attempt.
            subscription_id: Its subscription.
            outcome: Of the call.
            more: `decision`, `reason`, `made_by`, `order_id`, `request_id`.

        Returns:
            The other attempts that were closed.
        """
        values: dict[str, Any] = {name: _text(value) for name, value in more.items()}
        mine = update(order_attempts).where(_columns.number == number)
        if outcome == UNKNOWN:  # what others found out since is worth more
            mine = mine.where(_columns.closed_at.is_(None))
            closing: dict[str, Any] = {"closed_at": case((_columns.is_open, None), else_=_now)}
        else:
            closing = {"is_open": False, "closed_at": func.coalesce(_columns.closed_at, _now)}
        async with self.database.unordered(at_once=True) as connection:
            await connection.execute(mine.values(outcome=outcome, **values, **closing))
            if outcome != "already_ordered" or not more.get("order_id"):
                return ()
            return await self._found(connection, subscription_id, more["order_id"], LOOK)

    async def found(self, subscription_id: str, order_id: str, by: str) -> Sequence[OrderAttempt]:
        """Close the open attempt at a subscription with the order that was found, whoever made it.

        Returns:
            What was closed.
        """
        async with self.database.unordered() as connection:
            return await self._found(connection, subscription_id, order_id, by)

    async def _found(
        self, connection: AsyncConnection, subscription_id: str, order_id: str, by: str
    ) -> Sequence[OrderAttempt]:
        of_it = (_columns.subscription_id == subscription_id, _columns.host == self.host)
        return await _closed(connection, of_it, outcome="ordered", made_by="unknown", order_id=order_id, closed_by=by)

    async def close(self, number: int, *, outcome: str, order_id: str, by: str) -> Sequence[OrderAttempt]:
        """Close an open attempt by a person's word; returns nothing if it is not open any more."""
        made_by = "unknown" if outcome == "ordered" else ""
        async with self.database.unordered() as connection:
            return await _closed(
                connection, (_columns.number == number,), outcome=outcome, made_by=made_by, order_id=order_id,
                closed_by=by, reason="",
            )  # fmt: skip

    async def newest(
        self, *, limit: int, subscription_id: str = "", number: int = 0, only_open: bool = False
    ) -> list[OrderAttempt]:
        """Return attempts, newest first: all, or of one subscription, or the one with a number, or the open ones."""
        conditions: list[ColumnElement[bool]] = [true()]
        if subscription_id:
            conditions.append(_columns.subscription_id == subscription_id)
        if number:
            conditions.append(_columns.number == number)
        if only_open:
            conditions.append(_columns.is_open)
        query = _select().where(*conditions).order_by(_columns.number.desc()).limit(limit)
        async with self.database.unordered() as connection:
            return [_attempt(row) for row in await connection.execute(query)]

    async def exported(self) -> AsyncIterator[OrderAttempt]:
        """Yield all attempts, oldest first."""
        last = 0
        while True:
            query = _select().where(_columns.number > last).order_by(_columns.number).limit(_AT_ONCE)
            async with self.database.unordered() as connection:
                rows = [_attempt(row) for row in await connection.execute(query)]
            for row in rows:
                yield row
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1].number


class _RefusedError(Exception):
    def __init__(self, why: Opened) -> None:
        super().__init__()
        self.why = why


async def _closed(
    connection: AsyncConnection, which: Sequence[ColumnElement[bool]], **values: str
) -> Sequence[OrderAttempt]:
    cleaned = {name: _text(value) for name, value in values.items()}
    statement = update(order_attempts).where(*which, _columns.is_open)
    closed = statement.values(is_open=False, closed_at=_now, **cleaned).returning(*_shown())
    return [_attempt(row) for row in await connection.execute(closed)]


def _shown() -> list[ColumnElement[Any]]:
    since = func.coalesce(_columns.sent_at, _columns.began_at)
    age = cast(func.extract("epoch", _now - since), Float).label("age")
    return [age if name == "age" else _columns[name] for name in _NAMES]


def _select() -> Select[Any]:
    return select(*_shown())


def _attempt(row: Row[Any]) -> OrderAttempt:
    return OrderAttempt(*list(row))


def _text(value: str) -> str:
    """Cut a value to what its column holds, without what PostgreSQL accepts in no text."""
    return value.replace("\0", "").encode(errors="replace").decode()[:100]


def _index_of(error: IntegrityError) -> str:
    driver = error.orig.__cause__ if error.orig else None
    return str(getattr(driver, "constraint_name", ""))
