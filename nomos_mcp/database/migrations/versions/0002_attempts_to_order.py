"""Attempts to order."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "order_attempts",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("subscription_id", sa.String(length=100), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("began_at", _MOMENT, nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("confirmed", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100)),
        sa.Column("sent_at", _MOMENT),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("made_by", sa.String(length=20), nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.String(length=100), nullable=False),
        sa.Column("closed_at", _MOMENT),
        sa.Column("closed_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("attempts_of_a_subscription", "order_attempts", ["subscription_id", "number"])
    op.create_index(
        "open_attempt_of_a_subscription",
        "order_attempts",
        ["subscription_id"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_index("used_codes", "order_attempts", ["code"], unique=True)
