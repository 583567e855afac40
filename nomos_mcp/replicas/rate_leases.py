"""`RateLeases`: how many of the requests that Nomos allows in a second are this process's own, for a moment.

The table and the function that deals the slots out are in PostgreSQL, whose clock alone says when a lease ends.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from nomos_mcp.client.trusted_hosts import checked_base_url
from nomos_mcp.database.postgresql import SharedConnection

LEASE: Final = 1.75
"""Seconds from an exchange to the end of what it leases, unless answers take long. The slots of a process that was
killed are free by then."""

_EXCHANGE: Final = "SELECT * FROM lease_slots($1, $2, $3, $4, $5, $6, $7)"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an exchange says.

    Attributes:
        slots: How many slots are ours.
        share: How many are to be, once others have given up theirs, or we have.
        lapses_in: Seconds until the next lease of somebody else ends, unless it is renewed; None if there is none.
        held_for: Seconds for which upstream wants nothing at all, as one of the holders was told.
        server_age: Seconds since PostgreSQL was started.
        server_process: The process of PostgreSQL that answered: another one after each new connection.
    """

    slots: int
    share: int
    lapses_in: float | None
    held_for: float
    server_age: float
    server_process: int


class RateLeases:
    """The leases of one holder.

    Args:
        connection: Its owner closes it.
        credentials: Whose limit it is; see `credentials_key`.
    """

    def __init__(self, connection: SharedConnection, credentials: str) -> None:
        self._connection = connection
        self._credentials = credentials
        self._holder = secrets.token_hex(16)

    async def exchange(self, total: int, busy: int, wanted: int, lasts: float, hold: float) -> Grant:
        """Lease slots anew, in one round trip. It replaces the last lease.

        Args:
            total: How many slots there are for all holders.
            busy: How many cannot be given up. So many are granted in any case.
            wanted: How many would be used now, the busy ones included.
            lasts: Seconds until the lease ends, counted by PostgreSQL.
            hold: Seconds for which upstream wants nothing from anybody; 0 if it did not say so.

        Raises:
            DatabaseError: The database does not answer. Whether it leased anything is not known.
        """
        values = (self._credentials, self._holder, total, busy, wanted, lasts, hold)
        [row] = await self._connection.fetch(_EXCHANGE, *values)
        return Grant(
            slots=row["granted"],
            share=row["share"],
            lapses_in=row["lapses_in"],
            held_for=row["held_for"] or 0.0,
            server_age=row["server_age"],
            server_process=row["server_process"],
        )


def credentials_key(base_url: str, identity: str) -> str:
    """Return what stands for credentials in the table, and does not reveal them.

    Args:
        base_url: Where they are used.
        identity: The client ID, or the access token.
    """
    return hashlib.sha256(f"{checked_base_url(base_url)}\n{identity}".encode()).hexdigest()
