"""The tables, for SQLite and PostgreSQL alike. A change here takes a migration in `migrations/`."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware time, kept and returned in UTC; SQLite itself forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  theirs
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  theirs
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


metadata = MetaData()
_ID: Final = String(100)
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")  # which numbers its rows only if they are plain integers


def _order() -> list[Column[str]]:
    return [
        Column("order_id", _ID, nullable=False),
        Column("subscription_id", _ID, nullable=False),
        Column("customer_id", _ID, nullable=False),
        Column("api_version", String(40), nullable=False),
    ]


def _seen() -> list[Column[str]]:
    return [Column("seen_by", String(10), nullable=False), Column("event_id", _ID)]


observations = Table(
    "observations",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    *_order(),
    Column("status", String(100), nullable=False),
    Column("blocked_reason", String(100)),
    Column("cancelled_reason", String(100)),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    Column("blocked_at", Moment),
    Column("appointment_at", Moment),
    Column("installed_at", Moment),
    Column("activated_at", Moment),
    Column("cancelled_at", Moment),
    Column("seen_at", Moment, nullable=False),
    *_seen(),
    Column("is_final", Boolean, nullable=False),
    Column("is_latest", Boolean, nullable=False),
    # When a look first showed an earlier state again, too soon to be believed.
    Column("doubted_at", Moment),
    Index("observations_of_an_order", "order_id", "number"),
)
Index(
    "latest_observation_of_an_order",
    observations.c.order_id,
    unique=True,
    sqlite_where=observations.c.is_latest,
    postgresql_where=observations.c.is_latest,
)

_is_doubted: Final = observations.c.doubted_at.is_not(None)
Index("doubted_observations", observations.c.doubted_at, sqlite_where=_is_doubted, postgresql_where=_is_doubted)

changes = Table(
    "changes",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    *_order(),
    Column("kind", String(20), nullable=False),
    Column("before", String(200), nullable=False),
    Column("after", String(200), nullable=False),
    Column("of_status", Boolean, nullable=False),
    Column("happened_at", Moment),
    Column("not_before", Moment),
    Column("seen_at", Moment, nullable=False),
    *_seen(),
    # `Change.earliest` and `Change.latest`, to search and sort by.
    Column("earliest", Moment, nullable=False),
    Column("latest", Moment, nullable=False),
    Index("newest_changes", "latest", "number"),
    Index("newest_changes_of_a_customer", "customer_id", "latest", "number"),
    Index("changes_of_an_order", "order_id", "latest", "number"),
    sqlite_autoincrement=True,  # a number that was deleted is not given again: who follows the feed would miss it
)

runs = Table(
    "runs",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("started_at", Moment, nullable=False),
    # One process walks at a time. One that has not been heard of for a while has died, and another may go on.
    Column("holder", String(100), nullable=False),
    Column("heartbeat_at", Moment, nullable=False),
    Column("cursor", Text),
    Column("requests", Integer, nullable=False),
    Column("orders_read", Integer, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("finished_at", Moment),
    # What a finished run could not look at, in words; empty if it looked at everything that could have changed.
    Column("not_covered", Text, nullable=False),
    Index("newest_runs", "started_at"),
)

events = Table(
    "events",
    metadata,
    Column("event_id", _ID, primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("happened_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("order_id", _ID),
    Column("subscription_id", _ID),
    Column("attempts", Integer, nullable=False),
    # When its order is to be read; empty once that is done, or if there is nothing to read.
    Column("due_at", Moment),
    Index("due_events", "due_at"),
    Index("events_of_an_order", "order_id"),
)

order_attempts = Table(
    "order_attempts",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("subscription_id", _ID, nullable=False),
    Column("caller", _ID, nullable=False),
    Column("host", String(200), nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("confirmed", String(20), nullable=False),
    # Of the confirmation code that was used, the signature.
    Column("code", _ID),
    # When the order was about to leave; empty if it never was.
    Column("sent_at", Moment),
    # From before the order leaves until its outcome is known for certain. Nothing else is sent meanwhile.
    Column("is_open", Boolean, nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("reason", _ID, nullable=False),
    Column("made_by", String(20), nullable=False),
    Column("order_id", _ID, nullable=False),
    Column("request_id", _ID, nullable=False),
    Column("closed_at", Moment),
    Column("closed_by", _ID, nullable=False),
    Index("attempts_of_a_subscription", "subscription_id", "number"),
    Index("used_codes", "code", unique=True),
    sqlite_autoincrement=True,
)
Index(
    "open_attempt_of_a_subscription",
    order_attempts.c.subscription_id,
    unique=True,
    sqlite_where=order_attempts.c.is_open,
    postgresql_where=order_attempts.c.is_open,
)

# Of each process, how many of the requests that may run at once are its own, and until when.
rate_leases = Table(
    "rate_leases",
    metadata,
    Column("credentials", String(64), primary_key=True),
    Column("holder", String(64), primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("ends_at", Moment, nullable=False),
)

# What each caller has used of its calls, at a moment; it becomes less with time. And what was granted then.
caller_budgets = Table(
    "caller_budgets",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("used", Float, nullable=False),
    Column("granted", Float, nullable=False),
    Column("counted_at", Moment, nullable=False),
)
