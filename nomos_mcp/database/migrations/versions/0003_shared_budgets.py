"""What processes share of the rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.DateTime(timezone=True)

# A holder asks for slots of `total`, of which `busy` cannot be given up, for `lasts` seconds. A row without a holder is
# no lease: until its end nothing is to be sent at all. Nothing lasts for more than a minute: what seems to is from
# before the clock was set back.
#   fair      what is one's own if slots are dealt out one by one, in an order that moves on, to all who want another
#   spare     a part of what nobody wants, so that not every further request has to ask; some is left for newcomers
#   granted   of these, what no other holder has
_LEASE_SLOTS = """
CREATE FUNCTION lease_slots(
    my_credentials text, me text, total integer, busy integer, wants integer, lasts float8, hold float8,
    OUT granted integer, OUT share integer, OUT lapses_in float8, OUT held_for float8,
    OUT server_age float8, OUT server_process integer
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    taken integer;
    fair integer;
    spare integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(my_credentials, 1918989413));
    moment := clock_timestamp();
    DELETE FROM rate_leases WHERE credentials = my_credentials
    AND (ends_at <= moment OR ends_at > moment + interval '1 minute');
    IF hold > 0 THEN
        INSERT INTO rate_leases (credentials, holder, slots, wanted, ends_at)
        VALUES (my_credentials, '', 0, 0, moment + make_interval(secs => hold))
        ON CONFLICT (credentials, holder) DO UPDATE SET ends_at = greatest(rate_leases.ends_at, excluded.ends_at);
    END IF;
    SELECT extract(epoch FROM max(ends_at) - moment) INTO held_for
    FROM rate_leases WHERE credentials = my_credentials AND holder = '';
    SELECT coalesce(sum(slots), 0), extract(epoch FROM min(ends_at) - moment) INTO taken, lapses_in
    FROM rate_leases WHERE credentials = my_credentials AND holder NOT IN ('', me);
    WITH wanting AS (
        SELECT holder, wanted FROM rate_leases WHERE credentials = my_credentials AND holder NOT IN ('', me)
        UNION ALL SELECT me, wants
    ), placed AS (
        SELECT holder, wanted, (row_number() OVER (ORDER BY holder) + total * turn) % holders AS place
        FROM wanting, (
            SELECT count(*) AS holders,
                floor(extract(epoch FROM moment) / CASE WHEN count(*) > total THEN 2 ELSE 10 END)::bigint AS turn
            FROM wanting WHERE wanted > 0
        ) AS order_of_the_moment WHERE wanted > 0
    )
    SELECT
        (SELECT count(*) FROM generate_series(1, wants) AS round WHERE total > (
            SELECT sum(least(each.wanted, round - 1))
                + count(*) FILTER (WHERE each.wanted >= round AND each.place < mine.place)
            FROM placed AS each)),
        (SELECT greatest(0, total - sum(wanted)) / (1 + count(*)) FROM placed)
    INTO fair, spare FROM placed AS mine WHERE mine.holder = me;
    share := coalesce(fair + spare, 0);
    granted := greatest(busy, least(share, total - taken));
    INSERT INTO rate_leases (credentials, holder, slots, wanted, ends_at)
    VALUES (my_credentials, me, granted, wants, moment + make_interval(secs => lasts))
    ON CONFLICT (credentials, holder)
    DO UPDATE SET slots = excluded.slots, wanted = excluded.wanted, ends_at = excluded.ends_at;
    server_age := extract(epoch FROM moment - pg_postmaster_start_time());
    server_process := pg_backend_pid();
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "rate_leases",
        sa.Column("credentials", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("credentials", "holder"),
    )
    op.create_table(
        "caller_budgets",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("used", sa.Float(), nullable=False),
        sa.Column("granted", sa.Float(), nullable=False),
        sa.Column("counted_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("caller"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_LEASE_SLOTS)
