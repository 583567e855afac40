"""Tables of the history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("subscription_id", sa.String(length=100), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=False),
        sa.Column("api_version", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("before", sa.String(length=200), nullable=False),
        sa.Column("after", sa.String(length=200), nullable=False),
        sa.Column("of_status", sa.Boolean(), nullable=False),
        sa.Column("happened_at", _MOMENT),
        sa.Column("not_before", _MOMENT),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("seen_by", sa.String(length=10), nullable=False),
        sa.Column("event_id", sa.String(length=100)),
        sa.Column("earliest", _MOMENT, nullable=False),
        sa.Column("latest", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_of_an_order", "changes", ["order_id", "latest", "number"])
    op.create_index("newest_changes", "changes", ["latest", "number"])
    op.create_index("newest_changes_of_a_customer", "changes", ["customer_id", "latest", "number"])
    op.create_table(
        "events",
        sa.Column("event_id", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("happened_at", _MOMENT),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("order_id", sa.String(length=100)),
        sa.Column("subscription_id", sa.String(length=100)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("due_events", "events", ["due_at"])
    op.create_index("events_of_an_order", "events", ["order_id"])
    op.create_table(
        "observations",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("subscription_id", sa.String(length=100), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=False),
        sa.Column("api_version", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=100), nullable=False),
        sa.Column("blocked_reason", sa.String(length=100)),
        sa.Column("cancelled_reason", sa.String(length=100)),
        sa.Column("created_at", _MOMENT),
        sa.Column("updated_at", _MOMENT),
        sa.Column("blocked_at", _MOMENT),
        sa.Column("appointment_at", _MOMENT),
        sa.Column("installed_at", _MOMENT),
        sa.Column("activated_at", _MOMENT),
        sa.Column("cancelled_at", _MOMENT),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("seen_by", sa.String(length=10), nullable=False),
        sa.Column("event_id", sa.String(length=100)),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("is_latest", sa.Boolean(), nullable=False),
        sa.Column("doubted_at", _MOMENT),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(
        "doubted_observations",
        "observations",
        ["doubted_at"],
        sqlite_where=sa.text("doubted_at IS NOT NULL"),
        postgresql_where=sa.text("doubted_at IS NOT NULL"),
    )
    op.create_index(
        "latest_observation_of_an_order",
        "observations",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("is_latest"),
        postgresql_where=sa.text("is_latest"),
    )
    op.create_index("observations_of_an_order", "observations", ["order_id", "number"])
    op.create_table(
        "runs",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("heartbeat_at", _MOMENT, nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("orders_read", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.Column("not_covered", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("newest_runs", "runs", ["started_at"])
