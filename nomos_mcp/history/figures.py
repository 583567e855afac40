"""What the metrics tell of a database's content: two numbers in one statement."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from nomos_mcp.database.database import Database
from nomos_mcp.database.tables import order_attempts, runs
from nomos_mcp.history.runs import COMPLETE


@dataclass(frozen=True, slots=True)
class Figures:
    """When the last complete run of watching began, and how many attempts to order are open."""

    last_complete: datetime | None
    open_attempts: int


async def figures(database: Database) -> Figures:
    """Read them.

    Raises:
        DatabaseError: The database does not answer.
    """
    last = select(func.max(runs.c.started_at)).where(COMPLETE).scalar_subquery()
    is_open = select(func.count()).select_from(order_attempts).where(order_attempts.c.is_open).scalar_subquery()
    async with database.reading() as connection:
        row = (await connection.execute(select(last, is_open))).one()
    return Figures(row[0], row[1])
